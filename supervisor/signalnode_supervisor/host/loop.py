"""The one loop: signals, exits, heartbeats, timers and requests become inputs of the core; its commands
are carried out.

It decides nothing. Everything it waits for is a file in one epoll set or one deadline.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import random
import secrets
import signal
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.control import check_socket_path
from signalnode_supervisor.core.lifecycle import ChildState
from signalnode_supervisor.core.messages import (
    Asked,
    Begin,
    Command,
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
from signalnode_supervisor.core.supervisor import STOPPING, Supervisor
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.errors import PreloadError
from signalnode_supervisor.host.directories import make_directory, usable
from signalnode_supervisor.host.ground import Ground
from signalnode_supervisor.host.listener import Listener, Request
from signalnode_supervisor.host.logbook import Entry, Logbook
from signalnode_supervisor.host.memory import Memory
from signalnode_supervisor.host.notify import Notifier
from signalnode_supervisor.host.openfiles import affordable, too_many
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.host.process import places_of
from signalnode_supervisor.host.processes import Processes
from signalnode_supervisor.host.specreader import SpecReader, checked
from signalnode_supervisor.host.standing import TROUBLE, Standing
from signalnode_supervisor.host.status import Samples, describe, own_facts
from signalnode_supervisor.linux import kernel
from signalnode_supervisor.linux.cgroup import delegated
from signalnode_supervisor.linux.files import DirectoryLock, raise_file_limit
from signalnode_supervisor.linux.pressure import CpuPressure
from signalnode_supervisor.settings import Settings
from signalnode_supervisor.spec import ChildSpec

IGNORED = (signal.SIGUSR1, signal.SIGUSR2)  # they mean nothing to us; uncaught they would end the node
WAKE_BYTES_MAX = 4096
OWN_REQUEST = 0  # the number of requests that came as a signal

# What is wanted now, asked for a request about these names alone; about everything with none.
Reload = Callable[[tuple[str, ...]], Iterable[ChildSpec]]
PutBack = Callable[[], list[str]]


def run(
    settings: Settings,
    specs: Iterable[ChildSpec],
    *,
    reload: Reload | None = None,
    on_event: Callable[[Entry], object] | None = None,
    alone: contextlib.AbstractContextManager[object] | None = None,
    put_back: PutBack = list,
) -> int:
    """Supervise until told to stop; the exit status. See the package's docstring for everything else."""
    wanted = checked(specs)
    for directory in (settings.runtime_dir, settings.state_dir):
        make_directory(directory)
    check_socket_path(settings.control_path)
    with usable(settings.runtime_dir):
        lock = DirectoryLock(settings.lock_path)
    try:
        with alone or contextlib.nullcontext():
            kernel.become_subreaper()
            loop = Loop(
                settings,
                wanted,
                reload or (lambda _: wanted),
                on_event=on_event,
                lock=lock,
                put_back=put_back,
            )
            return loop.run()
    finally:
        lock.release()


