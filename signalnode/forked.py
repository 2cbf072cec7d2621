"""Work done in a forked process, so that the memory it takes goes back when it is done.

Decoding leaves 5 MB of heap behind, in pieces that no allocator gives back; a process that ends does. The
parent sees of it what it leaves on disk, and how far it is: a line on a pipe for each step.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable, Iterator

from signalnode.errors import DataError, OutputError

PROGRESS_BYTES_MAX = 4_096  # read at once
POLL_MS = 100  # longest wait before the caller gets its turn, unless it asks for less
FAULT_CHARS_MAX = 1_000
FIRST_PASS = 0.99  # of 1; what comes after a first pass has nothing more to count by


def run_forked(steps: Iterable[float], poll_ms: int = POLL_MS) -> Iterator[float]:
    """Fork, draw `steps` to their end in the child, and yield here the newest fraction done; at least every
    `poll_ms`, in ms, so that the caller can see to other things.

    Raises DataError or OutputError with what went wrong in the child, DataError for one that was killed.
    Closing this iterator early kills it. Of what the steps change, what they leave on disk is seen here.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _draw(steps, writer)
    os.close(writer)
    try:
        yield from _fractions(reader, poll_ms)
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def only_forward(fractions: Iterable[float]) -> Iterator[float]:
    """The same, below 1 and never falling. Files that turn out to be of another symbol are read a second
    time; that pass is the last hundredth.
    """
    furthest, again = 0.0, False
    for fraction in fractions:
        again = again or fraction < furthest
        furthest = max(furthest, fraction)
        yield FIRST_PASS + (1.0 - FIRST_PASS) * FIRST_PASS * fraction if again else FIRST_PASS * fraction


def _draw(steps: Iterable[float], writer: int) -> None:
    """In the child. A line for each step; at the end "done", or "fault" or "full" and what it was."""
    line = "fault it ended early"
    try:
        for fraction in steps:
            os.write(writer, f"{fraction}\n".encode())  # fails where nobody reads: then nobody needs the work
        line = "done"
    except OutputError as error:
        line = f"full {error}"
    except Exception as error:  # whatever it is, the parent tells it
        line = f"fault {error}".replace("\n", " ")[:FAULT_CHARS_MAX]
    finally:
        with contextlib.suppress(OSError):  # of a killed parent: what it would let go of is not its copy's
            os.write(writer, f"{line}\n".encode())
        os._exit(0)


def _fractions(reader: int, poll_ms: int) -> Iterator[float]:
    """In the parent: the child's lines read back."""
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
