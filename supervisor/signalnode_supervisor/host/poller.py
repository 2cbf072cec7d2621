"""epoll with a callback for each file. The callbacks run in the loop's one thread and never block."""

from __future__ import annotations

import select
from collections.abc import Callable

EVENTS_AT_ONCE_MAX = 256  # files served between two looks at the deadlines
READ = select.EPOLLIN
WRITE = select.EPOLLOUT


class Poller:
    """Files and what to call when they can be read (or written)."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], None]] = {}

    def watch(self, file: int, call: Callable[[], None], events: int = READ) -> None:
        """Call `call()` whenever `file` is ready; said again, with another call or other events."""
        if file in self._calls:
            self._epoll.modify(file, events)
        else:
            self._epoll.register(file, events)
        self._calls[file] = call

    def unwatch(self, file: int) -> None:
        """Forget the file; call it before closing. Does nothing for one that is not watched."""
        if self._calls.pop(file, None) is not None:
            self._epoll.unregister(file)

    def wait(self, timeout_s: float | None) -> None:
        """Wait for ready files, at most `timeout_s` (None: for ever), and serve them."""
        for file, _ in self._epoll.poll(timeout_s, EVENTS_AT_ONCE_MAX):
            call = self._calls.get(file)
            if call is not None:  # an earlier callback of this round may have closed it
                call()

    def close(self) -> None:
        self._epoll.close()
        self._calls.clear()
