"""Where engines find a gateway: two names of a socket, which lead to whoever sits there.

A gateway binds a socket of its own, with a page of `passed.py` beside it, and points both names of each at
them. One that lets go points them at the other's, so whoever dials anew finds that, and who is connected
stays so: an engine that has dialled the older one by one name dials the newer by the other. The lock says who
sits there.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from signalnode.errors import AlreadyRunningError
from signalnode.feeds.live.envelope import frames_endpoint, other_name
from signalnode.feeds.live.passed import passed_path
from signalnode.files import Lock, hold_lock, replace_link
from signalnode.names import ipc_path

SOCKETS = ("0", "1")  # of two processes at once


class Seat:
    """Taken at once; where another has it, raises AlreadyRunningError unless it `may_wait` for it."""

    def __init__(self, runtime_dir: Path, gateway: str, *, may_wait: bool) -> None:
        self._lock_path = runtime_dir / f"{gateway}.lock"
        self._lock: Lock | None = None
        endpoint = frames_endpoint(runtime_dir, gateway)
        self._names = [endpoint, other_name(endpoint)]
        # What leads here, as text: ten times a second it is looked at.
        self._links = {str(of(name)): of for name in self._names for of in (_path_of, passed_path)}
        try:
            self._lock = hold_lock(self._lock_path)
        except AlreadyRunningError:
            if not may_wait:
                raise
        self.elder = "" if self._lock else self._pointed_at()
        sockets = [f"{endpoint}.{number}" for number in SOCKETS]
        self.endpoint = next(each for each in sockets if each != self.elder)
        self._other = next(each for each in sockets if each != self.endpoint)

    def hold(self) -> None:
        """Hold the lock, as soon as nobody else does."""
        if self._lock is None:
            with contextlib.suppress(AlreadyRunningError):
                self._lock = hold_lock(self._lock_path)

    def keep(self) -> None:
        """As `hold`; and what somebody removed of the seat is made again."""
        self.hold()
        if self._lock is not None:
            self._lock.put_back()
            with contextlib.suppress(OSError):  # no room, or the directory is gone as well, for now
                self._point(self.endpoint, only_missing=True)

    def take(self) -> None:
        """Have the names lead here."""
        self.hold()
        if self._pointed_at() != self.endpoint:
            self._point(self.endpoint)

    def let_go(self) -> None:
        """Have the names lead to the other, and let it take the lock."""
        self._point(self._other)
        self._release()

    def leave(self) -> None:
        """At the end: no name leads here."""
        if self._pointed_at() == self.endpoint:
            for link in self._links:
                Path(link).unlink(missing_ok=True)
        self._release()

    def _point(self, endpoint: str, *, only_missing: bool = False) -> None:
        for link, path_of in self._links.items():
            if not (only_missing and os.path.lexists(link)):
                replace_link(Path(link), path_of(endpoint).name)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _pointed_at(self) -> str:
        path = _path_of(self._names[0])
        try:
            return f"ipc://{path.with_name(os.readlink(path))}"
        except OSError:
            return ""


def _path_of(endpoint: str) -> Path:
    path = ipc_path(endpoint)
    assert path is not None
    return path
