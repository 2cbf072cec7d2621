"""The real core under virtual time with fake processes: all that can go wrong, in an order a seed decides."""

from __future__ import annotations

import heapq
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from signalnode_supervisor.core import liveness
from signalnode_supervisor.core.child import Child, Exit
from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.core.liveness import ChildMessage
from signalnode_supervisor.core.messages import (
    Adopted,
    Asked,
    Begin,
    Command,
    Ended,
    Finish,
    Halt,
    Input,
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
from signalnode_supervisor.core.restart import backoff_max_ns
from signalnode_supervisor.core.supervisor import STALL_NS, Supervisor
from signalnode_supervisor.core.transitions import ABORT_GRACE_S
from signalnode_supervisor.settings import Settings
from signalnode_supervisor.spec import ChildSpec
from tests.simulation.draws import INTENSITY_MAX, Fake, draw_policy, draw_spec

MS = 1_000_000
S = 1_000 * MS
KILL_DELAY_MAX_NS = 5 * MS  # what a SIGKILL takes here
NAMES = ("A", "B", "C", "D")
ALIVE = (ChildState.UP, ChildState.STOPPING)
AT_REST = (ChildState.DOWN, ChildState.BACKING_OFF, ChildState.GIVEN_UP)


class World:
    """One schedule. `run` plays it to its end and raises AssertionError at the first broken invariant."""

    def __init__(self, seed: int, settings: Settings) -> None:
        self.rng = random.Random(seed)
        self.settings = settings
        self.now_ns = self.rng.randrange(1, 10**15)
        self.specs = {name: draw_spec(self.rng, name) for name in NAMES[: self.rng.randint(1, len(NAMES))]}
        self.core = Supervisor(settings, self.rng)
        self.live: dict[int, Fake] = {}
        self.spawns: dict[str, ChildSpec] = {}  # asked for, not yet carried out
        self.untouchable: set[str] = set()  # during a reload: no signal may go there
        self.open: dict[int, str] = {}  # requests without an answer
        self.stopped: frozenset[str] = frozenset()
        self.finished = False
        self.halted_ns: int | None = None
        self.stalled_until_ns = 0
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._pids = 100
        self._requests = 0
        self.trouble = self.rng.random()  # how troubled this world is: some are calm

    # drawing

    def _at(self, wait_ns: int, call: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._later, (self.now_ns + wait_ns, self._count, call))

    def _chance(self, share: float) -> bool:
        return self.rng.random() < share

    # playing

    def run(self, steps_max: int = 45) -> None:
        self._give(Begin(tuple(self.specs.values())))
        for _ in range(steps_max):
            self._play()
            if self.finished:
                break
        self._halt()
        for _ in range(10_000):
            if self.finished:
                break
            self._advance()
        assert self.finished, "the halt never ended"
        assert not self.open, f"requests without an answer: {self.open}"
        assert not self.live, "a process outlived the halt"
        assert not self.spawns, "a start outlived the halt"

    def _play(self) -> None:
        draw = self.rng.random()
        if draw < 0.25:
            self._ask()
        elif draw < 0.27:
            self._stall()
        elif draw < 0.29 and self.halted_ns is None:
            self._succeed()
        elif draw < 0.295:
            self._halt()
        else:
            self._advance()

    def _advance(self) -> None:
        """To the next thing that happens, whether a deadline of the core's or a process's doing."""
        deadline_ns = self.core.next_deadline_ns(self.now_ns)
        due_ns = max(deadline_ns, self.now_ns) if deadline_ns is not None else None
        if self._later and (due_ns is None or self._later[0][0] <= due_ns):
            at_ns, _, call = heapq.heappop(self._later)
            self.now_ns = max(self.now_ns, at_ns)
            call()
        elif due_ns is not None:
            self.now_ns = max(due_ns, self.stalled_until_ns)
            self._give(Tick())
        else:
            self.now_ns += S

    def _give(self, event: Input) -> None:
        before = {n: (c.state, c.history.streak) for n, c in self.core.children.items()}
        for command in self.core.step(event, self.now_ns):
            self._carry_out(command)
        self._check(before)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Spawn(spec):
                assert spec.name not in self.spawns, "asked for twice"
                assert spec.name not in self._names_alive(), "two processes for one child"
                self.spawns[spec.name] = spec
                self._at(self.rng.choice((0, 1, 50, 3000)) * MS, lambda: self._start(spec))
            case Withdraw(name):
                self.spawns.pop(name, None)
            case Send():
                self._signal(command)
            case Reply(request):
                assert request in self.open, "answered twice, or never asked"
                del self.open[request]
            case RememberStopped(stopped):
                self.stopped = stopped
            case Retire(name):
                self.specs.pop(name, None)
            case Finish():
                self.finished = True
            case _:
                pass

    # processes

    def _start(self, spec: ChildSpec) -> None:
        if self.spawns.get(spec.name) is not spec:
            return  # withdrawn, or asked for again since
        del self.spawns[spec.name]
        self._pids += 1
        fake = Fake(spec.name, self._pids, spec, self.now_ns, deaf=self._chance(0.15 * self.trouble))
        self.live[fake.pid] = fake
        self._give(Started(spec.name, fake.pid))
        if self._chance(0.3):
            self._prepare(fake, self.rng.choice((0.3, 0.1, 0.1, 1e-5, 0.0)))
            return
        draw = self.rng.random() / max(self.trouble, 1e-3)
        if draw < 0.3:
            self._end_later(fake, self.rng.choice((0, 1, 40)) * MS, Exit(code=self.rng.choice((0, 1))))
        elif draw < 0.4:
            return  # never ready
        else:
            self._at(self.rng.choice((0, 5, 300)) * MS, lambda: self._become_ready(fake))

    def _prepare(self, fake: Fake, stride: float) -> None:
        """A slow start: each beat a stride further (or none), at times back again; some fall silent."""
        if fake.pid not in self.live or fake.silent_since_ns is not None or fake.ending:
            return
        if fake.progress is not None and self._chance(0.1 * self.trouble):
            self._fall_silent(fake)
            return
        said = 0.0 if self._chance(0.1) else min(1.0, (fake.progress or 0.0) + stride)
        if fake.progress is None or said > fake.progress:
            fake.progress, fake.moved_ns = said, self.now_ns
        self._say(fake, "beat", progress=said)
        wait_ns = int((fake.spec.heartbeat_interval_s or 0.4) * S * 0.5)
        if fake.progress < 1.0:
            self._at(wait_ns, lambda: self._prepare(fake, stride))
        elif not self._chance(0.3 * self.trouble):
            self._at(self.rng.choice((0, 5, 300)) * MS, lambda: self._become_ready(fake))

    def _become_ready(self, fake: Fake) -> None:
        if fake.pid not in self.live or fake.ending:
            return
        fake.ready = True
        self._say(fake, "ready")
        draw = self.rng.random() / max(self.trouble, 1e-3)
        if draw < 0.3:
            self._end_later(fake, self.rng.choice((1, 100, 3000)) * MS, Exit(signal=signal.SIGKILL))
        elif draw < 0.45:
            self._at(self.rng.choice((0, 2000)) * MS, lambda: self._fall_silent(fake))
        self._beat(fake)

    def _fall_silent(self, fake: Fake) -> None:
        fake.silent_since_ns = self.now_ns

    def _beat(self, fake: Fake) -> None:
        if (
            fake.pid not in self.live
            or fake.silent_since_ns is not None
            or not fake.spec.heartbeat_interval_s
        ):
            return
        self._say(fake, "beat")
        self._at(int(fake.spec.heartbeat_interval_s * S * 0.5), lambda: self._beat(fake))

    def _say(self, fake: Fake, kind: str, **facts: Any) -> None:
        fake.heard_ns = self.now_ns
        self._give(Said(fake.name, fake.pid, ChildMessage(kind, self.now_ns, {"pid_of": fake.pid, **facts})))

    def _signal(self, command: Send) -> None:
        fake = self.live.get(command.pid)
        if fake is None:
            return
        assert fake.name == command.name, "a signal for somebody else"
        assert fake.name not in self.untouchable, "a reload touched what is started with the same as before"
        if command.signal == signal.SIGABRT:
            assert self._is_silent(fake) or self._is_late(fake), f"{fake.name} is aborted for nothing"
        if command.signal == signal.SIGKILL:
            self._end_later(fake, self.rng.randrange(KILL_DELAY_MAX_NS), Exit(signal=signal.SIGKILL))
        elif not fake.deaf:
            wait_ms = self.rng.choice((0, 10, 200, 2000))
            ending = Exit(code=0) if command.signal == signal.SIGTERM else Exit(signal=command.signal)
            self._end_later(fake, wait_ms * MS, ending)

    def _end_later(self, fake: Fake, wait_ns: int, ending: Exit) -> None:
        def end() -> None:
            if self.live.pop(fake.pid, None) is not None:
                self._give(Ended(fake.name, fake.pid, ending))

        self._at(wait_ns, end)

    # people, and fate

    def _ask(self) -> None:
        verb: Any = self.rng.choice(("start", "stop", "restart", "restart", "reload", "stop"))
        names = tuple(self.rng.sample([*NAMES, "nobody"], self.rng.randint(1, 2)))
        specs: tuple[ChildSpec, ...] | None = None
        if verb != "stop" and self._chance(0.8):
            drawn = {name: draw_spec(self.rng, name) for name in NAMES if self._chance(0.6)}
            kept = {name: spec for name, spec in self.specs.items() if self._chance(0.7)}
            kept |= {n: draw_policy(self.rng, spec) for n, spec in kept.items() if self._chance(0.3)}
            specs = tuple({**drawn, **kept}.values())
        self._requests += 1
        self.open[self._requests] = verb
        if verb == "reload" and self.halted_ns is None:
            alike = {(spec.name, spec.digest()) for spec in (self.specs.values() if specs is None else specs)}
            self.untouchable = {n for n, c in self.core.children.items() if (n, c.spec.digest()) in alike}
            self.stalled_until_ns = max(self.stalled_until_ns, self.now_ns)  # another policy counts from here
        self._give(Asked(self._requests, verb, names, specs, "" if specs is not None else "a fault"))
        self.untouchable = set()
        self.specs = {name: child.spec for name, child in self.core.children.items()}

    def _stall(self) -> None:
        """The supervisor sleeps for a while: nothing reaches it, and then everything at once."""
        self.stalled_until_ns = self.now_ns + self.rng.choice((1, 700, 5000)) * MS
        due = [item for item in self._later if item[0] <= self.stalled_until_ns]
        self._later = [item for item in self._later if item[0] > self.stalled_until_ns]
        heapq.heapify(self._later)
        self.now_ns = self.stalled_until_ns
        for _, _, call in sorted(due, key=lambda item: item[:2]):
            call()

    def _succeed(self) -> None:
        """The supervisor dies and leaves its children; its successor finds them. Requests die with it."""
        self.open.clear()
        self.spawns.clear()
        for child in self.core.children.values():  # of two only the newer is written down
            if child.elder is not None and child.pid is not None:
                self.live.pop(child.elder.pid, None)
        self.core = Supervisor(self.settings, self.rng)
        self.stalled_until_ns = self.now_ns  # the successor cannot know since when a child is silent
        specs = tuple(replace(s, fingerprint="9") if self._chance(0.2) else s for s in self.specs.values())
        specs = tuple(draw_policy(self.rng, spec) if self._chance(0.2) else spec for spec in specs)
        adopted = tuple(
            Adopted(p.name, p.pid, p.spec.digest(), p.ready, p.born_ns, self.now_ns)
            for p in self.live.values()
        )
        self._give(Begin(specs, self.stopped, adopted))

    def _halt(self) -> None:
        if self.halted_ns is None:
            self.halted_ns = self.now_ns
            self.grace_ns = int(
                max((c.spec.stop_grace_s for c in self.core.children.values()), default=0.0) * S
            )
        self._give(Halt())

    # invariants

    def _names_alive(self) -> list[str]:
        """Of all processes but those that stand by until another has taken their place."""
        elders = {c.elder.pid for c in self.core.children.values() if c.elder is not None}
        return [fake.name for fake in self.live.values() if fake.pid not in elders]

    def _check(self, before: dict[str, tuple[ChildState, int]]) -> None:
        running = self._names_alive()
        assert len(running) == len(set(running)), f"two processes for one child: {running}"
        under_way = 0
        for name, child in self.core.children.items():
            if child.state in ALIVE:
                assert child.pid is not None, f"{name} is {child.state} without a process"
            if child.state in AT_REST:
                assert child.pid is None, f"{name} is {child.state} with process {child.pid}"
                assert name not in self.spawns, f"{name} is {child.state} and about to be started"
            if child.pid is not None:
                assert child.pid in self.live, f"{name} believes in a process that is gone"
            if child.state is ChildState.STARTING and child.pid is not None:
                self._check_start(child, self.live[child.pid])
            if child.state is ChildState.STOPPING or (child.state is ChildState.STARTING and child.pid):
                assert child.deadline_ns is not None or self._killed(child.pid), (
                    f"{name} may stay {child.state}"
                )
            if child.state is ChildState.BACKING_OFF:
                self._check_backoff(name, before)
            if child.state is ChildState.GIVEN_UP:
                assert (child.deadline_ns is not None) == (child.spec.retry_s > 0), f"{name} is lost"
            assert len(child.history.failures_ns) <= INTENSITY_MAX + 1, f"{name} keeps failures without end"
            under_way += name in self.spawns
        assert under_way <= self.settings.starts_at_once_max, "too many starts at once"
        self._check_silence()
        if self.halted_ns is not None and not self.finished:
            over_ns = self.now_ns - self.halted_ns - self.grace_ns - KILL_DELAY_MAX_NS
            late_ns = max(0, self.stalled_until_ns - self.halted_ns)
            assert over_ns <= int(ABORT_GRACE_S * S) + late_ns, "stopping takes longer than the grace period"

    def _killed(self, pid: int | None) -> bool:
        return pid in self.live  # SIGKILL was sent: its end is under way, and nothing can stop it

    def _check_backoff(self, name: str, before: dict[str, tuple[ChildState, int]]) -> None:
        child = self.core.children[name]
        assert child.deadline_ns is not None, f"{name} would back off for ever"
        if before.get(name, (ChildState.DOWN, 0))[0] is not ChildState.BACKING_OFF:
            longest_ns = backoff_max_ns(child.spec, child.history.streak)
            assert 0 <= child.deadline_ns - self.now_ns <= longest_ns, f"{name} waits longer than it may"

    def _check_start(self, child: Child, fake: Fake) -> None:
        """Bounded as a whole, and no longer than its timeout without progress."""
        most_ns = int(max(liveness.PREPARE_S_MAX, child.spec.start_timeout_s) * S)
        assert child.deadline_ns is not None, f"{fake.name} may start for ever"
        assert child.running is not None
        assert child.deadline_ns <= child.running.started_ns + most_ns, f"{fake.name} may start for too long"
        since_ns = max(fake.born_ns, fake.moved_ns, self.stalled_until_ns)
        assert self.now_ns <= since_ns + int(child.spec.start_timeout_s * S) + 2 * STALL_NS, (
            f"{fake.name} makes no progress and nobody sees it"
        )

    def _is_late(self, fake: Fake) -> bool:
        spec = self.core.children[fake.name].spec
        late_ns = max(fake.born_ns, fake.moved_ns) + int(spec.start_timeout_s * S)
        most_ns = int(max(liveness.PREPARE_S_MAX, spec.start_timeout_s) * S)
        return not fake.ready and self.now_ns >= min(late_ns, fake.born_ns + most_ns)

    def _is_silent(self, fake: Fake) -> bool:
        """For longer than it may, where it may not; both are matters of its spec and of what it said."""
        spec = self.core.children[fake.name].spec
        preparing = fake.progress is not None and fake.progress < 1.0
        allowed_ns = int(spec.heartbeat_interval_s * spec.heartbeats_missed_max * S)
        return bool(allowed_ns) and (fake.ready or preparing) and self.now_ns >= fake.heard_ns + allowed_ns

    def _check_silence(self) -> None:
        for fake in self.live.values():
            child = self.core.children.get(fake.name)
            if fake.silent_since_ns is None or child is None or child.pid != fake.pid:
                continue
            allowed_ns = int(fake.spec.heartbeat_interval_s * child.spec.heartbeats_missed_max * S)
            since_ns = max(fake.silent_since_ns, self.stalled_until_ns)
            if allowed_ns and self.now_ns > since_ns + allowed_ns + 2 * STALL_NS:
                assert child.running is not None
                adopted = child.running.adopted
                running = (ChildState.UP,) if adopted else (ChildState.UP, ChildState.STARTING)
                assert child.state not in running, f"{fake.name} hangs and nobody sees it"
