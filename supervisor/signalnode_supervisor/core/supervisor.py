"""The supervisor without its world: inputs and a time in, commands out. So it can be simulated."""

from __future__ import annotations

import random
import signal
from typing import Any

from signalnode_supervisor.core import restart
from signalnode_supervisor.core.child import Child, Running
from signalnode_supervisor.core.halting import Halting
from signalnode_supervisor.core.lifecycle import ChildState, Event, Stage
from signalnode_supervisor.core.liveness import is_ahead, progress_of
from signalnode_supervisor.core.messages import (
    Adopted,
    Asked,
    Begin,
    Command,
    Ended,
    Finish,
    Halt,
    Input,
    Log,
    RecordExit,
    RememberStopped,
    Reply,
    Retire,
    Said,
    Send,
    Spawn,
    Started,
    Tick,
    Withdraw,
)
from signalnode_supervisor.core.reload import difference
from signalnode_supervisor.core.requests import PendingRequests
from signalnode_supervisor.core.restart import Verdict
from signalnode_supervisor.core.startqueue import StartQueue
from signalnode_supervisor.core.starvation import Starved, excused
from signalnode_supervisor.core.transitions import Transitions
from signalnode_supervisor.durations import ns
from signalnode_supervisor.settings import Settings
from signalnode_supervisor.spec import ChildSpec

STALL_NS = 500_000_000  # a deadline met this late means that we slept, and nobody can be blamed for silence
TOO_SMALL = "the machine is too small: children wait for a processor"
STOPPING = "the supervisor is stopping"
FACTS_MAX = 64  # keys kept of what a child says about itself


