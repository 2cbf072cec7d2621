"""Logarithms of prices that lie close together: what one has moved, and how wide a spread is."""

from __future__ import annotations

import math

from signalnode.compiled import compiled

NEAR = 2.0**-9  # below, the seventh term of the series is less than the last bit


@compiled
def log1p(x: float) -> float:
    """ln(1 + x), to the last bit or the one beside it; exactly 0 where x is. Straight arithmetic, like
    `decay.decay`, for moves under 0.2%, which most are.
    """
    if abs(x) >= NEAR:
        return math.log1p(x)
    x2 = x * x
    return x - x2 * ((1.0 / 2.0 - x * (1.0 / 3.0)) + x2 * ((1.0 / 4.0 - x * (1.0 / 5.0)) + x2 * (1.0 / 6.0)))
