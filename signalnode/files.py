"""Files as every process of the node treats them: replaced whole, locked by one, put aside when they grow.

Locks are `flock`s: the kernel frees one with the last holder of its file, however that process dies, so a
stale file never blocks a start. A released lock's file is removed; who then locked the removed file, having
opened it just before, sees that and tries again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from signalnode.errors import AlreadyRunningError, RuntimeDirectoryError

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
PARQUET_MAGIC = b"PAR1"
WRITE_OVER = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
TRIES_MAX = 100  # to take a lock; each means that another holder came and went in between


def ensure_directory(path: Path, mode: int = PRIVATE_DIRECTORY) -> list[Path]:
    """Create what is missing of `path`, every part with `mode`; returns what was created, deepest first."""
    missing = [each for each in (path, *path.parents) if not each.is_dir()]
    for each in reversed(missing):
        each.mkdir(mode=mode, exist_ok=True)
    return missing


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False, writer: str = "") -> Iterator[Path]:
    """A name beside `path` to write to; what is there when the block ends well takes the place of `path`.

    So a reader, a kill or a full disk never meets half a file: where anything fails, `path` is as it was and
    the draft is removed. kill -9 needs no more, for the page cache outlives the process; with `durable` file
    and name are on disk afterwards, which a loss of power cannot take back. `writer` keeps the drafts of
    processes apart that may write at the same time.
    """
    draft = path.with_name(f"{path.name}{writer and '.' + writer}.partial")
    try:
        yield draft
        if durable:
            sync(draft)
        draft.replace(path)
        if durable:
            sync(path.parent)  # until then the file that was replaced may come back
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def replace_file(path: Path, content: bytes, *, durable: bool = False, writer: str = "") -> None:
    """Make `content` all that the file at `path` holds, or leave it as it was; mode 0600. Raises OSError."""
    with replacing(path, durable=durable, writer=writer) as draft:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
        with _named(draft), _closing(file):
            _write_all(file, content)


def replace_link(path: Path, target: str) -> None:
    """Have `path` lead to `target`, at one stroke. Raises OSError."""
    with replacing(path) as draft:
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)


def write_over(path: str, content: bytes, *, durable: bool = False) -> None:
    """Write `content` over what the file at `path` begins with; it is made if need be. Raises OSError.

    For who knows a torn file when he meets one and has another: this costs a seventh of `replace_file`, which
    makes the disk work each time. Where it fails nothing is left, rather than half.
    """
    try:
        file = os.open(path, WRITE_OVER, PRIVATE_FILE)
        try:  # no context managers, and no Path: engines do this each second
            size = os.write(file, content)
            if size < len(content):
                _write_all(file, content[size:])
            if durable:
                os.fsync(file)
        finally:
            os.close(file)
        if durable:
            sync(Path(path).parent)
    except OSError as error:
        error.filename = error.filename or path  # a write and a sync do not say it
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # a disk that fills up takes a part first, and says so at the next try
        rest = rest[os.write(file, rest) :]


class RotatingFile(io.TextIOBase):
    """A text file put aside as `<name>.1` when it grows past `bytes_max`; each line goes out at once."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path, self._bytes_max = path, bytes_max
        self._file = self._opened()

    def write(self, text: str) -> int:
        """Append; a full disk loses the line and nothing else."""
        with contextlib.suppress(OSError):
            if os.fstat(self._file.fileno()).st_nlink == 0:  # somebody removed it, or its directory
                self._begin_anew()
            if self._file.tell() > self._bytes_max:
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._begin_anew()
            self._file.write(text.encode())
        return len(text)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()
        super().close()

    def _begin_anew(self) -> None:
        ensure_directory(self._path.parent)
        opened = self._opened()  # before the other is closed: where this fails, that one is still there
        self._file.close()
        self._file = opened

    def _opened(self) -> io.FileIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return io.FileIO(os.open(self._path, flags, PRIVATE_FILE), "a")


class Lock:
    """A held lock; `release` it, or leave it to the end of the process."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        self._owner = os.getpid()

    def put_back(self) -> bool:
        """Take the lock anew where somebody removed its file; whether that was so."""
        if self._file < 0 or _is_at(self.path, self._file):
            return False
        try:
            other = hold_lock(self.path)
        except (AlreadyRunningError, RuntimeDirectoryError, OSError):  # its directory may be gone as well
            return False
        os.close(self._file)
        self._file = other._file
        return True

    def release(self) -> None:
        """Remove the file and let the next one in. Twice is harmless, and a fork's copy removes nothing."""
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
        file = _lock_file(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise AlreadyRunningError(f"{path}: held by process {holder}; stop that one first") from None
        if _is_at(path, file):
            with contextlib.suppress(OSError):  # on a full disk the lock is held all the same
                os.ftruncate(file, 0)
                os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
            return Lock(path, file)
        os.close(file)
    raise AlreadyRunningError(f"{path}: taken and released over and over; look who else starts this")


def is_held(path: Path) -> bool:
    """Whether some process holds the lock file at `path`; False where nobody can tell."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def seems_held(path: Path) -> bool:
    """As `is_held`, without ever standing in the way of who takes the lock just now.

    It goes by the pid in the file: of a holder that was killed another process may have it by now.
    """
    try:
        os.kill(int(path.read_text(encoding="ascii")), 0)
    except PermissionError:
        return True  # another user's
    except (OSError, ValueError, OverflowError):
        return False
    return True


def sweep(path: Path, *guarded: Path) -> None:
    """Remove a lock file that nobody holds, and the files it guards: somebody killed left them behind."""
    with contextlib.suppress(AlreadyRunningError, RuntimeDirectoryError, OSError), hold_lock(path):
        for each in guarded:
            each.unlink(missing_ok=True)


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """One process at a time in `directory`, which is itself what is locked; waits for its turn."""
    file = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    with _closing(file):
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def file_limit() -> int | None:
    """How many files a process here may have open if it asks for it; None for no limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def raise_file_limit() -> None:
    """Take all that we may have: past the limit of open files, connects succeed and nothing arrives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def rename(path: Path, to: Path) -> None:
    """Give a file that is on disk another name, for good. Raises OSError."""
    path.replace(to)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on disk. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with _named(path), _closing(file):
        os.fsync(file)


@contextlib.contextmanager
def _closing(file: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(file)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Only an open says in its error which file it was about; a write and a sync do not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _lock_file(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    except OSError as error:
        raise RuntimeDirectoryError(
            f"{path}: {error.strerror}; check who owns the directory and its mode"
        ) from None


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False


def begins_as_parquet(path: Path) -> bool | None:
    """Whether the first bytes of a file are those of Parquet; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    except OSError:
        return None
