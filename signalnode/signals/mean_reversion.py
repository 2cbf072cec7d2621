"""Mean reversion: the price stands away from fair value and is about to come back.

reading = −distance (dimensionless, a log return): the way back from log mid to its exponential average over
`fair_value_s` (Zumbach and Müller 2001). Two-sided, and measured from its own mean: in a market that climbs
for hours the distance is always there and says nothing.
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    back: float = -f.distance
    return back


MEAN_REVERSION = Signal(("mean_reversion_long", "mean_reversion_short"), reading, floor=1e-7)
