"""The epoch: the number of a publisher's incarnation, rising with every start, also on a full disk.

On a single machine it is the second of the start. In a cluster it is a grant and the starts under it, so that
it rises from one machine to another whatever their clocks say.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from signalnode.clock import NS_PER_S
from signalnode.errors import ClusterError, OutputError
from signalnode.files import ensure_directory, replace_file
from signalnode.settings.cluster import GRANT_MAX, GRANT_MIN

FILE = "epoch"
RESTART_BITS = 16
RESTARTS_MAX = (1 << RESTART_BITS) - 1  # of one publisher under one grant; then it needs another


class Epoch(NamedTuple):
    """The number, and where it could not be kept, why, and for how long it must not be used yet."""

    number: int
    fault: str = ""
    wait_ns: int = 0  # until the next second: the epoch after this one, from the clock, is another then


def epoch_of(grant: int, restarts: int) -> int:
    """The epoch of start number `restarts`, from 0, under a grant. Raises ClusterError if there is none."""
    if not GRANT_MIN <= grant <= GRANT_MAX:
        raise ClusterError(f"{grant} is no grant; a cluster takes them from {GRANT_MIN} to {GRANT_MAX}")
    if not 0 <= restarts <= RESTARTS_MAX:
        raise ClusterError(f"grant {grant} bears {RESTARTS_MAX + 1} starts; hand it over anew")
    return grant << RESTART_BITS | restarts


def grant_of(epoch: int) -> int:
    """The grant of an epoch; 0 where that is of a single machine."""
    grant = epoch >> RESTART_BITS
    return grant if grant >= GRANT_MIN else 0


def restarts_of(epoch: int) -> int:
    """How many starts came before this one under its grant; 0 where it is of a single machine."""
    return epoch & RESTARTS_MAX if grant_of(epoch) else 0


def next_epoch(directory: Path, now_ns: int, grant: int = 0) -> Epoch:
    """The epoch after the last one kept in `directory`. Call it with the market's lock held.

    Without a grant it is one more, and never below `now_ns` in whole seconds since 1970. The clock makes it
    rise even where the state directory was wiped, the file even where the clock was set back. Where the disk
    takes nothing, not even over what is there, the clock alone has to do.

    With a grant it is the first of that, or one more, and the clock plays no part. Raises ClusterError where
    the grant is over or spent, and OutputError where it cannot be kept, for then it would be used twice.
    """
    path = directory / FILE
    if grant:
        return Epoch(_next_of(grant, path))
    wall_s = now_ns // NS_PER_S
    try:
        last = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        last = 0
    epoch = max(last + 1, wall_s)
    fault = _kept(path, epoch)
    return Epoch(epoch, fault, NS_PER_S - now_ns % NS_PER_S if fault else 0)


def _next_of(grant: int, path: Path) -> int:
    try:
        last = int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        last = 0
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read ({error}); the market is to be handed over anew") from None
    if grant_of(last) > grant:
        raise ClusterError(
            f"{path}: grant {grant} is over, {grant_of(last)} came after it; remove this market"
        )
    epoch = epoch_of(grant, restarts_of(last) + 1 if grant_of(last) == grant else 0)
    if fault := _kept(path, epoch):
        raise OutputError(fault)
    return epoch


def _kept(path: Path, epoch: int) -> str:
    """Write it down; why that cannot be, "" where it is done."""
    content = f"{epoch}\n".encode()
    try:
        ensure_directory(path.parent)
        replace_file(path, content)  # not durable: after a loss of power the clock, or a new grant, is enough
    except OSError as error:
        if not _written_over(path, content):
            return f"{path} cannot be written ({error.strerror}); make room, or mend the directory"
    return ""


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
