"""What moves a price: its drift beyond chance, who leans on it and who takes, and how much is going on.

The readings of momentum, mean reversion and book pressure are made of these; all are dimensionless.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.features.decay import decay

STEADY = 1.8  # deviations: 1.4 is one jump, 3.5 a price that goes one way only
ACTIVITY_WEIGHT = 0.7  # against a direction, in deviations or leans
RANGE = 2.5  # from rest to the usual: a market that never moved, and one that hardly does
BURST_MAX = 8.0  # times the usual beyond which more says no more
STILL = 1e-9  # of the usual variance; less is nothing at all
IDLE_S = 20.0  # a price that has stood still so long, and so many usual intervals, says e times less
INTERVALS = 5.0
TRADED_WEIGHT = 0.5  # of the moves'
TRADED_MIN = 0.1  # of the usual trading: where nobody trades, the price tells
FLOW_WEIGHT = 0.4  # of the imbalance's: it tells much the same, a little sooner


@compiled
def deviations(f: Any, p: Any, variance: float) -> float:
    """distance / √(½ variance · fair_value_s), in deviations of a random walk; 0 where nothing moved."""
    usual = math.sqrt(0.5 * variance * p.fair_value_s)
    return f.distance / usual if usual > 0.0 else 0.0


@compiled
def freshness(f: Any) -> float:
    """e^(−½ stillness): what is left of a direction that nothing has moved by."""
    left: float = decay(0.5 * stillness(f))
    return left


@compiled
def stillness(f: Any) -> float:
    """idle_s / (IDLE_S + INTERVALS · move_interval): how long the price has stood still, for this market."""
    still: float = f.idle_s / (IDLE_S + INTERVALS * f.move_interval)
    return still


@compiled
def activity(f: Any, p: Any) -> float:
    """ACTIVITY_WEIGHT · A / √(1 + (A/RANGE)²), A = ln m(v) + TRADED_WEIGHT · ln m(w + TRADED_MIN) −
    stillness: how much goes on, whichever way. v = variance_now / variance and w = trading_1 /
    trading_usual (1 where there are no trades), m(x) = x / (1 + x / BURST_MAX).
    """
    v = f.variance_now / f.variance if f.variance > 0.0 else 0.0
    v = max(v, STILL)
    w = f.trading_1 / f.trading_usual if f.trading_usual > 0.0 else 1.0
    w += TRADED_MIN
    trades = TRADED_WEIGHT * math.log(w / (1.0 + w / BURST_MAX))
    much = math.log(v / (1.0 + v / BURST_MAX)) + trades - stillness(f)
    return ACTIVITY_WEIGHT * much / math.sqrt(1.0 + (much / RANGE) ** 2)


@compiled
def book_lean(f: Any) -> float:
    """imbalance − imbalance_usual + FLOW_WEIGHT · order_flow: 0 where sizes say nothing."""
    if f.heard_sizes == 0.0:
        return 0.0
    lean: float = f.imbalance - f.imbalance_usual + FLOW_WEIGHT * f.order_flow
    return lean
