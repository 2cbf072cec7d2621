"""Whether and when to start a failed child again: pure functions of (spec, history, now).

The budget is Erlang's (intensity and period, `supervisor.erl` `add_restart`). The wait is exponential backoff
with full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015), so that children which failed together
do not start together.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from signalnode_supervisor.core.child import History
from signalnode_supervisor.durations import ns
from signalnode_supervisor.spec import ChildSpec

DOUBLINGS_MAX = 32  # 2**32 times any base is beyond every backoff_max_s; keeps the power small


class Verdict(StrEnum):
    """What becomes of a child that ended without having been asked to."""

    LEAVE = "leave"  # its policy says so
    RETRY = "retry"  # after `backoff_ns`
    GIVE_UP = "give up"  # more than `intensity` failures in `period_s`


def judge(
    spec: ChildSpec, history: History, now_ns: int, *, clean: bool, up_for_ns: int, excused: bool = False
) -> tuple[Verdict, History]:
    """Judge an exit: `clean` is status 0, `up_for_ns` the time since readiness (0 if it never was ready).

    Each unasked exit of a child that is to be restarted uses up budget, a clean one too: a child that ends at
    once with status 0 must not spin. An `excused` one, the machine's fault, only lengthens the backoff.
    """
    if spec.restart == "never" or (spec.restart == "on-failure" and clean):
        return Verdict.LEAVE, history
    stable = up_for_ns >= ns(spec.stable_s) and up_for_ns > 0
    oldest_ns = now_ns - ns(spec.period_s)
    failures_ns = tuple(t for t in history.failures_ns if t > oldest_ns)
    streak = 1 if stable else history.streak + 1
    if excused or spec.intensity is None:
        return Verdict.RETRY, History(failures_ns, streak)
    failures_ns = (*failures_ns, now_ns)[-(spec.intensity + 1) :]
    after = History(failures_ns, streak, history.on_probation and not stable)
    if after.on_probation or len(failures_ns) > spec.intensity:
        return Verdict.GIVE_UP, replace(after, on_probation=False)
    return Verdict.RETRY, after


def on_probation(history: History) -> History:
    """The history with which a given-up child gets its slow retry."""
    return replace(history, on_probation=True)


def backoff_max_ns(spec: ChildSpec, streak: int) -> int:
    """Longest wait before the start that follows the `streak`-th failure in a row (1 = the first), in ns."""
    if streak <= 1:
        return ns(min(spec.backoff_first_s, spec.backoff_max_s))
    doublings = min(streak - 2, DOUBLINGS_MAX)
    return ns(min(spec.backoff_max_s, spec.backoff_base_s * 2.0**doublings))


def backoff_ns(spec: ChildSpec, streak: int, jitter: float) -> int:
    """The wait itself: `jitter` in [0, 1) is the caller's uniform random number (full jitter)."""
    return int(jitter * backoff_max_ns(spec, streak))


def retry_ns(spec: ChildSpec, jitter: float) -> int | None:
    """Wait of a given-up child before its one slow try: retry_s, spread by ±10%. None means never."""
    return None if spec.retry_s == 0 else int(ns(spec.retry_s) * (0.9 + 0.2 * jitter))
