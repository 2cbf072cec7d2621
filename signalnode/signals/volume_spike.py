"""Volume spike: more is traded than usual.

reading = ⅛ ln(r₁ r₅³ r₂₅⁴) + ½ ln(trading_usual), where r₁, r₅ and r₂₅ are `trading_1`, `trading_5` and
`trading_25` over the usual, NEGLIGIBLE more each: the weighted mean of the logs over a moment, a minute and
some minutes, less half the log of the usual; −∞ while nothing has ever been traded. Volume clusters (Clark
1973), over many spans at once, so that several foresee more than one does (Corsi 2009). Half of the usual is
taken off because a market that has traded more for half an hour is no spike any longer.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import NEGLIGIBLE, Signal, log_or_nothing, over_spans


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    usual = f.trading_usual
    if usual <= 0.0:
        return -math.inf
    product = over_spans(f.trading_1, f.trading_5, f.trading_25, usual, NEGLIGIBLE)
    return 0.125 * log_or_nothing(product * (usual * usual) * (usual * usual))


VOLUME_SPIKE = Signal(("volume_spike",), reading, needs=("prices", "trades"), tuned=("volume_s",))
