"""Volatility breakout: the market moves more than it is used to, and is about to go on so.

reading = ln(volatility), the log of the smoothed variance per second over the last `volatility_s` (Zumbach
and Müller 2001), floored at NOTHING of the usual; −∞ while nothing has ever moved. Volatility clusters, so
much now means much soon (Engle 1982).
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal, log_floored


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    return log_floored(f.volatility, f.volatility_usual)


VOLATILITY_BREAKOUT = Signal(("volatility_breakout",), reading)
