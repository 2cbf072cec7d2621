"""Where engines find a gateway: two names of a socket, which lead to whoever sits there.

A gateway binds a socket of its own, with a page of `passed.py` beside it, and points both names of each at
them. One that lets go points them at the other's, so whoever dials anew finds that, and who is connected
stays so: an engine that has dialled the older one by one name dials the newer by the other. The lock says who
sits there.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from signalnode.clock import NS_PER_S, monotonic_ns, pause
from signalnode.errors import AlreadyRunningError
from signalnode.feeds.live.envelope import frames_endpoint, other_name
from signalnode.feeds.live.passed import passed_path
from signalnode.files import Lock, hold_lock, replace_link
from signalnode.names import ipc_path

SOCKETS = ("0", "1")  # of two processes at once
RETURN_NS_MAX = 3 * NS_PER_S  # longer than `relief.RETURN_S`, and what it takes to see that somebody has died
LOOK_NS = NS_PER_S // 20


class Seat:
    """Taken at once; where another has it, raises AlreadyRunningError unless it `may_wait` for it."""

    def __init__(self, runtime_dir: Path, gateway: str, *, may_wait: bool) -> None:
        self._lock_path = runtime_dir / f"{gateway}.lock"
        self._lock: Lock | None = None
        endpoint = frames_endpoint(runtime_dir, gateway)
        self._names = [endpoint, other_name(endpoint)]
        # What leads here, as text: ten times a second it is looked at.
        self._links = {str(of(name)): of for name in self._names for of in (_path_of, passed_path)}
        sockets = [f"{endpoint}.{number}" for number in SOCKETS]
        self.elder = self._seated(sockets) if may_wait else ""
        if not self.elder:
            try:
                self._lock = hold_lock(self._lock_path)
            except AlreadyRunningError:
                if not may_wait:
                    raise
                self.elder = self._pointed_at()
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

    def _seated(self, sockets: Sequence[str]) -> str:
        """Who sits there, "" for nobody. Where the names lead to one that is gone, a process that was to take
        over has died, and the other returns: it is waited for, or both would bind one socket.
        """
        until_ns = monotonic_ns() + RETURN_NS_MAX
        while True:
            pointed, there = self._pointed_at(), [each for each in sockets if _listens(each)]
            if pointed in there or not there:
                return pointed if there else ""
            if monotonic_ns() > until_ns:
                return there[0]
            pause(LOOK_NS)

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


def _listens(endpoint: str) -> bool:
    """Whether a process has bound it, even one that is stopped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.setblocking(False)
        try:
            stream.connect(str(_path_of(endpoint)))
        except BlockingIOError:
            return True  # more wait for it already than it lets in
        except OSError:
            return False
    return True


def _path_of(endpoint: str) -> Path:
    path = ipc_path(endpoint)
    assert path is not None
    return path
