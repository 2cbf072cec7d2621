"""What moves a price: its drift beyond chance, who leans on it and who takes, and how much is going on.

The readings of momentum, mean reversion and book pressure are made of these; all are dimensionless.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.features.decay import decay
from signalnode.signals.base import NEGLIGIBLE

STEADY = 1.8  # deviations: 1.4 is one jump, 3.5 a price that goes one way only
ACTIVITY_WEIGHT = 2.6  # against a direction, in deviations or leans
BURST_MAX = 1.0  # of the log of volatility over the usual: more says hardly more
CALM_MAX = 0.5  # the same below the usual, where one that hardly moves is soon
REST_WEIGHT = 0.6  # of a price that stands still, beside its volatility's
IDLE_S = 20.0  # a price has stood still when it has for so long, and so many of its usual intervals
INTERVALS = 5.0
FLOW_WEIGHT = 0.4  # of the imbalance's: it tells much the same, a little sooner


@compiled
def bounded(x: float, most: float) -> float:
    """x / √(1 + (x/most)²), from −most to most."""
    share = x / most
    return x / math.sqrt(1.0 + share * share)


@compiled
def deviations(f: Any, p: Any, variance: float) -> float:
    """distance / √(½ variance · fair_value_s), in deviations of a random walk; 0 where nothing moved."""
    usual = math.sqrt(0.5 * variance * p.fair_value_s)
    return f.distance / usual if usual > 0.0 else 0.0


@compiled
def freshness(f: Any) -> float:
    """e^(−½ stillness²): what is left of a direction that nothing has moved by. A wait for the next event
    takes hardly any of it, and a halt all.
    """
    left: float = decay(0.5 * stillness(f) ** 2)
    return left


@compiled
def stillness(f: Any) -> float:
    """idle_s / (IDLE_S + INTERVALS · move_interval): how long the price has stood still, for this market."""
    still: float = f.idle_s / (IDLE_S + INTERVALS * f.move_interval)
    return still


@compiled
def activity(f: Any, p: Any) -> float:
    """ACTIVITY_WEIGHT · (bounded(v, BURST_MAX above 0, CALM_MAX below) / (1 + move_interval / (25
    volatility_s)) − REST_WEIGHT · s⁴ / (1 + s⁴)): how much goes on, whichever way. v = ⅕ ln(r₅³ r₂₅²), r =
    volatility_5 and volatility_25 over the usual, NEGLIGIBLE more each, counts the less the fewer moves it
    rests on; s = stillness. 0 where nothing has ever moved: nothing is known of it.
    """
    if f.move_interval == 0.0 or f.volatility_usual == 0.0:
        return 0.0
    usual = f.volatility_usual
    minute, minutes = f.volatility_5 / usual + NEGLIGIBLE, f.volatility_25 / usual + NEGLIGIBLE
    v = 0.2 * math.log(minute * minute * minute * (minutes * minutes))
    told = 1.0 + f.move_interval / (25.0 * p.volatility_s)
    square = min(stillness(f) ** 2, 1e12)
    rest = square * square / (1.0 + square * square)
    much = bounded(v, BURST_MAX if v > 0.0 else CALM_MAX) / told - REST_WEIGHT * rest
    weighed: float = ACTIVITY_WEIGHT * much
    return weighed


@compiled
def book_lean(f: Any) -> float:
    """imbalance − imbalance_usual + FLOW_WEIGHT · order_flow: 0 where sizes say nothing."""
    if f.heard_sizes == 0.0:
        return 0.0
    lean: float = f.imbalance - f.imbalance_usual + FLOW_WEIGHT * f.order_flow
    return lean
