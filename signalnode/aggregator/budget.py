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
from typing import Any

from signalnode.aggregator.runner import Caller, OverBudgetError
from signalnode.clock import NS_PER_S, monotonic_ns, thread_cpu_ns

RING_AGAIN_S = 0.005
PATIENCE = 4  # times the budget, by the clock


def within(budget_s: float) -> Caller:
    """A caller that gives a strategy `budget_s` of processor time, and PATIENCE times that by the clock.

    Processor time, because a busy machine is not the strategy's fault; the clock, because one that sleeps
    uses none. For the main thread; takes SIGALRM for itself.
    """
    budget_ns = int(budget_s * NS_PER_S)
    asking = False
    cpu_ns = wall_ns = 0

    def ring(_signal: int, frame: FrameType | None) -> None:
        # never inside `call` itself: there the answer is already in, or the timer is not yet off
        if not asking or frame is None or frame.f_code is call.__code__:
            return
        if thread_cpu_ns() - cpu_ns >= budget_ns or monotonic_ns() - wall_ns >= PATIENCE * budget_ns:
            raise OverBudgetError(f"took longer than its budget of {budget_s * 1e3:g} ms")

    def call(evaluate: Callable[[], Any]) -> Any:
        nonlocal asking, cpu_ns, wall_ns
        cpu_ns, wall_ns = thread_cpu_ns(), monotonic_ns()
        try:
            asking = True
            signal.setitimer(signal.ITIMER_REAL, budget_s, RING_AGAIN_S)
            return evaluate()
        finally:
            asking = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    signal.signal(signal.SIGALRM, ring)
    return call
