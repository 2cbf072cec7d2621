"""One writer a market: a lock file held from before the bind until the process is gone.

A second bind on one ipc path does not fail in ZeroMQ, it steals the path. The kernel frees an flock with the
last holder of its file, however that process dies, so a stale file never blocks a start. A released lock's
file is removed; who then locked the removed file, having opened it just before, sees that and tries again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType

from signalnode.errors import AlreadyRunningError, RuntimeDirectoryError

TRIES_MAX = 100  # each means that another holder came and went in between


class Lock:
    """A held lock; `release` it, or leave it to the end of the process."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        self._owner = os.getpid()

    def release(self) -> None:
        """Remove the file and let the next one in.

        Releasing twice is harmless, a fork's copy removes nothing.
        """
        if self._file >= 0:
            if os.getpid() == self._owner:
                self.path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold_lock(path: Path) -> Lock:
    """Take the lock file at `path` or raise AlreadyRunningError naming the holder's pid; never waits.

    Close-on-exec, mode 0600. A fork shares the lock: take it after forking.
    """
    for _ in range(TRIES_MAX):
        file = _opened(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise AlreadyRunningError(f"{path}: held by process {holder}; stop that one first") from None
        if _is_at(path, file):
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
            return Lock(path, file)
        os.close(file)
    raise AlreadyRunningError(f"{path}: taken and released over and over; look who else starts this")


def sweep(path: Path, *guarded: Path) -> None:
    """Remove a lock file that nobody holds, and the files it guards: somebody killed left them behind."""
    with contextlib.suppress(AlreadyRunningError, RuntimeDirectoryError, OSError), hold_lock(path):
        for each in guarded:
            each.unlink(missing_ok=True)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise RuntimeDirectoryError(
            f"{path}: {error.strerror}; check who owns the directory and its mode"
        ) from None


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False
