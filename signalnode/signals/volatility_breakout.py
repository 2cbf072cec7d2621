"""Volatility breakout: the market moves more than it is used to, and is about to go on so.

reading = ln(volatility), the log of the smoothed variance per second over the last `volatility_s` (Zumbach
and Müller 2001), floored at NEGLIGIBLE of the usual; −∞ while that is below VOLATILITY_MIN: nothing has
moved. Volatility clusters, so much now means much soon (Engle 1982).
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal, log_floored

VOLATILITY_MIN = 1e-22  # per second; the finest tick makes 1e-17, the rounding of moves undone at once 1e-32


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    if f.volatility_usual < VOLATILITY_MIN:
        return -math.inf
    return log_floored(f.volatility, f.volatility_usual)


VOLATILITY_BREAKOUT = Signal(("volatility_breakout",), reading)
