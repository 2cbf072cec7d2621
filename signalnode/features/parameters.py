"""What a market may set for itself: each parameter declared once, by the family that uses it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number a market's `[signals]` table may set: `minimum` ≤ value ≤ `maximum`, in `unit`."""

    name: str
    default: float
    minimum: float
    maximum: float
    unit: str
    why: str
