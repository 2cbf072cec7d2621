"""Volatility breakout: the market moves more than it is used to, and is about to go on so.

reading = max(⅛ ln(r₁ r₅³ r₂₅⁴), ln r₁ − ln JUMP) + ¼ ln(volatility_usual), where r₁, r₅ and r₂₅ are
`volatility`, `volatility_5` and `volatility_25` over the usual; −∞ while the usual is below VOLATILITY_MIN:
nothing has moved. Volatility clusters (Engle 1982), over many spans at once, so that several foresee more
than one does (Corsi 2009). A jump that the longer spans have not heard of, as after a halt, speaks for itself
once it is JUMP times the usual. Three quarters of the usual are taken off, because a market that has moved
more for half an hour breaks out no longer.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal, log_or_nothing, over_spans

VOLATILITY_MIN = 1e-11  # per √second; the finest tick makes 3e-9, the rounding of moves undone at once 1e-16
JUMP = 3.0


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    usual = f.volatility_usual
    if usual < VOLATILITY_MIN:
        return -math.inf
    lasting = over_spans(f.volatility, f.volatility_5, f.volatility_25, usual)
    jump = f.volatility / usual / JUMP
    jump *= jump
    jump *= jump
    return 0.125 * log_or_nothing(max(lasting, jump * jump) * usual * usual)


VOLATILITY_BREAKOUT = Signal(("volatility_breakout",), reading, tuned=("volatility_s", "volatility_lag_s"))
