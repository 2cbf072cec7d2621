"""Momentum: the price goes one way, or is being pushed there.

reading = freshness · (bounded(push) + CLIMB_WEIGHT · sgn D · knee(T / STEADY) · knee(U / FAR)),
dimensionless, with bounded(x) = x / √(1 + x²), knee(x) = x⁶ / (1 + x⁶), and
- push = w (imbalance − imbalance_usual + FLOW_WEIGHT · order_flow) + (1 − w) LATELY_WEIGHT (imbalance_lately
  − imbalance_usual) + TAKEN_WEIGHT (taken − taken_usual) + (1 − w) bounded(trend / √(½ variance · trend_s))
  − w · BOUNCE_WEIGHT · 2y / (1 + y²), y = trend / max(spread_usual, SPREAD_MIN): who leans on the book and
  who takes from it, and where the price has gone in the last seconds;
- w = move_interval² / (move_interval² + PACE_S²), 0 without quotes: where the price moves several times a
  second, a lean of this moment is gone before it can be followed, and the last seconds' stands for it, and
  their drift. Where it moves less often, what it has gone by a spread or less mostly bounces (Roll 1984);
- D = distance, T = |D| / √(½ trend_variance · fair_value_s) and U = |D| / √(½ variance · fair_value_s): the
  drift of the last minutes, in deviations of a random walk whose moves are as large as those of the way, and
  as the usual ones.

The book leads the price: the imbalance at the top is where the micro-price stands in the spread (Stoikov
2018), decayed order flow imbalance is what has just pushed it (Cont, Kukanov and Stoikov 2014), and trades of
one side follow one another (Lillo and Farmer 2004). Drift over minutes counts little while a random walk
could have made it, and more than all the rest where it goes both steadily and far. Two-sided and anchored:
zero is no momentum. Either side is stronger the more goes on (`pressure.activity`).
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled, sqrt
from signalnode.signals import pressure
from signalnode.signals.base import Signal
from signalnode.signals.pressure import bounded

LATELY_WEIGHT = 1.5
TAKEN_WEIGHT = 0.8
BOUNCE_WEIGHT = 0.3
SPREAD_MIN = 1e-8  # of the price: beside a locked book's, rounding makes a way of a price that went and came
PACE_S = 0.3
CLIMB_WEIGHT = 6.25
STEADY = 1.8  # usual deviations of the way itself: half the weight there
FAR = 4.0  # the same of the usual moves


@compiled
def _knee(x: float) -> float:
    """x⁶ / (1 + x⁶)."""
    square = min(x * x, 1e6)
    power = square * square * square
    return power / (1.0 + power)


@compiled
def _climb(f: Any, p: Any) -> float:
    """Drift over minutes, from −1 to 1."""
    steady = pressure.deviations(f, p, f.trend_variance) / STEADY
    far = pressure.deviations(f, p, f.variance) / FAR
    climb: float = math.copysign(_knee(steady) * _knee(far), f.distance)
    return climb


@compiled
def _moment(f: Any) -> float:
    """w of the module's docstring."""
    if f.heard_quotes == 0.0:
        return 0.0
    square = f.move_interval * f.move_interval
    share: float = square / (square + PACE_S * PACE_S)
    return share


@compiled
def _push(f: Any, p: Any) -> float:
    """See the module's docstring."""
    now = _moment(f)
    push: float = TAKEN_WEIGHT * (f.taken - f.taken_usual)
    if f.heard_sizes > 0.0:
        push += now * pressure.book_lean(f)
        push += (1.0 - now) * LATELY_WEIGHT * (f.imbalance_lately - f.imbalance_usual)
    usual = sqrt(0.5 * f.variance * p.trend_s)
    if usual > 0.0:
        push += (1.0 - now) * bounded(f.trend / usual, 1.0)
    if f.spread_usual > 0.0:
        spreads = f.trend / max(f.spread_usual, SPREAD_MIN)
        push -= now * BOUNCE_WEIGHT * 2.0 * spreads / (1.0 + spreads * spreads)
    return push


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    pushed: float = bounded(_push(f, p), 1.0)
    return (pushed + CLIMB_WEIGHT * _climb(f, p)) * pressure.freshness(f)


MOMENTUM = Signal(
    ("momentum_long", "momentum_short"),
    reading,
    spread=0.8,
    anchored=True,
    activity=pressure.activity,
    tuned=("order_flow_s", "imbalance_s", "taken_s"),
)
