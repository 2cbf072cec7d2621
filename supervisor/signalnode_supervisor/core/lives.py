"""Children put through the table: what each of its actions does to a child, to its deadline and to the queue.

A running child has one deadline: the first thing it can miss. While it starts that is `late`, and `hung` too
from its first word of progress until it said that all is done; when it is up, `hung`.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterable, Set
from typing import Any

from signalnode_supervisor.core import lifecycle, restart
from signalnode_supervisor.core.child import Child, History
from signalnode_supervisor.core.lifecycle import Action, ChildState, Event
from signalnode_supervisor.core.liveness import PROGRESS_WHOLE, hung_at_ns, late_at_ns
from signalnode_supervisor.core.messages import Command, Report, Send, Withdraw
from signalnode_supervisor.core.startqueue import StartQueue
from signalnode_supervisor.durations import ns
from signalnode_supervisor.spec import ChildSpec

ABORT_GRACE_S = 0.5  # SIGABRT to SIGKILL: a stack dump takes milliseconds
_WHY = {Event.HUNG: "no heartbeat in time", Event.LATE: "not ready in time"}


class Lives:
    """`happen` is the way through the table; commands are added to `out`."""

    def __init__(self, queue: StartQueue, rng: random.Random, out: list[Command]) -> None:
        self.end_by_ns: int | None = None  # when the node's own grace is over: no child's lasts longer
        self._queue = queue
        self._rng = rng
        self._out = out

    def happen(self, child: Child, event: Event, now_ns: int) -> None:
        """Put the child through the table, and carry out what the row says."""
        if child.pid is None and child.state is ChildState.STARTING:
            if event is Event.STOP:
                event = Event.ENDED_AS_ASKED
            elif event is Event.RESTART:
                event = Event.START
        before, (child.state, actions) = child.state, lifecycle.step(child.state, event)
        if child.state is not before:
            child.deadline_ns = None
        for action in actions:
            self._act(child, action, event, now_ns)
        if child.state is ChildState.UP and before is not ChildState.UP:
            child.reason = ""
            self.report("info", "up", child)
            if child.untold:
                self.tell((child,), set())
        elif child.state is ChildState.DOWN and before is not ChildState.DOWN:
            self.report("info", "down", child)

    def watch(self, child: Child) -> None:
        """Arm the deadline of a child that runs, after whatever moved it."""
        times: list[tuple[int, Event]] = []
        preparing = child.progress is not None and child.progress < PROGRESS_WHOLE
        if child.state is ChildState.STARTING:
            times.append((late_at_ns(child.spec, child.started_ns, child.moved_ns), Event.LATE))
        if child.state is ChildState.UP or preparing:
            hung_ns = hung_at_ns(child.spec, child.heard_ns)
            times += [(hung_ns, Event.HUNG)] if hung_ns is not None else []
        child.deadline_ns, child.deadline_event = min(times, default=(None, ""))

    def adjust(self, child: Child, spec: ChildSpec, now_ns: int) -> None:
        """Have another policy from now on, also for what it waits for; its process does not notice.

        Only an end that was asked for keeps its grace time, which the process may count on.
        """
        before, child.spec = child.spec, spec
        if child.state is ChildState.UP or (child.state is ChildState.STARTING and child.pid is not None):
            self.watch(child)
        elif child.state is ChildState.BACKING_OFF and child.deadline_ns is not None:
            longest_ns = restart.backoff_max_ns(spec, child.history.streak)
            child.deadline_ns = min(child.deadline_ns, now_ns + longest_ns)
        elif child.state is ChildState.GIVEN_UP and spec.retry_s != before.retry_s:
            self._retry(child, now_ns)

    def tell(self, children: Iterable[Child], touched: Set[str]) -> None:
        """Signal a change to the children that it leaves alone, where their specs name a signal for it.

        One that is starting may have read what was before, and may not catch the signal yet: it waits.
        """
        for child in children:
            if child.pid is None or not child.spec.reload_signal or child.name in touched:
                continue
            child.untold = child.state is ChildState.STARTING
            if child.state is ChildState.UP:
                self._out.append(Send(child.name, child.pid, child.spec.reload_signal))

    def report(self, level: Any, event: str, child: Child, **fields: Any) -> None:
        """Something about this child for the log."""
        pid = {"pid": child.pid} if child.pid is not None else {}
        why = {"reason": child.reason} if child.reason else {}
        self._out.append(Report(level, event, child.name, {**child.spec.labels, **pid, **why, **fields}))

    def _act(self, child: Child, action: Action, event: Event, now_ns: int) -> None:
        match action:
            case Action.ENQUEUE:
                child.queued_ns = now_ns
                self._queue.add(child.name)
                child.restarts += event is Event.DUE
            case Action.WITHDRAW:
                self._queue.discard(child.name)
                child.reason = "stopped by request"
                self._out.append(Withdraw(child.name))
            case Action.TERMINATE:
                self._end(child, signal.SIGTERM, now_ns, child.spec.stop_grace_s)
            case Action.ABORT:
                self._abort(child, event, now_ns)
            case Action.KILL:
                assert child.pid is not None
                self._out.append(Send(child.name, child.pid, signal.SIGKILL, descent=True))
            case Action.EXTEND:
                self._extend(child, now_ns)
            case Action.WATCH:
                child.ready_ns, child.settled, child.progress = now_ns, True, None
                child.heard_ns = max(child.heard_ns, now_ns)
                self._queue.discard(child.name)
                self.watch(child)
            case Action.BACK_OFF:
                wait_ns = restart.backoff_ns(child.spec, child.history.streak, self._rng.random())
                child.deadline_ns, child.deadline_event = now_ns + wait_ns, Event.DUE
                self.report("warning", "restarting", child, wait_s=wait_ns / 1e9)
            case Action.REST:
                self._rest(child, now_ns)
            case Action.FORGIVE:
                child.history, child.failing = History(), False
            case Action.PROBATION:
                child.history = restart.on_probation(child.history)

    def _abort(self, child: Child, event: Event, now_ns: int) -> None:
        how_far = f", {shown(child.progress)} prepared" if child.progress is not None else ""
        child.failing = True
        child.reason = _WHY[event] + how_far
        self.report("error", "hung" if event is Event.HUNG else "start timed out", child)
        self._end(child, signal.SIGABRT, now_ns, ABORT_GRACE_S)

    def _extend(self, child: Child, now_ns: int) -> None:
        child.reason = f"preparing {shown(child.progress)}"
        if not child.prolonged and now_ns - child.started_ns >= ns(child.spec.start_timeout_s):
            child.prolonged = child.settled = True
            self.report("info", "still preparing", child)
        self.watch(child)

    def _end(self, child: Child, number: int, now_ns: int, grace_s: float) -> None:
        assert child.pid is not None
        self._queue.discard(child.name)
        overdue_ns = now_ns + ns(grace_s)
        if self.end_by_ns is not None:
            overdue_ns = min(overdue_ns, self.end_by_ns)
        child.deadline_ns, child.deadline_event = overdue_ns, Event.OVERDUE
        self._out.append(Send(child.name, child.pid, number))

    def _rest(self, child: Child, now_ns: int) -> None:
        failures, spec = len(child.history.failures_ns), child.spec
        often = f"{failures} failure{'s' * (failures != 1)} in {spec.period_s:g} s"
        child.reason = f"gave up after {often}, the last: {child.reason}"
        self._retry(child, now_ns)
        self.report("error", "gave up", child)

    def _retry(self, child: Child, now_ns: int) -> None:
        wait_ns = restart.retry_ns(child.spec, self._rng.random())
        child.deadline_ns = None if wait_ns is None else now_ns + wait_ns
        child.deadline_event = Event.DUE


def shown(progress: float | None) -> str:
    """`42%`."""
    return f"{progress or 0.0:.0%}"
