"""The epoch: the number of a publisher's incarnation, rising with every start."""

from __future__ import annotations

from pathlib import Path

from signalnode.errors import RuntimeDirectoryError
from signalnode.files import replace_file

FILE = "epoch"


def next_epoch(directory: Path, wall_s: int) -> int:
    """One more than the last epoch kept in `directory`, and never below `wall_s`, seconds since 1970.

    The clock makes it rise even where the state directory was wiped, the file even where the clock was set
    back. Call it with the market's lock held. Raises RuntimeDirectoryError where it cannot be kept.
    """
    path = directory / FILE
    try:
        last = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        last = 0
    epoch = max(last + 1, wall_s)
    try:
        replace_file(path, f"{epoch}\n".encode())  # not durable: after a loss of power the clock is enough
    except OSError as error:
        raise RuntimeDirectoryError(
            f"state_dir: {path} cannot be written ({error.strerror}); make room, or mend the directory"
        ) from None
    return epoch
