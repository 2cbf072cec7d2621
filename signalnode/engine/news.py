"""One poll for what an engine waits for: its subscribers, its gateway's socket, signals, and the time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterable
from typing import Protocol

import zmq

from signalnode.bus.sockets import waits
from signalnode.clock import NS_PER_MS, monotonic_ns

SIGNALS_BYTES_MAX = 4_096  # read at once; each signal leaves one


class Serves(Protocol):
    """What wants to be served whenever its descriptor is readable, and is no news."""

    @property
    def fd(self) -> int:
        """Its descriptor."""
        ...

    @property
    def serve(self) -> Callable[[], object]:
        """Serves it once, and waits for nothing."""
        ...


class News:
    """Waits on a ZeroMQ socket, where there is one, and on signals, which have handlers, were blocked, and
    are let in from now on; serves `served` meanwhile. To let signals in for each wait alone cost more than
    the wait. In the main thread alone.
    """

    def __init__(
        self, socket: zmq.Socket[bytes] | None, signals: Iterable[int], served: Serves | None = None
    ) -> None:
        self._socket, self._served = socket, served
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._deaf, self._listening = select.poll(), select.poll()
        if socket is not None:
            self._listening.register(socket.getsockopt(zmq.FD), select.POLLIN)  # type: ignore[arg-type]
        self._served_fd = -1 if served is None else served.fd
        for poll in (self._deaf, self._listening):
            poll.register(self._reader, select.POLLIN)
            if served is not None:
                poll.register(self._served_fd, select.POLLIN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def wait(self, wait_ns: int, *, listen: bool) -> None:
        """Wait so long at most; less where a signal comes, or news while they are listened for.

        A signal that came since the last wait is not missed: it lies in the pipe. ZeroMQ's descriptor tells
        of what comes after a look at the socket, and may tell of what is no news.
        """
        if listen and self._socket is not None and waits(self._socket):
            return
        poll, until_ns = self._listening if listen else self._deaf, monotonic_ns() + wait_ns
        while ready := poll.poll(wait_ns / NS_PER_MS):
            found = [fd for fd, _ in ready]
            if self._reader in found:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._reader, SIGNALS_BYTES_MAX)
            if self._served is not None and self._served_fd in found:
                self._served.serve()
            wait_ns = until_ns - monotonic_ns()
            if found != [self._served_fd] or wait_ns <= 0:  # a peer that never stops asking holds nothing up
                return
