"""The supervisor's two directories as it finds them at its start."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from signalnode_supervisor.errors import DirectoryUnusable
from signalnode_supervisor.linux.files import ensure_directory


@contextlib.contextmanager
def usable(directory: Path) -> Iterator[None]:
    """Turn an OSError about something in there into DirectoryUnusable, one line."""
    try:
        yield
    except OSError as error:
        where = error.filename or directory
        raise DirectoryUnusable(
            f"{where}: {error.strerror}; choose another directory, or mend its rights or its disk"
        ) from None


def make_directory(directory: Path) -> None:
    """Create what is missing of it, ours to write. Raises DirectoryUnusable."""
    with usable(directory):
        ensure_directory(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise DirectoryUnusable(f"{directory}: not writable; choose another or mend its rights")
