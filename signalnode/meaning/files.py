"""What the user's own files mean: those that the config names, each read by itself."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from signalnode.meaning.trace import DIGITS, meaning_of

FILES_MAX = 256  # whose digests are remembered
ALONE = "file"  # what a file is called here: its name has no say
NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # the parser's words for it


def files_digest(files: Iterable[Path]) -> str:
    """DIGITS hex digits that change with what the files mean; "" for none.

    One that is no Python counts by its content, and one that cannot be read as empty: who loads it will tell.
    """
    digests = [_digest(file) for file in files]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:DIGITS] if digests else ""


def _digest(file: Path) -> str:
    try:
        return _meaning(file, hashlib.sha256(file.read_bytes()).hexdigest())
    except OSError:
        return ""


@functools.lru_cache(FILES_MAX)
def _meaning(file: Path, checksum: str) -> str:
    """What a file of this checksum means; hundreds of markets may name the same one."""
    try:
        return meaning_of({ALONE: file}, ALONE).digest
    except NO_PYTHON:
        return checksum
