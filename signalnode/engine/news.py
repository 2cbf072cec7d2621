"""One poll for what an engine waits for: its subscribers, its gateway, signals, and the time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterable
from typing import Protocol

from signalnode.clock import NS_PER_MS, monotonic_ns
from signalnode.feeds.base import Inlet

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
    """Waits for what comes in at an inlet, where there is one, and for signals, which have handlers, were
    blocked, and are let in from now on; serves `served` meanwhile. To let signals in for each wait alone cost
    more than the wait. In the main thread alone.
    """

    def __init__(self, inlet: Inlet | None, signals: Iterable[int], served: Serves | None = None) -> None:
        self._inlet, self._served = inlet, served
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._deaf, self._listening = select.poll(), select.poll()
        if inlet is not None:
            self._listening.register(inlet.fd, select.POLLIN)
        self._served_fd = -1 if served is None else served.fd
        for poll in (self._deaf, self._listening):
            poll.register(self._reader, select.POLLIN)
            if served is not None:
                poll.register(self._served_fd, select.POLLIN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def wait_until(self, until_ns: int, *, listen: bool) -> None:
        """Wait until that monotonic time at most; less where a signal comes, or news that are listened for.

        A signal that came since the last wait is not missed: it lies in the pipe.
        """
        inlet = self._inlet
        if listen and inlet is not None and inlet.holds:
            return
        poll, now_ns = self._listening if listen else self._deaf, monotonic_ns()
        while True:
            end_ns = until_ns if inlet is None or inlet.due_ns > until_ns else inlet.due_ns
            found = poll.poll((end_ns - now_ns) / NS_PER_MS if end_ns > now_ns else 0)
            if found and self._is_news([fd for fd, _ in found]):
                return
            now_ns = monotonic_ns()
            if inlet is not None and inlet.due_ns <= now_ns:
                inlet.retry()
            if now_ns >= until_ns:
                return

    def _is_news(self, found: list[int]) -> bool:
        """See to these descriptors; whether the wait is over by them."""
        if self._reader in found:
            with contextlib.suppress(BlockingIOError):
                os.read(self._reader, SIGNALS_BYTES_MAX)
        if self._served is not None and self._served_fd in found:
            self._served.serve()
        return found != [self._served_fd]
