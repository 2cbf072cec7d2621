"""Momentum: the price is about to go on in its direction.

reading = imbalance + FLOW_WEIGHT · order_flow + DRIFT_WEIGHT · (t³ + T³), dimensionless, with t = trend /
√(variance · trend_s / 2) and T = distance / √(variance · fair_value_s / 2): the drift of the last seconds and
of the last minutes, in standard deviations of a random walk, each held within ±DRIFT_MAX.

The book leads the price by a second or so: the imbalance at the top is where the micro-price stands in the
spread (Stoikov 2018), decayed order flow imbalance is what has just pushed it (Cont, Kukanov and Stoikov
2014). Drift enters by its cube: a random walk's wiggle (|t| about 1) hardly counts, a climb that no random
walk makes counts most. Two-sided and anchored: zero is no momentum.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal

FLOW_WEIGHT = 0.25  # of the imbalance's: it tells much the same, a little sooner
DRIFT_WEIGHT = 0.0005  # t = 12.6 counts as much as a book that is all on one side
DRIFT_MAX = 15.0  # standard deviations beyond which more drift says no more


@compiled
def _drift(move: float, variance: float, time_constant_s: float) -> float:
    """(move / √(variance · τ / 2))³, the move in standard deviations of a decayed sum of returns; 0 where
    nothing moved.
    """
    usual = math.sqrt(0.5 * variance * time_constant_s)
    if usual <= 0.0:
        return 0.0
    t = min(max(move / usual, -DRIFT_MAX), DRIFT_MAX)
    return t * t * t


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    drift = _drift(f.trend, f.variance, p.trend_s) + _drift(f.distance, f.variance, p.fair_value_s)
    lean: float = f.imbalance + FLOW_WEIGHT * f.order_flow
    return lean + DRIFT_WEIGHT * drift


MOMENTUM = Signal(("momentum_long", "momentum_short"), reading, anchored=True)
