"""Logarithms of prices that lie close together: what one has moved, and how wide a spread is."""

from __future__ import annotations

import math

import numpy as np

from signalnode.compiled import compiled, where

NEAR = 2.0**-9  # below, the seventh term of the series is less than the last bit

_LN2, _LN2_REST = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
_LEAST, _MOST = 2.0**-1022, float(np.finfo(np.float64).max)
_ROOT_HALF = np.float64(math.sqrt(0.5)).view(np.uint64)  # its bits; so below
_ONE = np.float64(1.0).view(np.uint64)
_WHOLE, _WHOLE_AND_BIAS = np.float64(2.0**52).view(np.uint64), 2.0**52 + 1023.0
_UP, _FRACTION, _PLACES = _ONE - _ROOT_HALF, np.uint64(2**52 - 1), np.uint64(52)
_L1, _L2, _L3, _L4, _L5, _L6, _L7 = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)


@compiled
def log(x: float) -> float:
    """ln x, to the last bit or the one beside it, by fdlibm's polynomial (Sun 1993): x = 2^k (1 + f), where
    1 + f is between √½ and √2. −∞ where x is less than any normal number; ∞ and NaN stay what they are.
    """
    bits = np.float64(x).view(np.uint64) + _UP
    k = np.uint64((bits >> _PLACES) | _WHOLE).view(np.float64) - _WHOLE_AND_BIAS
    f = np.uint64((bits & _FRACTION) + _ROOT_HALF).view(np.float64) - 1.0
    half = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    rest = z * (_L1 + w * (_L3 + w * (_L5 + w * _L7))) + w * (_L2 + w * (_L4 + w * _L6))
    found = s * (half + rest) + k * _LN2_REST - half + f + k * _LN2
    return where(x <= _MOST, where(x >= _LEAST, found, -math.inf), x)


@compiled
def log1p(x: float) -> float:
    """ln(1 + x), to the last bit or the one beside it; exactly 0 where x is. Straight arithmetic, like
    `decay.decay`, for moves under 0.2%, which most are.
    """
    return math.log1p(x) if abs(x) >= NEAR else _near(x)


@compiled
def log1ps(a: float, b: float, c: float, d: float) -> tuple[float, float, float, float]:
    """`log1p` of each of the four. All small, which most are, they take as long as one."""
    if max(abs(a), abs(b), abs(c), abs(d)) < NEAR:
        return _near(a), _near(b), _near(c), _near(d)
    return log1p(a), log1p(b), log1p(c), log1p(d)


@compiled
def _near(x: float) -> float:
    """ln(1 + x) for |x| < NEAR, by its series."""
    x2 = x * x
    return x - x2 * ((1.0 / 2.0 - x * (1.0 / 3.0)) + x2 * ((1.0 / 4.0 - x * (1.0 / 5.0)) + x2 * (1.0 / 6.0)))
