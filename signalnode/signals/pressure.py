"""What moves a price: its drift beyond chance, who leans on it and who takes, and how much is going on.

The readings of momentum, mean reversion and book pressure are made of these; all are dimensionless.
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled, sqrt, where
from signalnode.features.decay import decay
from signalnode.features.logarithm import log
from signalnode.signals.base import NEGLIGIBLE, VOLATILITY_MIN

STEADY = 1.8  # deviations: 1.4 is one jump, 3.5 a price that goes one way only
ACTIVITY_WEIGHT = 2.6  # against a direction, in deviations or leans
BURST_MAX = 1.0  # of the log of volatility over the usual: more says hardly more
CALM_MAX = 0.5  # the same below the usual, where one that hardly moves is soon
MOVES = 2.0  # so many in a span, and it counts by half: fewer tell hardly how far the price goes
REST_WEIGHT = 0.6  # of a price that stands still, beside its volatility's
IDLE_S = 20.0  # a price has stood still when it has for so long, and so many of its usual intervals
INTERVALS = 5.0
FLOW_WEIGHT = 0.4  # of the imbalance's: it tells much the same, a little sooner


@compiled
def bounded(x: float, most: float) -> float:
    """x / √(1 + (x/most)²), from −most to most."""
    share = x / most
    return x / sqrt(1.0 + share * share)


@compiled
def deviations(f: Any, p: Any, variance: float) -> float:
    """distance / √(½ variance · fair_value_s), in deviations of a random walk; 0 where nothing moved."""
    usual = sqrt(0.5 * variance * p.fair_value_s)
    return f.distance / usual if usual > 0.0 else 0.0


@compiled
def freshness(f: Any) -> float:
    """e^(−½ stillness²): what is left of a direction that nothing has moved by. A wait for the next event
    takes hardly any of it, and a halt all.
    """
    still = stillness(f)
    left: float = decay(0.5 * (still * still))
    return left


@compiled
def stillness(f: Any) -> float:
    """idle_s / (IDLE_S + INTERVALS · move_interval): how long the price has stood still, for this market."""
    still: float = f.idle_s / (IDLE_S + INTERVALS * f.move_interval)
    return still


@compiled
def _told(volatility: float, usual: float, interval: float, span_s: float) -> float:
    """ln of what a span of `span_s` says over the usual, the less the fewer moves it rests on."""
    told: float = log(volatility / usual + NEGLIGIBLE) / (1.0 + MOVES * interval / span_s)
    return told


@compiled
def activity(f: Any, p: Any) -> float:
    """ACTIVITY_WEIGHT · (bounded(v, BURST_MAX above 0, CALM_MAX below) − REST_WEIGHT · s⁴ / (1 + s⁴)): how
    much goes on, whichever way. v = ⅗ v₅ + ⅖ v₂₅, where v_k = ln(volatility_k / volatility_usual +
    NEGLIGIBLE) / (1 + MOVES · move_interval / (k volatility_s)): each span counts the less the fewer moves it
    rests on; s = stillness. 0 where nothing has ever moved, or by less than VOLATILITY_MIN, as rounding
    does: nothing is known of it.
    """
    interval, usual = f.move_interval, f.volatility_usual
    known = (interval > 0.0) & (usual >= VOLATILITY_MIN)
    usual = where(known, usual, 1.0)
    minute = _told(f.volatility_5, usual, interval, 5.0 * p.volatility_s)
    minutes = _told(f.volatility_25, usual, interval, 25.0 * p.volatility_s)
    v = 0.6 * minute + 0.4 * minutes
    still = stillness(f)
    square = min(still * still, 1e12)
    rest = square * square / (1.0 + square * square)
    much = bounded(v, BURST_MAX if v > 0.0 else CALM_MAX) - REST_WEIGHT * rest
    return where(known, ACTIVITY_WEIGHT * much, 0.0)


@compiled
def book_lean(f: Any) -> float:
    """imbalance − imbalance_usual + FLOW_WEIGHT · order_flow: 0 where sizes say nothing."""
    if f.heard_sizes == 0.0:
        return 0.0
    lean: float = f.imbalance - f.imbalance_usual + FLOW_WEIGHT * f.order_flow
    return lean
