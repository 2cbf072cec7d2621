"""One poll for what a live engine waits for: its gateway's socket, signals, and the time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable

import zmq

from signalnode.bus.sockets import waits
from signalnode.clock import NS_PER_MS

SIGNALS_BYTES_MAX = 4_096  # read at once; each signal leaves one


class News:
    """Waits on a ZeroMQ socket and on signals, which have handlers, were blocked, and are let in from now on.
    To let them in for each wait alone cost more than the wait. In the main thread alone.
    """

    def __init__(self, socket: zmq.Socket[bytes], signals: Iterable[int]) -> None:
        self._socket = socket
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._deaf, self._listening = select.poll(), select.poll()
        self._listening.register(socket.getsockopt(zmq.FD), select.POLLIN)  # type: ignore[arg-type]
        for poll in (self._deaf, self._listening):
            poll.register(self._reader, select.POLLIN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def wait(self, wait_ns: int, *, listen: bool) -> None:
        """Wait so long at most; less where a signal comes, or news while they are listened for.

        A signal that came since the last wait is not missed: it lies in the pipe. ZeroMQ's descriptor tells
        of what comes after a look at the socket, and may tell of what is no news.
        """
        if listen and waits(self._socket):
            return
        ready = (self._listening if listen else self._deaf).poll(wait_ns / NS_PER_MS)
        if ready and ready[-1][0] == self._reader:
            with contextlib.suppress(BlockingIOError):
                os.read(self._reader, SIGNALS_BYTES_MAX)
