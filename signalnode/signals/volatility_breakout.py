"""Volatility breakout: the market moves more than it is used to, or is about to.

reading = max(⅛ ln(r₁ r₅³ r₂₅⁴), ln r₁ − ln JUMP) + ¼ ln(volatility_usual) + QUEUE_WEIGHT · W, where r₁, r₅
and r₂₅ are `volatility`, `volatility_5` and `volatility_25` over the usual, QUIET more each; −∞ while the
usual is below VOLATILITY_MIN: nothing has moved. Volatility clusters (Engle 1982), over many spans at once,
so that several foresee more than one does (Corsi 2009). A jump that the longer spans have not heard of, as
after a halt, speaks for itself once it is JUMP times the usual. Three quarters of the usual are taken off,
because a market that has moved more for half an hour breaks out no longer.

Where the price moves by one tick or not at all, its past says little, and the queue at the top says when: it
moves once the smaller one is gone (Cont and de Larrard 2013). W = −w / (1 + w) · ln(queue / top_usual +
QUEUE_MIN), w = (move_interval / WAIT_S)²: nothing in a market that moves every second.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled, where
from signalnode.features.logarithm import log
from signalnode.signals.base import VOLATILITY_MIN, Signal, log_or_nothing, over_spans

QUIET = 0.1  # of the usual, added to each: a price that has long stood still tells no more by the minute
QUEUE_WEIGHT = 3.0
WAIT_S = 20.0  # between two moves: half of the weight
QUEUE_MIN = 0.02  # of the usual; less is as good as nothing
JUMP = 3.0


@compiled
def _thinness(f: Any) -> float:
    """W of the module's docstring; 0 where sizes say nothing."""
    known = (f.heard_sizes > 0.0) & (f.top_usual > 0.0)
    waits = f.move_interval / WAIT_S
    waits *= waits
    thinness: float = -waits / (1.0 + waits) * log(f.queue / where(known, f.top_usual, 1.0) + QUEUE_MIN)
    return where(known, thinness, 0.0)


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    usual = max(f.volatility_usual, VOLATILITY_MIN)
    lasting = over_spans(f.volatility, f.volatility_5, f.volatility_25, usual, QUIET)
    jump = f.volatility / usual / JUMP
    jump *= jump
    jump *= jump
    moving: float = 0.125 * log_or_nothing(max(lasting, jump * jump) * usual * usual)
    return where(f.volatility_usual < VOLATILITY_MIN, -math.inf, moving + QUEUE_WEIGHT * _thinness(f))


VOLATILITY_BREAKOUT = Signal(("volatility_breakout",), reading, tuned=("volatility_s", "volatility_lag_s"))
