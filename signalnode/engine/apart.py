"""Work done in a process of its own, so that the memory it takes goes back when it is done."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable, Iterator

from signalnode.errors import DataError, OutputError

PROGRESS_BYTES_MAX = 4_096  # read at once
POLL_MS = 100  # longest wait before the caller gets its turn, unless it asks for less
FAULT_CHARS_MAX = 1_000
FIRST_PASS = 0.99  # of 1; what comes after a first pass has nothing more to count by


def run_apart(steps: Iterable[float], poll_ms: int = POLL_MS) -> Iterator[float]:
    """Fork, draw `steps` to their end over there, and yield here the newest fraction done, at least every
    `poll_ms`.

    Raises DataError or OutputError with what went wrong there. Closing this iterator early ends the other
    process. Nothing that the steps change is seen here but what they leave on disk.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _there(steps, writer)
    os.close(writer)
    try:
        yield from _here(reader, poll_ms)
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def ahead_only(fractions: Iterable[float]) -> Iterator[float]:
    """The same, below 1 and never going back. Files that turn out to be of another symbol are read twice: the
    second pass is the last hundredth.
    """
    furthest, again = 0.0, False
    for fraction in fractions:
        again = again or fraction < furthest
        furthest = max(furthest, fraction)
        yield FIRST_PASS + (1.0 - FIRST_PASS) * FIRST_PASS * fraction if again else FIRST_PASS * fraction


def _there(steps: Iterable[float], writer: int) -> None:
    """In the other process. A line for each step; at the end "done", or "fault" and what it was."""
    line = "fault it ended early"
    try:
        for fraction in steps:
            os.write(
                writer, f"{fraction}\n".encode()
            )  # fails once nobody reads: then the work is moot as well
        line = "done"
    except OutputError as error:
        line = f"full {error}"
    except Exception as error:  # whatever it is, the parent tells it
        line = f"fault {error}".replace("\n", " ")[:FAULT_CHARS_MAX]
    finally:
        os.write(writer, f"{line}\n".encode())
        os._exit(0)


def _here(reader: int, poll_ms: int) -> Iterator[float]:
    poller, fraction, rest = select.poll(), 0.0, b""
    poller.register(reader, select.POLLIN)
    while True:
        if poller.poll(poll_ms):
            block = os.read(reader, PROGRESS_BYTES_MAX)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                if line == b"done":
                    return
                if line.startswith(b"fault "):
                    raise DataError(line[6:].decode(errors="replace"))
                if line.startswith(b"full "):
                    raise OutputError(line[5:].decode(errors="replace"))
                fraction = float(line)
            if not block:
                raise DataError("decoding was killed before its end; is there memory enough?")
        yield fraction
