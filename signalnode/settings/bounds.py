"""The range of a number, as an annotation of the field that holds it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Within:
    """The range of a number, both ends included."""

    low: float
    high: float
