"""Time-decayed operators on irregular time, after Zumbach and Müller, "Operators on inhomogeneous time
series" (2001).

A decayed sum keeps S(t) = Σ x_i · exp(−(t − t_i)/τ). It needs its last value and its last time and nothing
else, so every operator here is a pair (value, time) carried in the state, brought forward by `decay` when
something happens. A random walk's decayed sum of returns is its distance from its own exponential average of
the same τ.
"""

from __future__ import annotations

import math

from signalnode.compiled import compiled

SECONDS_PER_NS = 1e-9
SHORT = 0.03125  # elapsed/τ below which a polynomial stands in for the exponential
ALL_SEEN = 40.0  # elapsed/τ from which on 1 − e^(−x) is 1, to the bit


@compiled
def near_one(x: float) -> float:
    """e^(−x) for 0 ≤ x < SHORT: a Taylor polynomial of degree 7, whose error there is under 2e-17."""
    last_terms = 1.0 - x / 5.0 * (1.0 - x / 6.0 * (1.0 - x / 7.0))
    return 1.0 - x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * last_terms)))


@compiled
def decay(x: float) -> float:
    """e^(−x) with x = elapsed/τ ≥ 0."""
    return near_one(x) if x < SHORT else math.exp(-x)


@compiled
def decays(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    """`decay` of each of the four. Straight code, of which LLVM makes vectors: they take as long as one."""
    e, f, g, h = near_one(a), near_one(b), near_one(c), near_one(d)
    if max(a, b, c, d) >= SHORT:
        if a >= SHORT:
            e = math.exp(-a)
        if b >= SHORT:
            f = math.exp(-b)
        if c >= SHORT:
            g = math.exp(-c)
        if d >= SHORT:
            h = math.exp(-d)
    return e, f, g, h


@compiled
def share_seen(x: float) -> float:
    """1 − e^(−x) with x = observed/τ: the weight a decayed sum has had time to gather. Dividing by it takes
    the start-up bias out. Never below 1e-9, so that a first event divides by something.
    """
    return max(1.0 - decay(x), 1e-9) if x < ALL_SEEN else 1.0


@compiled
def hold(average: float, value: float, kept: float) -> float:
    """The decayed time average after `value` stood still for h: value + (average − value) · e^(−h/τ), the
    exact integral over a step function. `kept` = e^(−h/τ).
    """
    return value + (average - value) * kept


@compiled
def time_average(
    average: float, value: float, kept: float, seen: float, observed_s: float, time_constant_s: float
) -> float:
    """`hold`, freed of the zero that the average started from.

    Until a hundred-thousandth of the time constant has been observed there is nothing to average, and
    `value` itself stands for it.
    """
    if observed_s < 1e-5 * time_constant_s:
        return value
    return hold(average, value, kept) / seen
