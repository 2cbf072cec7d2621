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


@compiled
def decay(elapsed_s: float, time_constant_s: float) -> float:
    """exp(−elapsed/τ), both in seconds. Short steps take a Taylor polynomial of degree 7: below 1/32 its
    error is under 2e-17, and it costs a quarter of `exp`.
    """
    x = elapsed_s / time_constant_s
    if x < 0.03125:
        last_terms = 1.0 - x / 5.0 * (1.0 - x / 6.0 * (1.0 - x / 7.0))
        return 1.0 - x * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * last_terms)))
    return math.exp(-x)


@compiled
def share_seen(observed_s: float, time_constant_s: float) -> float:
    """1 − exp(−observed/τ): the weight a decayed sum has had time to gather. Dividing by it takes the
    start-up bias out. Never below 1e-9, so that a first event divides by something.
    """
    return max(1.0 - decay(observed_s, time_constant_s), 1e-9)


@compiled
def hold(average: float, value: float, elapsed_s: float, time_constant_s: float) -> float:
    """The decayed time average after `value` stood still for h = `elapsed_s`: value + (average − value) ·
    e^(−h/τ), the exact integral over a step function.
    """
    return value + (average - value) * decay(elapsed_s, time_constant_s)


@compiled
def time_average(
    average: float, value: float, elapsed_s: float, observed_s: float, time_constant_s: float
) -> float:
    """The decayed time average as of `elapsed_s` after its last change, freed of the zero it started from.

    Until a hundred-thousandth of the time constant has been observed there is nothing to average, and
    `value` itself stands for it.
    """
    if observed_s < 1e-5 * time_constant_s:
        return value
    return hold(average, value, elapsed_s, time_constant_s) / share_seen(observed_s, time_constant_s)
