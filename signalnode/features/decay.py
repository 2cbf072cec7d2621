"""Time-decayed operators on irregular time, after Zumbach and Müller, "Operators on inhomogeneous time
series" (2001).

A decayed sum keeps S(t) = Σ x_i · exp(−(t − t_i)/τ). It needs its last value and its last time and nothing
else, so every operator here is a pair (value, time) carried in the state, brought forward by `decay` when
something happens. A random walk's decayed sum of returns is its distance from its own exponential average of
the same τ.
"""

from __future__ import annotations

import math

import numpy as np

from signalnode.compiled import compiled, where

SECONDS_PER_NS = 1e-9
SEEN_MIN = 1e-9  # so that a first event divides by something
SHORT = 0.125  # elapsed/τ below which a short polynomial is enough
GONE = 708.0  # elapsed/τ beyond which nothing is left; e^(−708) is the last that is a normal number

_HALVINGS = 1.0 / math.log(2.0)
_LN2, _LN2_REST = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
_WHOLE = 1.5 * 2.0**52  # a number added to it has its integer part in the lowest bits
_ONE = 1023 << 52  # the bits of 1.0
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (
    (-1.0) ** n / math.factorial(n) for n in range(2, 14)
)


@compiled
def _short(x: float) -> float:
    """e^(−x) for 0 ≤ x < SHORT: Taylor's polynomial of degree 10, whose error there is 3e-18."""
    x2 = x * x
    x4 = x2 * x2
    high = ((_C6 + x * _C7) + x2 * (_C8 + x * _C9)) + x4 * _C10
    return 1.0 - x * (1.0 - x * (((_C2 + x * _C3) + x2 * (_C4 + x * _C5)) + x4 * high))


@compiled
def _any(x: float) -> float:
    """e^(−x) for x ≥ 0: 2^(−k) · e^(−r), with k halvings and |r| ≤ ½ ln 2, by Taylor's polynomial of degree
    13, whose error there is 4e-18.
    """
    y = min(x, GONE)
    halvings = np.float64(y * _HALVINGS + _WHOLE)
    k = halvings - _WHOLE
    r = y - k * _LN2 - k * _LN2_REST
    r2 = r * r
    r4 = r2 * r2
    low = (_C2 + r * _C3) + r2 * (_C4 + r * _C5)
    high = ((_C6 + r * _C7) + r2 * (_C8 + r * _C9)) + r4 * ((_C10 + r * _C11) + r2 * (_C12 + r * _C13))
    left = 1.0 - r * (1.0 - r * (low + r4 * high))
    scale: float = np.int64(_ONE - (halvings.view(np.int64) << 52)).view(np.float64)
    return left * scale if x <= GONE else 0.0


@compiled
def exp(x: float) -> float:
    """e^x for x ≤ 700, as `decay`."""
    return _any(-x)


@compiled
def decay(x: float) -> float:
    """e^(−x) with x = elapsed/τ ≥ 0, to the last bit or the one beside it. Straight arithmetic: of several
    side by side LLVM makes vectors, and each machine gets the same bits, whatever its C library.
    """
    return _short(x) if x < SHORT else _any(x)


@compiled
def shorts(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    """`decay` of each of the four, which `are_short`."""
    return _short(a), _short(b), _short(c), _short(d)


@compiled
def are_short(a: float, b: float, c: float, d: float) -> bool:
    """Whether a short polynomial is enough for all four."""
    return max(a, b, c, d) < SHORT


@compiled
def decays(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    """`decay` of each of the four. All short, which most are, they take as long as one."""
    if are_short(a, b, c, d):
        return shorts(a, b, c, d)
    return _any(a), _any(b), _any(c), _any(d)


@compiled
def any_decays(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    """`decay` of each of the four, to the last bit or the one beside it, without a branch."""
    return _any(a), _any(b), _any(c), _any(d)


@compiled
def any_decay(x: float) -> float:
    """One of `any_decays`."""
    return _any(x)


@compiled
def share_seen(x: float) -> float:
    """One of `shares_seen`."""
    return _seen(_any(x))


@compiled
def shares_seen(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    """1 − e^(−x) of each of the four, with x = observed/τ: the weight a decayed sum has had time to gather.
    Dividing by it takes the start-up bias out. Never below SEEN_MIN.
    """
    return _seen(_any(a)), _seen(_any(b)), _seen(_any(c)), _seen(_any(d))


@compiled
def _seen(left: float) -> float:
    return max(1.0 - left, SEEN_MIN)


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
    return where(observed_s < 1e-5 * time_constant_s, value, hold(average, value, kept) / seen)
