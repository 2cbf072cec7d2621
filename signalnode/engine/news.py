"""One poll for what a live engine waits for: its gateway's socket, signals, and the time."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable

import zmq

from signalnode.clock import NS_PER_MS

SIGNALS_BYTES_MAX = 4_096  # read at once; each signal leaves one


class News:
    """Waits on a ZeroMQ socket and on signals that are blocked otherwise. In the main thread alone."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._deaf, self._listening = zmq.Poller(), zmq.Poller()
        self._listening.register(socket, zmq.POLLIN)
        for poller in (self._deaf, self._listening):
            poller.register(self._reader, zmq.POLLIN)

    def wait(self, wait_ns: int, signals: Iterable[int], *, listen: bool) -> None:
        """Wait so long at most; less where a signal comes, or news while they are listened for.

        A signal that came before is not missed: let in, it writes to the pipe before the poll looks at it.
        """
        wait_ms = -(-wait_ns // NS_PER_MS)
        numbers = tuple(signals)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        try:
            (self._listening if listen else self._deaf).poll(wait_ms)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, SIGNALS_BYTES_MAX)
