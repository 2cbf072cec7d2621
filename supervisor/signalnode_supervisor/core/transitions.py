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
from signalnode_supervisor.core.child import Child, History, Running
from signalnode_supervisor.core.lifecycle import Action, Event, Stage
from signalnode_supervisor.core.liveness import PROGRESS_WHOLE, hung_at_ns, late_at_ns
from signalnode_supervisor.core.messages import Command, Log, Send, Withdraw
from signalnode_supervisor.core.startqueue import StartQueue
from signalnode_supervisor.durations import ns
from signalnode_supervisor.spec import ChildSpec

ABORT_GRACE_S = 0.5  # SIGABRT to SIGKILL: a stack dump takes milliseconds
_WHY = {Event.HUNG: "no heartbeat in time", Event.LATE: "not ready in time"}


class Transitions:
    """`apply` is the one way through the table; commands are added to `out`."""

    def __init__(self, queue: StartQueue, rng: random.Random, out: list[Command]) -> None:
        self.end_by_ns: int | None = None  # when the node's own grace is over: no child's lasts longer
        self._queue = queue
        self._rng = rng
        self._out = out

    def apply(self, child: Child, event: Event, now_ns: int) -> None:
        """What has happened to a child: on to the stage that its row names, with all that is to be done."""
        if event is Event.RESTART and _can_be_relieved(child):
            event = Event.RELIEVE
        before, (child.stage, actions) = child.stage, lifecycle.step(child.stage, event)
        if child.state is not before.state:  # an end under way keeps its grace, whatever it is for by now
            child.deadline_ns = None
        for action in actions:
            self._act(child, action, event, now_ns)
        if child.stage in lifecycle.RELIEVED:
            self._dismiss(child, now_ns)
        if child.stage is Stage.UP and before is not Stage.UP:
            child.reason = ""
            self.report("info", "up", child)
            if child.running is not None and child.running.reload_pending:
                self.signal_reload((child,), set())
        elif child.stage is Stage.DOWN and before is not Stage.DOWN:
            self.report("info", "down", child)

    def watch(self, child: Child) -> None:
        """Arm the deadline of a child that runs, after whatever moved it."""
        times: list[tuple[int, Event]] = []
        running = _running(child)
        preparing = running.progress is not None and running.progress < PROGRESS_WHOLE
        excused_ns = running.strain.excused_ns if running.strain is not None else 0
        if child.stage is Stage.STARTING:
            late_ns = late_at_ns(child.spec, running.started_ns, running.progressed_ns)
            times.append((late_ns + excused_ns, Event.LATE))
        if running.heard_ns is not None and (child.stage is Stage.UP or preparing):
            hung_ns = hung_at_ns(child.spec, running.heard_ns)
            times += [(hung_ns + excused_ns, Event.HUNG)] if hung_ns is not None else []
        child.deadline_ns, child.deadline_event = min(times, default=(None, None))

    def adjust(self, child: Child, spec: ChildSpec, now_ns: int) -> None:
        """Have another policy from now on, also for what it waits for; its process does not notice.

        Only an end that was asked for keeps its grace time, which the process may count on.
        """
        before, child.spec = child.spec, spec
        if child.stage in (Stage.STARTING, Stage.UP):
            self.watch(child)
        elif child.stage is Stage.BACKING_OFF and child.deadline_ns is not None:
            longest_ns = restart.backoff_max_ns(spec, child.history.streak)
            child.deadline_ns = min(child.deadline_ns, now_ns + longest_ns)
        elif child.stage is Stage.GIVEN_UP and spec.retry_s != before.retry_s:
            self._retry(child, now_ns)

    def signal_reload(self, children: Iterable[Child], touched: Set[str]) -> None:
        """Signal a change to the children that it leaves alone, where their specs name a signal for it.

        One that is starting may have read what was before, and may not catch the signal yet: it waits.
        """
        for child in children:
            running = child.running
            if running is None or not child.spec.reload_signal or child.name in touched:
                continue
            running.reload_pending = child.stage is Stage.STARTING
            if child.stage is Stage.UP:
                self._out.append(Send(child.name, running.pid, child.spec.reload_signal))

    def report(self, level: Any, event: str, child: Child, **fields: Any) -> None:
        """Something about this child for the log."""
        pid = {"pid": child.pid} if child.pid is not None else {}
        why = {"reason": child.reason} if child.reason else {}
        self._out.append(Log(level, event, child.name, {**child.spec.labels, **pid, **why, **fields}))

    def _act(self, child: Child, action: Action, event: Event, now_ns: int) -> None:
        match action:
            case Action.ENQUEUE:
                child.queued_ns = now_ns
                self._queue.add(child.name)
                child.restarts += event is Event.DUE
            case Action.STAND_BY:
                self._stand_by(child)
            case Action.WITHDRAW:
                self._queue.discard(child.name)
                child.reason = "stopped by request"
                self._out.append(Withdraw(child.name))
            case Action.TERMINATE:
                self._end(child, signal.SIGTERM, now_ns, child.spec.stop_grace_s)
            case Action.ABORT:
                self._abort(child, event, now_ns)
            case Action.KILL:
                self._out.append(Send(child.name, _running(child).pid, signal.SIGKILL, descendants=True))
            case Action.AWAIT:
                self.watch(child)
            case Action.EXTEND:
                self._extend(child, now_ns)
            case Action.WATCH:
                self._now_ready(child, now_ns)
            case _:
                self._learn(child, action, now_ns)

    def _learn(self, child: Child, action: Action, now_ns: int) -> None:
        """What failures lead to, and what is made of them."""
        match action:
            case Action.BACK_OFF:
                wait_ns = restart.backoff_ns(child.spec, child.history.streak, self._rng.random())
                child.deadline_ns, child.deadline_event = now_ns + wait_ns, Event.DUE
                self.report("warning", "restarting", child, wait_s=wait_ns / 1e9)
            case Action.REST:
                self._rest(child, now_ns)
            case Action.FORGIVE:
                self._forgive(child)
            case Action.PROBATION:
                child.history = restart.on_probation(child.history)

    def _now_ready(self, child: Child, now_ns: int) -> None:
        running = _running(child)
        running.ready_ns = running.heard_ns = now_ns
        running.strain = None
        running.progress, child.settled = None, True
        self._queue.discard(child.name)
        self.watch(child)

    def _stand_by(self, child: Child) -> None:
        child.elder, child.running = _running(child), None
        child.deadline_ns = None
        child.reason = f"process {child.elder.pid} goes on until another is up"
        self.report("info", "relieving", child)

    def _dismiss(self, child: Child, now_ns: int) -> None:
        """End the elder, where there is one that has not been told yet."""
        elder = child.elder
        if elder is None or elder.dismissed:
            return
        elder.dismissed, elder.overdue_ns = True, self._overdue_ns(now_ns, child.spec.stop_grace_s)
        self._out.append(Send(child.name, elder.pid, signal.SIGTERM))

    def _overdue_ns(self, now_ns: int, grace_s: float) -> int:
        overdue_ns = now_ns + ns(grace_s)
        return overdue_ns if self.end_by_ns is None else min(overdue_ns, self.end_by_ns)

    def _abort(self, child: Child, event: Event, now_ns: int) -> None:
        running = _running(child)
        how_far = f", {shown(running.progress)} prepared" if running.progress is not None else ""
        child.reason = running.failure = _WHY[event] + how_far
        self.report("error", "hung" if event is Event.HUNG else "start timed out", child)
        self._end(child, signal.SIGABRT, now_ns, ABORT_GRACE_S)

    def _extend(self, child: Child, now_ns: int) -> None:
        running = _running(child)
        child.reason = f"preparing {shown(running.progress)}"
        if not running.prolonged and now_ns - running.started_ns >= ns(child.spec.start_timeout_s):
            running.prolonged = child.settled = True
            self.report("info", "still preparing", child)
        self.watch(child)

    def _end(self, child: Child, number: int, now_ns: int, grace_s: float) -> None:
        self._queue.discard(child.name)
        child.deadline_ns = self._overdue_ns(now_ns, grace_s)
        child.deadline_event = Event.OVERDUE
        self._out.append(Send(child.name, _running(child).pid, number))

    def _forgive(self, child: Child) -> None:
        child.history = History()
        if child.running is not None:
            child.running.failure = ""  # aborted, and meanwhile somebody wants a new process anyway

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


def _can_be_relieved(child: Child) -> bool:
    return child.spec.hands_over and child.stage is Stage.UP and child.elder is None


def _running(child: Child) -> Running:
    """What runs: the stages whose rows need it are those that have a process."""
    assert child.running is not None, f"{child.name} is {child.stage} without a process"
    return child.running


def shown(progress: float | None) -> str:
    """`42%`."""
    return f"{progress or 0.0:.0%}"
