"""Spread regime: the spread has been tighter for minutes than it usually is, and trading stays cheap.

reading = ln(spread_usual / spread_lately), half an hour against five minutes: spreads cluster as volatility
does, for what makes them wide lasts (Bollerslev and Melvin 1994). `liquidity_opportunity` says what an order
costs within the next seconds, this one what goes on for minutes. NaN until there is a quote. No market has it
unless it names it: `extra = ["spread_regime"]`. What lies within a tenth of the usual is no other regime.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    if f.spread_usual <= 0.0:
        return math.nan
    return math.log(f.spread_usual / f.spread_lately)


SPREAD_REGIME = Signal(
    ("spread_regime",), reading, floor=0.1, needs=("quotes",), tuned=("liquidity_usual_s",)
)