class Supervisor:
    """Every child and what becomes of it. `step` is the only way in, `next_deadline_ns` the only timer."""

    def __init__(self, settings: Settings, rng: random.Random) -> None:
        self.children: dict[str, Child] = {}
        self.finished = False
        self.starved = Starved()
        self._queue = StartQueue(settings)
        self._requests = PendingRequests()
        self._halting: Halting | None = None
        self.stopped: frozenset[str] = frozenset()  # by request; not those that end with all
        self._out: list[Command] = []
        self._transitions = Transitions(self._queue, rng, self._out)

    @property
    def halting(self) -> bool:
        return self._halting is not None

    def step(self, event: Input, now_ns: int) -> list[Command]:
        """Take one input at monotonic time `now_ns`; what is to be done about it, in order."""
        match event:
            case Begin():
                self._begin(event, now_ns)
            case Started():
                self._started(event, now_ns)
            case Ended():
                self._ended(event, now_ns)
            case Said():
                self._said(event, now_ns)
            case Asked():
                self._asked(event, now_ns)
            case Halt():
                self._halt(now_ns)
            case Tick():
                self._tick(event, now_ns)
        if not isinstance(event, Said) or self._out:
            self._settle(now_ns)  # after a mere heartbeat everything stands as it stood
        out = self._out.copy()
        self._out.clear()
        return out

    def next_deadline_ns(self, now_ns: int) -> int | None:
        """When the next `Tick` is due; None when only other inputs can change anything."""
        times = [child.deadline_ns for child in self.children.values()]
        times += [child.elder.overdue_ns for child in self.children.values() if child.elder is not None]
        times.append(self._queue.next_ns(self.children, now_ns))
        times.append(self._halting.next_ns() if self._halting is not None else None)
        return min((at_ns for at_ns in times if at_ns is not None), default=None)

    def overdue(self, now_ns: int) -> list[str]:
        """Children that count as late or hung by now, unless they waited for a processor."""
        return [
            child.name
            for child in self.children.values()
            if child.deadline_event in _MISSED
            and child.deadline_ns is not None
            and child.deadline_ns <= now_ns
        ]

    # inputs

    def _begin(self, event: Begin, now_ns: int) -> None:
        self.stopped = frozenset(event.stopped)
        for spec in event.specs:
            last_exit = event.last_exits.get(spec.name)
            self.children[spec.name] = Child(spec, wanted=spec.name not in event.stopped, last_exit=last_exit)
        for found in event.adopted:
            self._adopt(found, now_ns)
        for child in self.children.values():
            if child.pid is None and child.wanted:
                self._transitions.apply(child, Event.START, now_ns)
            elif child.pid is None:
                child.reason = "stopped by request"

    def _adopt(self, found: Adopted, now_ns: int) -> None:
        """A predecessor's process: take it as ours, and end it if it is not what is wanted now."""
        child = self.children.get(found.name)
        if child is None or child.pid is not None:
            self._out.append(Send(found.name, found.pid, signal.SIGKILL, descendants=True))
            return
        # Nobody knows how far it has come: it gets its time to be ready anew.
        child.running = Running(found.pid, found.started_ns, progressed_ns=now_ns, adopted=True)
        child.running.heard_ns, child.running.facts = found.heard_ns, dict(found.facts)
        child.settled = True
        self._transitions.apply(child, Event.ADOPTED, now_ns)
        self._transitions.report("info", "adopted", child)
        if found.ready:
            self._transitions.apply(child, Event.READY, now_ns)
        if not child.wanted:
            self._transitions.apply(child, Event.STOP, now_ns)
        elif found.digest != child.spec.digest():
            child.reason = "its settings changed while no supervisor was there"
            self._transitions.apply(child, Event.RESTART, now_ns)

    def _started(self, event: Started, now_ns: int) -> None:
        child = self.children[event.name]
        child.running = Running(event.pid, started_ns=now_ns, progressed_ns=now_ns)
        self._queue.started(child.name, now_ns)
        self._transitions.apply(child, Event.STARTED, now_ns)
        stands_by = f"; process {child.elder.pid} goes on until then" if child.elder is not None else ""
        child.reason = ""  # why the one before ended is told
        self._transitions.report("debug", "started", child)
        child.reason = f"not ready yet{stands_by}"

    def _whose(self, event: Said | Ended) -> tuple[Child, Running] | tuple[None, None]:
        """The child, and the process that this is about; None where that runs no more."""
        child = self.children.get(event.name)
        running = child.running if child is not None else None
        if child is None or running is None or running.pid != event.pid:
            return None, None
        return child, running

    def _said(self, event: Said, now_ns: int) -> None:
        child, running = self._whose(event)
        if child is None or running is None:
            return  # last words of a process that is gone
        message = event.message
        running.heard_ns = max(running.heard_ns or 0, min(message.at_ns, now_ns))
        running.facts.update(list(message.facts.items())[:FACTS_MAX])
        progress = progress_of(message.facts)
        if child.stage is Stage.UP or is_ahead(progress, running.progress):
            running.strain = None
        if message.kind == "ready" and running.ready_ns is None:
            self._transitions.apply(child, Event.READY, now_ns)
        elif child.stage is Stage.STARTING and is_ahead(progress, running.progress):
            running.progress, running.progressed_ns = progress, running.heard_ns
            self._transitions.apply(child, Event.PROGRESS, now_ns)
        elif child.stage in (Stage.STARTING, Stage.UP):
            self._transitions.watch(child)

    def _ended(self, event: Ended, now_ns: int) -> None:
        of = self.children.get(event.name)
        if of is not None and of.elder is not None and of.elder.pid == event.pid:
            self._record(of, event, str(event.exit), expected=of.elder.dismissed)
            of.elder = None
            return
        child, running = self._whose(event)
        if child is None or running is None:
            return
        asked = child.stage in (Stage.STOPPING, Stage.RESTARTING)
        happened = Event.ENDED if asked else self._judge(child, running, event, now_ns)
        how = f"{running.failure}; {event.exit}" if running.failure else str(event.exit)
        said = f"{how}: {event.last_words}" if event.last_words else how
        child.reason = "stopped by request" if child.stage is Stage.STOPPING else said
        self._record(child, event, how, expected=asked and not running.failure)
        child.running, child.previous, child.settled = None, running, True
        self._queue.discard(child.name)
        self._transitions.apply(child, happened, now_ns)

    def _judge(self, child: Child, running: Running, event: Ended, now_ns: int) -> Event:
        """What the policy makes of an end that nobody asked for."""
        up_for_ns = now_ns - running.ready_ns if running.ready_ns is not None else 0
        clean = event.exit.clean and not running.failure
        excused = event.exit.code in child.spec.excused_statuses
        verdict, child.history = restart.judge(
            child.spec, child.history, now_ns, clean=clean, up_for_ns=up_for_ns, excused=excused
        )
        return _VERDICTS[verdict]

    def _asked(self, event: Asked, now_ns: int) -> None:
        if event.verb == "shutdown":
            self._requests.open(event.request, "shutdown", set())
            self._halt(now_ns)
        elif self.halting:
            self._refuse(event, STOPPING)
        elif event.verb == "reload":
            self._reload(event, now_ns)
        else:
            self._change(event, now_ns)

    def _change(self, event: Asked, now_ns: int) -> None:
        """start, stop or restart some names; a name that the config has only now got is new."""
        wanted = {spec.name: spec for spec in event.specs or ()}
        known = [n for n in event.names if self._is_there(n) or (n in wanted and event.verb != "stop")]
        unknown = [name for name in event.names if name not in known]
        if unknown or not event.names:
            there = ", ".join(sorted(self.children)) or "none"
            fault = f" ({event.fault})" if event.fault and unknown else ""
            said = f"unknown: {', '.join(unknown)}{fault}; known: {there}" if unknown else "no name given"
            self._refuse(event, said)
            return
        added = [name for name in known if not self._is_there(name)]
        for name in known:
            child = (
                self.children.setdefault(name, Child(wanted[name])) if name in wanted else self.children[name]
            )
            child.wanted, child.leaving = event.verb != "stop", child.leaving and name not in wanted
            if name in wanted and (event.verb == "restart" or (event.verb == "start" and child.pid is None)):
                self._set_spec(child, wanted[name])
            self._transitions.apply(child, Event(event.verb), now_ns)
        if added:
            self._transitions.signal_reload(self.children.values(), set(known))
        self._remember()
        faulty = event.fault and event.verb != "stop"
        notes = {"notes": [f"old settings used: {event.fault}"]} if faulty else {}
        self._requests.open(event.request, event.verb, set(known), notes)

    def _is_there(self, name: str) -> bool:
        return name in self.children and not self.children[name].leaving

    def _reload(self, event: Asked, now_ns: int) -> None:
        if event.specs is None:
            self._refuse(event, event.fault)
            return
        change = difference(self.children, event.specs)
        told = change.summary()  # before the new specs are the children's own
        for child in change.removed:
            child.wanted, child.leaving = False, True
            self._transitions.apply(child, Event.STOP, now_ns)
        for spec in change.added:
            child = self.children.setdefault(spec.name, Child(spec))
            child.wanted, child.leaving = True, False
            self._set_spec(child, spec)
            self._transitions.apply(child, Event.START, now_ns)
        for child, spec in change.changed:
            self._set_spec(child, spec)
            if child.wanted:
                self._transitions.apply(child, Event.RESTART, now_ns)
        for child, spec in change.adjusted:
            self._transitions.adjust(child, spec, now_ns)
        self._transitions.signal_reload(self.children.values(), change.touched)
        self._remember()
        self._out.append(Log("info", "reloaded", "", told))
        self._requests.open(event.request, "reload", change.touched, told)

    def _set_spec(self, child: Child, spec: ChildSpec) -> None:
        """What is started from now on; a start that was asked for with the old spec is taken back."""
        if child.stage is Stage.QUEUED and child.spec != spec:
            self._queue.discard(child.name)
            self._out.append(Withdraw(child.name))
            self._queue.add(child.name)
        child.spec = spec

    def _halt(self, now_ns: int) -> None:
        if self._halting is None:
            self._out.append(Log("info", "stopping"))
            self._halting = Halting(self.children.values(), now_ns)
            self._transitions.end_by_ns = self._halting.until_ns
            return
        self._halting.hurried = True
        for child in self.children.values():
            if child.elder is not None and child.elder.overdue_ns is not None:
                child.elder.overdue_ns = now_ns
            if child.state is ChildState.STOPPING:
                self._transitions.apply(child, Event.OVERDUE, now_ns)

    def _tick(self, tick: Tick, now_ns: int) -> None:
        for child in list(self.children.values()):
            if child.elder is not None and (child.elder.overdue_ns or now_ns + 1) <= now_ns:
                child.elder.overdue_ns = None
                self._out.append(Send(child.name, child.elder.pid, signal.SIGKILL, descendants=True))
            if child.deadline_ns is None or child.deadline_ns > now_ns:
                continue
            event, late_ns = child.deadline_event, now_ns - child.deadline_ns
            child.deadline_ns = None
            assert event is not None
            if event is Event.HUNG and late_ns > STALL_NS:
                assert child.running is not None
                child.running.heard_ns = now_ns
                self._transitions.watch(child)
            elif event in _MISSED and self._is_excused(child, event, tick, now_ns):
                self._transitions.watch(child)
            else:
                self._transitions.apply(child, event, now_ns)
        names = self.starved.note(now_ns)
        if names:
            fields = {"waiting": names, "pressure": round(tick.pressure, 2)}
            self._out.append(Log("warning", TOO_SMALL, "", fields))

    def _is_excused(self, child: Child, event: Event, tick: Tick, now_ns: int) -> bool:
        """Whether it has missed its deadline for want of a processor: then it has another."""
        running, seen = child.running, tick.cpu_times.get(child.name)
        if running is None or seen is None:
            return False
        spec = child.spec
        hung_s = spec.heartbeat_interval_s * spec.heartbeats_missed_max
        span_ns = ns(hung_s if event is Event.HUNG else spec.start_timeout_s)
        strain = excused(running.strain, seen, now_ns, span_ns, tick.pressure)
        if strain is None:
            return False
        if running.strain is not None:  # the first look only tells that the machine is pressed
            self.starved.add(child.name, now_ns)
        running.strain = strain
        return True

    # after each input

    def _settle(self, now_ns: int) -> None:
        if self._halting is not None and not self.finished:
            # One that had no process is down at once, and with that the next order may be due already.
            while due := self._halting.due(self.children.values(), now_ns):
                for child in due:
                    self._end_with_all(child, self._halting, now_ns)
        for name in [n for n, c in self.children.items() if c.leaving and c.is_at_rest]:
            del self.children[name]
            self._out.append(Retire(name))
        for name in self._queue.release(self.children, now_ns):
            self._out.append(Spawn(self.children[name].spec))
        self._out.extend(self._requests.settle(self.children))
        if self.halting and not self.finished and all(c.is_at_rest for c in self.children.values()):
            self.finished = True
            self._out.extend([*self._requests.finish(), Finish()])

    def _end_with_all(self, child: Child, halting: Halting, now_ns: int) -> None:
        child.wanted = False
        self._transitions.apply(child, Event.STOP, now_ns)
        if halting.hurried and child.state is ChildState.STOPPING:
            self._transitions.apply(child, Event.OVERDUE, now_ns)
        elif child.deadline_ns is not None:
            child.deadline_ns = min(child.deadline_ns, halting.until_ns)

    def _refuse(self, event: Asked, why: str) -> None:
        self._out.append(Reply(event.request, {"ok": False, "error": why}))

    def _remember(self) -> None:
        self.stopped = frozenset(n for n, c in self.children.items() if not c.wanted and not c.leaving)
        self._out.append(RememberStopped(self.stopped))

    def _record(self, child: Child, event: Ended, how: str, *, expected: bool) -> None:
        exit_ = event.exit
        entry: dict[str, Any] = {
            "time_ns": exit_.time_ns,
            "exit": how,
            "expected": expected,
            "pid": event.pid,
        }
        entry |= {"code": exit_.code, "signal": exit_.signal, "restarts": child.restarts}
        entry |= {"peak_rss_bytes": exit_.peak_rss_bytes, "cpu_s": exit_.cpu_s}
        entry |= {
            "traceback": "" if expected else event.traceback,
            "words": "" if expected else event.last_words,
        }
        child.last_exit = entry
        self._out.append(RecordExit(child.name, entry))
        self._transitions.report("info" if expected else "warning", "ended", child, pid=event.pid, exit=how)


_MISSED = frozenset({Event.HUNG, Event.LATE})
_VERDICTS = {
    Verdict.LEAVE: Event.ENDED_FOR_GOOD,
    Verdict.RETRY: Event.ENDED_BADLY,
    Verdict.GIVE_UP: Event.ENDED_TOO_OFTEN,
}
