"""Files as the supervisor and its children treat them: replaced whole, locked for life, limited in number."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
from pathlib import Path

from signalnode_supervisor.errors import AlreadyRunning

FILES_WITHOUT_LIMIT = 1 << 20  # what counts as left where there is no limit
PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700


def ensure_directory(path: Path) -> None:
    """Create what is missing of `path`, mode 0700. Raises OSError."""
    path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)


def replace_file(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Make `content` all that the file holds, or leave it as it was; a reader or a crash meets no half of it.

    `durable`: file and name are on disk when it returns. Raises OSError, with the name of a file.
    """
    draft = path.with_name(f"{path.name}.partial")
    try:
        with draft.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
        if durable:
            _sync_directory(path.parent)
    except OSError as error:
        error.filename = error.filename or str(draft)  # where the disk is full, only an open names its file
        raise


def _sync_directory(path: Path) -> None:
    """Until then a loss of power may bring back the file that was replaced."""
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def hold_lock(path: Path) -> int:
    """Hold the lock file until the file returned is closed. Raises AlreadyRunning, with the holder's pid."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 32).decode(errors="replace").strip()
            os.close(file)
            pid = int(holder) if holder.isdigit() else 0
            who = f" (pid {pid})" if pid else ""
            raise AlreadyRunning(
                f"another node{who} already runs on {path.parent}: stop it, or use another runtime_dir", pid
            ) from None
        # Its holder may have removed it, as a clean end does, between our open and our lock.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                with contextlib.suppress(OSError):  # on a full disk the lock is held all the same
                    os.ftruncate(file, 0)
                    os.write(file, f"{os.getpid()}\n".encode())
                return file
        os.close(file)


class DirectoryLock:
    """A held lock file, made again where somebody removed it. Raises AlreadyRunning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = hold_lock(path)

    def put_back(self) -> list[str]:
        """The path, where it was gone. Raises AlreadyRunning where another took the place."""
        if self._is_there():
            return []
        ensure_directory(self._path.parent)
        held = hold_lock(self._path)
        os.close(self._file)
        self._file = held
        return [str(self._path)]

    def release(self) -> None:
        """Remove the file, unless it is another's by now, and let the next one in."""
        if self._is_there():
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False


def hold_own_lock(path: str) -> bool:
    """Hold the lock file until this very process ends; False where another one does.

    A POSIX lock: no descendant inherits it. Where the disk has no room for the file it is done without: that
    no two run is what the supervisor sees to, and the lock is for the day when it fails.
    """
    ensure_directory(Path(path).parent)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return False
    return True


def raise_file_limit() -> None:
    """Take all that we may have: past it, sockets fail in silence."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def file_limit() -> int | None:
    """How many files we may have open if we ask for it; None for no limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def files_left() -> int:
    """How many files more this process may open; 0 where it cannot even look."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        open_now = len(os.listdir("/proc/self/fd")) - 1  # without the one that lists them
    except OSError:
        return 0
    return FILES_WITHOUT_LIMIT if soft == resource.RLIM_INFINITY else soft - open_now


def lower_file_limit(files_max: int) -> None:
    """Have no more than so many files open from here on."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, hard))
