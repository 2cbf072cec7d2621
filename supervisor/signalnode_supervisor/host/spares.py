"""The fork server as the supervisor sees it, and the spare processes it keeps ready.

A fork copies the process that forks, but of its threads only the one that called. So whoever forks children
has a single thread, and has imported once what all of them share. The supervisor is neither: it has threads
that write logs, and must not carry its children's memory. A process of its own forks for it
(`inside.forkserver`), executed afresh, and again whenever it dies.

A *spare* is forked before anybody needs it, so a child that fell is replaced in the time of one message:

    requested   we made a socket pair and sent its far end with a "+"
    spare       the fork server said its pid; from here on it is our own child, for we are the subreaper
    child       we sent an assignment and three files over its line; the line is closed (`inside.entry`)

Answers come in the order of the requests, so that a pid belongs to the oldest line without one. A spare whose
line closes ends by itself, and so nothing has to be done about spares at the end, not even after a SIGKILL.
The fork server may die at any time: children and spares are not its children and notice nothing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.inside.forkserver import MESSAGE_BYTES_MAX
from signalnode_supervisor.linux.procfs import MARK_BYTES, make_mark, send_signal

PROGRAM = "signalnode_supervisor.inside.forkserver"
LINE_FILE = 3  # the number that the fork server has its line to us by
READY_SPARES = 2  # kept beyond what is wanted right now
REQUESTED_MAX = 16  # forks asked for and not yet done
BACKOFF_MAX_S = 30.0  # longest wait before a fork server that keeps failing is started again
STABLE_NS = 10 * NS_PER_S  # a fork server that lived this long has not failed at once
FORK_NS_MAX = 5 * NS_PER_S  # a fork takes milliseconds: a fork server that owes one for so long is stuck
NO_ROOM_PAUSE_NS = NS_PER_S // 10  # before another fork is asked for where the machine had no room for one
# Native thread pools do not survive a fork, so none is to be made before it. The children share the cores.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
NOT_INHERITED = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID")


@dataclass(frozen=True, slots=True)
class Spare:
    """A forked process that waits on the other end of `line`."""

    pid: int
    line: socket.socket

    def assign(self, assignment: dict[str, Any], files: Sequence[int]) -> bool:
        """Tell it what to become; False when it is no longer there."""
        try:
            socket.send_fds(self.line, [json.dumps(assignment).encode()], files)
        except OSError:
            return False
        finally:
            self.line.close()
        return True


def execute(run: str, line: int, output: int) -> int:
    """A fork server in a fresh interpreter, with its line and output; its pid. Raises OSError."""
    mark = make_mark(run).decode()
    assert len(mark) == MARK_BYTES
    environment = {**ENVIRONMENT, **os.environ, "SUPERVISED_AS": mark, "PYTHONUNBUFFERED": "1"}
    for name in NOT_INHERITED:
        environment.pop(name, None)
    program = f"import sys; sys.path[:] = {sys.path!r}; from {PROGRAM} import main; main({LINE_FILE})"
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-c", program],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
            (os.POSIX_SPAWN_DUP2, line, LINE_FILE),
        ],
        setsid=True,  # a terminal's Ctrl-C is for the supervisor alone
    )


class ForkServer:
    """Starts the fork server, starts it again when it dies, and keeps spares."""

    def __init__(
        self,
        poller: Poller,
        setup: dict[str, Any],
        on_spare: Callable[[], None],
        on_fault: Callable[[str], None],
        on_output: Callable[[int], None],
    ) -> None:
        self.pid = 0
        self.preloaded = False
        self._poller = poller
        self._setup = setup
        self._on_spare = on_spare
        self._on_fault = on_fault
        self._on_output = on_output
        self._line: socket.socket | None = None
        self._requested: deque[socket.socket] = deque()
        self._spares: deque[Spare] = deque()
        self._wanted = 0
        self._begun_ns = 0
        self._failures = 0
        self._restart_ns: int | None = None
        self._no_room_ns: int | None = None  # until when no fork is asked for
        self._owing_ns = 0  # since when it owes a fork, as long as `_requested` has one

    @property
    def pids(self) -> set[int]:
        """The fork server's and the spares' own."""
        return {self.pid, *(spare.pid for spare in self._spares)} - {0}

    def start(self) -> None:
        """Execute a fresh interpreter and have it preload; spares follow by themselves."""
        self._restart_ns = None
        self._begun_ns = monotonic_ns()
        try:
            near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:  # no file is left: as if it had died at once
            self._lost()
            return
        try:
            reader, writer = os.pipe()
        except OSError:
            near.close()
            far.close()
            self._lost()
            return
        try:
            self.pid = execute(self._setup["mark"], far.fileno(), writer)
        except OSError:  # no room for another process: as if it had died at once
            near.close()
            os.close(reader)
            self._lost()
            return
        finally:
            far.close()
            os.close(writer)
        near.setblocking(False)
        near.send(json.dumps({**self._setup, "path": sys.path}).encode())
        self._line = near
        self._poller.watch(near.fileno(), self._heard)
        self._on_output(reader)

    def take(self) -> Spare | None:
        """A spare that was ready the last time we heard of it, or None for now."""
        return self._spares.popleft() if self._spares else None

    def want(self, count: int) -> None:
        """So many children wait for a process: keep enough forks under way."""
        self._wanted = count
        if not self.preloaded or self._line is None or self._no_room_ns is not None:
            return
        missing = min(count, REQUESTED_MAX) + READY_SPARES - len(self._spares) - len(self._requested)
        for _ in range(min(missing, REQUESTED_MAX - len(self._requested))):
            try:
                near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            except OSError:  # no file is left
                self._no_room_ns = monotonic_ns() + NO_ROOM_PAUSE_NS
                return
            try:
                socket.send_fds(self._line, [b"+"], [far.fileno()])
            except OSError:
                near.close()
                return
            finally:
                far.close()
            if not self._requested:
                self._owing_ns = monotonic_ns()
            self._requested.append(near)

    def next_deadline_ns(self) -> int | None:
        owing_ns = self._owing_ns + FORK_NS_MAX if self._requested else None
        times = (self._restart_ns, self._no_room_ns, owing_ns)
        return min((at_ns for at_ns in times if at_ns is not None), default=None)

    def tick(self, now_ns: int) -> str:
        """Do what is due by now; for the log, what that was."""
        if self._no_room_ns is not None and self._no_room_ns <= now_ns:
            self._no_room_ns = None
            self.want(self._wanted)
        if self.pid and self._requested and self._owing_ns + FORK_NS_MAX <= now_ns:
            self._owing_ns = now_ns
            send_signal(self.pid, signal.SIGKILL)  # the rest follows when it is reaped
            return "the fork server does not answer: ended"
        if self._restart_ns is not None and self._restart_ns <= now_ns:
            self.start()
            return "starting the fork server"
        return ""

    def reaped(self, pid: int) -> bool:
        """One of our processes is gone; False when it was none of ours."""
        if pid == self.pid:
            self.pid = 0
            self._lost()
            return True
        for spare in self._spares:
            if spare.pid == pid:
                spare.line.close()
                self._spares.remove(spare)
                self.want(self._wanted)
                return True
        return False

    def stop(self) -> None:
        """Let go of the fork server and all spares: each ends by itself when its line closes.

        One that still preloads does not look at its line; it has made nothing yet that could be lost.
        """
        if self.pid and not self.preloaded:
            send_signal(self.pid, signal.SIGKILL)
        self.preloaded = False
        self._close_line()
        for spare in self._spares:
            spare.line.close()
        self._close_requested()

    def kill(self, number: int) -> None:
        """Send a signal to whatever has not ended by itself."""
        for pid in self.pids:
            send_signal(pid, number)

    def _heard(self) -> None:
        assert self._line is not None
        while self._line is not None:
            try:
                data = self._line.recv(MESSAGE_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._close_line()  # the rest follows when it is reaped
                return
            self._take_in(json.loads(data))

    def _take_in(self, message: dict[str, Any]) -> None:
        if "spare" in message:
            line = self._requested.popleft()
            self._owing_ns = monotonic_ns()
            if message["spare"]:
                self._spares.append(Spare(message["spare"], line))
            else:
                line.close()
                self._no_room_ns = self._owing_ns + NO_ROOM_PAUSE_NS
        elif "preloaded" in message:
            self.preloaded = True
        else:
            self._on_fault(message["fault"])
        self._on_spare()

    def _lost(self) -> None:
        """The fork server is gone. Children and spares do not notice; a new one is started soon."""
        self.preloaded = False
        self._close_line()
        self._close_requested()
        self._no_room_ns = None
        now_ns = monotonic_ns()
        self._failures = 0 if now_ns - self._begun_ns > STABLE_NS else self._failures + 1
        wait_s = min(BACKOFF_MAX_S, 0.1 * 2.0 ** min(self._failures, 16)) if self._failures else 0.0
        self._restart_ns = now_ns + int(wait_s * NS_PER_S)

    def _close_requested(self) -> None:
        for line in self._requested:
            line.close()
        self._requested.clear()

    def _close_line(self) -> None:
        if self._line is not None:
            self._poller.unwatch(self._line.fileno())
            self._line.close()
            self._line = None
