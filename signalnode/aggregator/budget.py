"""A strategy's budget of time, enforced from inside one process by the interval timer of the kernel.

An alarm raises OverBudgetError in the strategy and goes on ringing until it has left, so that neither `while
True` nor `except BaseException` in a loop keeps the board waiting. What a signal cannot interrupt (one long
call into C) ends with the aggregator's missed heartbeats: the supervisor restarts it, and the board is whole
again within a second.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from signalnode.aggregator.turns import Caller, OverBudgetError
from signalnode.strategies.base import Decision

RING_AGAIN_S = 0.005


def within(budget_s: float) -> Caller:
    """A caller that gives a strategy `budget_s` of real time.

    For the main thread; takes SIGALRM for itself.
    """

    asking = False

    def ring(_signal: int, frame: FrameType | None) -> None:
        # never inside `call` itself: there the answer is already in, or the timer is not yet off
        if asking and frame is not None and frame.f_code is not call.__code__:
            raise OverBudgetError(f"took longer than its budget of {budget_s * 1e3:g} ms")

    def call(evaluate: Callable[[], list[Decision]]) -> list[Decision]:
        nonlocal asking
        try:
            asking = True
            signal.setitimer(signal.ITIMER_REAL, budget_s, RING_AGAIN_S)
            return evaluate()
        finally:
            asking = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    signal.signal(signal.SIGALRM, ring)
    return call
