"""Momentum: the price is about to go on in its direction.

reading = imbalance − imbalance_usual + FLOW_WEIGHT · order_flow + DRIFT_WEIGHT · t³ + CLIMB_WEIGHT · sgn T ·
T⁸ / (KNEE⁸ + T⁸) + AGREEMENT_WEIGHT · agreement · |agreement|, dimensionless, with t = trend / √(variance ·
trend_s / 2) within ±DRIFT_MAX and T = distance / √(variance · fair_value_s / 2): the drift of the last
seconds and of the last minutes, in standard deviations of a random walk.

The book leads the price by a second or so: the imbalance at the top is where the micro-price stands in the
spread (Stoikov 2018), decayed order flow imbalance is what has just pushed it (Cont, Kukanov and Stoikov
2014). Drift counts little while a random walk could have made it and most when none could, hence the powers:
on the Binance recordings |T| stays below 6. Where quotes come once a second even a price that only rises is
soon within a few standard deviations; there the agreement of its moves tells, which in a busy market is near
0. Two-sided and anchored: zero is no momentum. A book that always leans one way says no more by that than an
even one elsewhere, so it counts from its usual lean.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import Signal

FLOW_WEIGHT = 0.25  # of the imbalance's: it tells much the same, a little sooner
DRIFT_WEIGHT = 0.0005  # t = 12.6 counts as much as a book that is all on one side
DRIFT_MAX = 15.0  # standard deviations beyond which more drift says no more
CLIMB_WEIGHT = 2.5  # twice what book and flow can say against it
KNEE = 8.0  # standard deviations: half the weight there, a tenth of it at 6
AGREEMENT_WEIGHT = 3.0


@compiled
def _deviations(move: float, variance: float, time_constant_s: float) -> float:
    """move / √(variance · τ / 2), the move in standard deviations of a decayed sum of returns; 0 where
    nothing moved.
    """
    usual = math.sqrt(0.5 * variance * time_constant_s)
    return move / usual if usual > 0.0 else 0.0


@compiled
def _climb(deviations: float) -> float:
    """sgn x · x⁸ / (1 + x⁸) with x in knees."""
    x = min(max(deviations / KNEE, -100.0), 100.0)
    power = (x * x) ** 4
    return math.copysign(power / (1.0 + power), x)


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    t = min(max(_deviations(f.trend, f.variance, p.trend_s), -DRIFT_MAX), DRIFT_MAX)
    climb = _climb(_deviations(f.distance, f.variance, p.fair_value_s))
    lean: float = f.imbalance - f.imbalance_usual + FLOW_WEIGHT * f.order_flow
    drift = DRIFT_WEIGHT * t * t * t + CLIMB_WEIGHT * climb
    agreement: float = AGREEMENT_WEIGHT * f.agreement * abs(f.agreement)
    return lean + drift + agreement


MOMENTUM = Signal(("momentum_long", "momentum_short"), reading, anchored=True)
