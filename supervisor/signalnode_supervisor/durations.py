"""Seconds, as settings say them, in nanoseconds, as everything here counts them."""

from __future__ import annotations

NS_PER_S = 1_000_000_000


def ns(seconds: float) -> int:
    """Whole nanoseconds of a time in seconds."""
    return round(seconds * NS_PER_S)
