"""One writer a market: a lock file held from before the bind until the process is gone.

A second bind on one ipc path does not fail in ZeroMQ, it steals the path. The kernel frees an flock with the
last holder of its file, however that process dies, so a stale file never blocks a start. The file itself
stays: to unlink it would let two processes lock two different files of one name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from signalnode.errors import AlreadyRunningError, RuntimeDirectoryError


class Lock:
    """A held lock; `release` it, or leave it to the end of the process."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    def release(self) -> None:
        """Let the next one in; releasing twice is harmless."""
        if self._file >= 0:
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
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise RuntimeDirectoryError(
            f"{path}: {error.strerror}; check who owns the directory and its mode"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(file)
        raise AlreadyRunningError(f"{path}: held by process {holder}; stop that one first") from None
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return Lock(path, file)
