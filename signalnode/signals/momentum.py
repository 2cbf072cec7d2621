"""Momentum: the price goes one way, or is being pushed there.

reading = freshness · (bounded(PUSH · push) + CLIMB_WEIGHT · sgn D · knee(T / STEADY) · knee(U / FAR)),
dimensionless, with
- push = ½ (imbalance + imbalance_lately) − imbalance_usual + FLOW_WEIGHT · order_flow + TAKEN_WEIGHT · taken:
  who leans on the book and who takes from it, in the last seconds; bounded(x) = x / √(1 + x²);
- D = distance, T = |D| / √(½ trend_variance · fair_value_s) and U = |D| / √(½ variance · fair_value_s): the
  drift of the last minutes, in deviations of a random walk whose moves are as large as those of the way, and
  as the usual ones; knee(x) = x⁶ / (1 + x⁶).

The book leads the price by a second or so: the imbalance at the top is where the micro-price stands in the
spread (Stoikov 2018), decayed order flow imbalance is what has just pushed it (Cont, Kukanov and Stoikov
2014), and trades of one side follow one another (Lillo and Farmer 2004). All of that is bounded, so that a
lean that comes and goes does not turn the score round by itself. Drift counts little while a random walk
could have made it, and more than all the rest where it goes both steadily and far. Two-sided and anchored:
zero is no momentum. Either side is stronger the more goes on (`pressure.activity`).
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals import pressure
from signalnode.signals.base import Signal

PUSH = 2.5
TAKEN_WEIGHT = 0.5
CLIMB_WEIGHT = 4.0
FAR = 2.5  # usual deviations: half the weight there


@compiled
def _knee(x: float) -> float:
    """x⁶ / (1 + x⁶)."""
    square = min(x * x, 1e6)
    power = square * square * square
    return power / (1.0 + power)


@compiled
def _climb(f: Any, p: Any) -> float:
    """Drift, from −1 to 1."""
    steady = pressure.deviations(f, p, f.trend_variance) / pressure.STEADY
    far = pressure.deviations(f, p, f.variance) / FAR
    climb: float = math.copysign(_knee(steady) * _knee(far), f.distance)
    return climb


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    push = pressure.book_lean(f) + TAKEN_WEIGHT * f.taken
    if f.heard_sizes > 0.0:
        push += 0.5 * (f.imbalance_lately - f.imbalance)
    push *= PUSH
    pushed: float = push / math.sqrt(1.0 + push * push)
    return (pushed + CLIMB_WEIGHT * _climb(f, p)) * pressure.freshness(f)


MOMENTUM = Signal(
    ("momentum_long", "momentum_short"),
    reading,
    spread=0.8,
    anchored=True,
    activity=pressure.activity,
    tuned=("order_flow_s", "imbalance_s", "taken_s"),
)