class Loop:
    """All that one run of the supervisor holds open."""

    def __init__(
        self,
        settings: Settings,
        specs: tuple[ChildSpec, ...],
        reload: Reload,
        *,
        on_event: Callable[[Entry], object] | None,
        lock: DirectoryLock,
        put_back: PutBack,
    ) -> None:
        self._settings = settings
        self._specs = specs
        self._inbox: deque[Input] = deque()
        self._requests: dict[int, Request] = {}
        self._fault = ""
        self._unwritten = ""
        self._started_ns = monotonic_ns()
        self._samples = Samples()
        self._standing = Standing(settings.standing_path)
        self._pressure = CpuPressure()
        self._ready_sent = False
        self._core = Supervisor(settings, random.Random(secrets.randbits(64)))
        self._poller = Poller()
        self._reader = SpecReader(self._poller, lambda names: checked(reload(names)), self._was_read)
        with usable(settings.state_dir):
            self._memory = Memory(settings.runtime_dir, settings.state_dir)
        self._logbook = Logbook(settings, on_event)
        self._notifier = Notifier()
        place = hashlib.sha256(str(settings.runtime_dir).encode()).hexdigest()[:8]
        self._processes = Processes(
            settings,
            self._poller,
            self._memory,
            self._logbook,
            groups=delegated(),
            emit=self._happened,
            run=f"{place}-{secrets.token_hex(4)}",
            on_fault=self._preload_failed,
        )
        with usable(settings.runtime_dir):
            self._listener = Listener(
                settings.control_path, self._poller, self._requested, monotonic_ns, settings.control_group
            )
        self._ground = Ground(self._put_back, self._logbook.note)
        self._lock, self._own_put_back = lock, put_back

    def run(self) -> int:
        """Turn until the core has finished. Raises PreloadError when no child could ever be started."""
        earlier = self._catch_signals()
        try:
            self._begin()
            while not self._core.finished:
                self._turn()
        finally:
            self._end(earlier)
        if self._fault:
            raise PreloadError(self._fault)
        return 0

    def _begin(self) -> None:
        raise_file_limit()
        fault = too_many(len(self._specs))
        if fault:
            self._logbook.note("warning", "files are going to run out", "", {"reason": fault})
        adopted = self._processes.adopt({spec.name: spec for spec in self._specs})
        self._processes.fork_server.start()
        earlier = {spec.name: self._memory.exits(spec.name)[-1:] for spec in self._specs}
        last_exits = {name: exits[0] for name, exits in earlier.items() if exits}
        self._inbox.append(Begin(self._specs, self._memory.stopped(), adopted, last_exits))
        self._work(monotonic_ns())

    def _turn(self) -> None:
        now_ns = monotonic_ns()
        deadline_ns = self._next_deadline_ns(now_ns)
        self._poller.wait(None if deadline_ns is None else max(0.0, (deadline_ns - now_ns) / NS_PER_S))
        now_ns = monotonic_ns()
        self._processes.tick(now_ns)
        self._ground.tick(now_ns)
        self._samples.tick(self._core.children, now_ns)
        self._listener.tick(now_ns)
        self._reader.tick(now_ns)
        self._notifier.tick(now_ns)
        due_ns = self._core.next_deadline_ns(now_ns)
        if due_ns is not None and due_ns <= now_ns:
            self._processes.read_beats()  # nobody is called silent whose words lie unread
            self._work(now_ns)
            overdue = self._processes.cpu_times(self._core.overdue(now_ns))
            self._inbox.append(Tick(overdue, self._pressure.look(now_ns)))
        self._work(now_ns)
        self._standing.tick(self._core.children, now_ns)

    def _next_deadline_ns(self, now_ns: int) -> int | None:
        times = (
            self._core.next_deadline_ns(now_ns),
            self._processes.next_deadline_ns(),
            self._ground.next_ns,
            self._samples.next_ns,
            self._standing.next_ns,
            self._listener.next_deadline_ns(),
            self._reader.next_deadline_ns(),
            self._notifier.next_deadline_ns(),
        )
        return min((at_ns for at_ns in times if at_ns is not None), default=None)

    def _work(self, now_ns: int) -> None:
        """Give the core what has happened, and carry out what it asks for, until nothing is left."""
        worked = bool(self._inbox)
        while self._inbox:
            event = self._inbox.popleft()
            commands = self._core.step(event, now_ns)
            if commands or not isinstance(event, Said) or TROUBLE in event.message.facts:
                self._standing.changed(now_ns)
            for command in commands:
                self._carry_out(command)
        if worked and (self._notifier.is_heard or not self._ready_sent):
            self._tell_systemd()

    def _happened(self, event: Input) -> None:
        """A process that has begun is there for whatever the core is told next: it hears of it first."""
        put = self._inbox.appendleft if isinstance(event, Started) else self._inbox.append
        put(event)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Spawn():
                self._processes.spawn(command.spec)
            case Withdraw():
                self._processes.withdraw(command.name)
            case Send():
                self._processes.send(
                    command.name, command.pid, command.signal, descendants=command.descendants
                )
            case Reply():
                self._reply(command)
            case RememberStopped():
                self._remember(command.stopped)
            case RecordExit():
                self._memory.add_exit(command.name, command.entry)
                self._logbook.later(functools.partial(self._memory.write_exits, command.name))
            case Log():
                self._logbook.note(command.level, command.event, command.child, command.fields)
            case Retire():
                for place in places_of(command.name):
                    with contextlib.suppress(OSError):
                        self._memory.lock_path(place).unlink(missing_ok=True)
            case Finish():
                pass  # the loop looks at `finished`

    def _remember(self, stopped: frozenset[str]) -> None:
        """On a disk that takes nothing, what was asked for is done all the same, and the answer tells."""
        self._unwritten = ""
        try:
            self._memory.set_stopped(stopped)
        except OSError as error:
            why = f"{error.strerror}: {error.filename}"
            self._unwritten = f"who is stopped is forgotten at the node's end, as it cannot be written: {why}"
            self._logbook.note("error", self._unwritten)

    def _put_back(self) -> list[str]:
        """Make again what somebody removed of ours; the paths."""
        return [
            *self._lock.put_back(),
            *self._listener.put_back(),
            *self._memory.put_back(self._core.stopped),
            *self._processes.put_back(),
            *self._standing.put_back(),
            *self._own_put_back(),
        ]

    # requests

    def _requested(self, request: Request) -> None:
        if request.verb == "ping":
            request.answer({"ok": True})
        elif request.verb == "status":
            self._answer_status(request)
        else:
            self._requests[request.number] = request
            self._ask(request.number, request.verb, request.names)

    def _ask(self, number: int, verb: Any, names: tuple[str, ...] = ()) -> None:
        take = self._inbox.append if verb == "shutdown" else self._reader.take
        take(Asked(number, verb, names))

    def _was_read(self, asked: Asked) -> None:
        if asked.verb == "reload":
            self._notifier.reloading(monotonic_ns())
            self._ready_sent = False
        self._inbox.append(affordable(asked, self._core.children.keys()))

    def _reply(self, command: Reply) -> None:
        request = self._requests.pop(command.request, None)
        if request is not None:
            said = command.payload
            if self._unwritten and said.get("ok"):
                said = {**said, "notes": [*said.get("notes", ()), self._unwritten]}
            request.answer({**said, "version": self._settings.version})
        elif command.request == OWN_REQUEST and not command.payload.get("ok"):
            self._logbook.note("error", "reload refused", "", {"error": command.payload.get("error")})

    def _answer_status(self, request: Request) -> None:
        now_ns = monotonic_ns()
        self._processes.read_beats()
        self._work(now_ns)
        children = self._core.children
        unknown = [name for name in request.names if name not in children]
        if unknown:
            there = ", ".join(sorted(children)) or "none"
            request.answer({"ok": False, "error": f"unknown: {', '.join(unknown)}; known: {there}"})
            return
        self._samples.renew(children)
        names = request.names or tuple(children)
        shown = [describe(children[name], self._samples.of(name), now_ns) for name in names]
        for entry in shown if request.names else ():
            entry["exits"] = self._memory.exits(entry["name"])
            entry["log"] = str(self._settings.log_path(entry["name"]))
        request.answer({"ok": True, "supervisor": self._own_status(now_ns), "children": shown})

    def _own_status(self, now_ns: int) -> dict[str, Any]:
        server = self._processes.fork_server
        return own_facts(
            self._started_ns,
            now_ns,
            state="stopping" if self._core.halting else ("up" if server.preloaded else "preloading"),
            fork_server={
                "pid": server.pid or None,
                "preloaded": server.preloaded,
                "said": self._processes.fork_server_words(),
            },
            version=self._settings.version,
            on_supervisor_death=self._settings.on_supervisor_death,
            starved=self._core.starved.names(now_ns),
            service=self._notifier.is_heard,
        )

    # signals and the service manager

    def _catch_signals(self) -> dict[int, Any]:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_reader, self._wake_writer = reader, writer
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._poller.watch(reader, self._signalled)
        caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, *IGNORED)
        return {number: signal.signal(number, lambda *_: None) for number in caught}

    def _signalled(self) -> None:
        numbers = os.read(self._wake_reader, WAKE_BYTES_MAX)
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._inbox.append(Halt())
                self._notifier.stopping()
            elif number == signal.SIGHUP:
                self._ask(OWN_REQUEST, "reload")
        if signal.SIGCHLD in numbers:
            self._processes.reap()

    def _tell_systemd(self) -> None:
        states = [child.state for child in self._core.children.values() if child.wanted]
        up = sum(state is ChildState.UP for state in states)
        gone = sum(state is ChildState.GIVEN_UP for state in states)
        self._notifier.status(f"{up} of {len(states)} up" + (f", {gone} given up" if gone else ""))
        settled = all(child.settled or not child.wanted for child in self._core.children.values())
        if settled and self._processes.fork_server.preloaded and not self._ready_sent:
            self._ready_sent = True
            self._notifier.ready()
            self._logbook.note("info", "ready", "", {"up": up, "wanted": len(states)})

    def _preload_failed(self, fault: str) -> None:
        self._logbook.note("error", "preload failed", "", {"error": fault})
        if not any(child.settled for child in self._core.children.values()):
            self._fault = fault  # nothing was ever started and nothing can be
            self._inbox.append(Halt())

    def _end(self, earlier: dict[int, Any]) -> None:
        self._reader.close()
        for request in self._requests.values():
            request.answer({"ok": False, "error": STOPPING})
        self._listener.close()
        self._standing.close()
        self._processes.close()
        if not self._processes.family.all():
            self._memory.forget_runs()
        self._logbook.note("info", "stopped")
        self._logbook.close()
        self._notifier.close()
        signal.set_wakeup_fd(-1)
        for number, reaction in earlier.items():
            signal.signal(number, reaction)
        self._poller.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
