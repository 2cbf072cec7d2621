"""The epoch: the number of a publisher's incarnation, rising with every start, also on a full disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from signalnode.clock import NS_PER_S
from signalnode.files import ensure_directory, replace_file

FILE = "epoch"


class Epoch(NamedTuple):
    """The number, and where it could not be kept, why, and for how long it must not be used yet."""

    number: int
    fault: str = ""
    wait_ns: int = 0  # until the next second: the epoch after this one, from the clock, is another then


def next_epoch(directory: Path, now_ns: int) -> Epoch:
    """One more than the last epoch kept in `directory`, and never below `now_ns` in whole seconds since 1970.

    The clock makes it rise even where the state directory was wiped, the file even where the clock was set
    back. Where the disk takes nothing, not even over what is there, the clock alone has to do. Call it with
    the market's lock held.
    """
    wall_s = now_ns // NS_PER_S
    path = directory / FILE
    try:
        last = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        last = 0
    epoch = max(last + 1, wall_s)
    content = f"{epoch}\n".encode()
    try:
        ensure_directory(directory)
        replace_file(path, content)  # not durable: after a loss of power the clock is enough
    except OSError as error:
        if _written_over(path, content):
            return Epoch(epoch)
        fault = f"{path} cannot be written ({error.strerror}); make room, or mend the directory"
        return Epoch(epoch, fault, NS_PER_S - now_ns % NS_PER_S)
    return Epoch(epoch)


def _written_over(path: Path, content: bytes) -> bool:
    """Whether a full disk took it over the number that stood there, which needs no more room."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.pwrite(file, content, 0) == len(content)
    except OSError:
        return False
    finally:
        os.close(file)
