"""Decode once, play ever after: the events of some files, kept as raw rows beside the market's other state.

`<state_dir>/<MARKET>/<digest>.events` holds EVENT rows and nothing else, `<digest>.json` what was wrong with
the files. So a restarted engine is at its place within a few milliseconds, in about 200 kB, with no book to
rebuild. The digest covers the files (path, size, modification time), the venue, the market, the depth band
and what the code that decodes them means, so a changed file or a changed decoder is decoded anew; what it
replaces is removed. A comment in a decoder, or another venue's decoder, changes nothing.

A store appears under its final name complete and synced to disk, or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from signalnode.errors import DataError, OutputError
from signalnode.events import EVENT, Events
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.decoding import Decoding
from signalnode.files import NO_ROOM, ensure_directory, replace_file, replacing
from signalnode.meaning import own_digest

Code = Callable[..., object]  # a class, or a function
DIGEST_DIGITS = 16
FORMAT = (f"{__name__}:write_rows", f"{__name__}:StoredEvents")  # what makes, and reads, the files kept


def store_digest(paths: Sequence[Path], code: Sequence[Code], facts: Sequence[object]) -> str:
    """Sixteen hex digits over the files as they are, what the code that decodes them means, and `facts`.

    Raises DataError where a file is missing.
    """
    try:
        stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}): check `paths`") from None
    return hashlib.sha256(repr((stats, facts, code_digest(*code))).encode()).hexdigest()[:DIGEST_DIGITS]


@cache
def code_digest(*code: Code) -> str:
    """Digest of what the code that turns files into stored events means, with all that it calls."""
    return own_digest(*(f"{each.__module__}:{each.__qualname__}" for each in code), *FORMAT)


class Store:
    """One market's decoded events on disk."""

    def __init__(self, directory: Path, digest: str) -> None:
        self.path = directory / f"{digest}.events"
        self._notes_path = directory / f"{digest}.json"
        self._directory = directory

    def is_complete(self) -> bool:
        """Whether the events are there, whole."""
        try:
            rows = int(json.loads(self._notes_path.read_bytes())["rows"])
            return self.path.stat().st_size == rows * EVENT.itemsize
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write(self, decoding: Decoding) -> Iterator[float]:
        """Decode into this store, yielding the fraction done; given up half-way, it leaves nothing behind.

        Raises DataError where the files cannot be decoded or the disk does not take the result, OutputError
        where it is full.
        """
        try:
            ensure_directory(self._directory)
            self._remove_all()
            with replacing(self.path, durable=True) as draft:
                yield from self._write_rows(draft, decoding)
        except OSError as error:
            kind = OutputError if error.errno in NO_ROOM else DataError
            raise kind(
                f"{self._directory}: cannot store the decoded events ({error.strerror or error}): "
                "free space there or set another `state_dir`"
            ) from None

    def _write_rows(self, draft: Path, decoding: Decoding) -> Iterator[float]:
        """The notes are there before the events: without these nothing is taken for complete."""
        rows = 0
        with draft.open("wb") as file:
            for events, done in decoding.slices():
                write_rows(file, events)
                rows += len(events)
                yield min(done, 1.0)
        notes = {"rows": rows, "faults": decoding.faults.as_dict(), "gaps": decoding.gaps}
        replace_file(self._notes_path, json.dumps(notes).encode(), durable=True)

    def _remove_all(self) -> None:
        """Remove whatever was decoded for this market before: it is of other files or of an older decoder."""
        for old in self._directory.glob(f"{'[0-9a-f]' * DIGEST_DIGITS}.*"):
            old.unlink(missing_ok=True)

    def open(self) -> StoredEvents:
        """The events, ready to be read. Raises DataError where they went missing meanwhile."""
        try:
            return StoredEvents(self.path, json.loads(self._notes_path.read_bytes()))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{self.path}: cannot be read back ({error}): remove it, it will be made again"
            ) from None


class StoredEvents:
    """Decoded events read back in pieces; `rows` of them, from `first_ns` to `last_ns` in kernel time."""

    def __init__(self, path: Path, notes: dict[str, Any]) -> None:
        self.faults = Faults.from_dict(notes["faults"])
        self.gaps = np.array(notes["gaps"], np.int64)  # as in Gaps
        self.rows = int(notes["rows"])
        self._file = path.open("rb", buffering=0)
        self.first_ns = int(self.read(0, 1)["time_received_ns"][0])
        self.last_ns = int(self.read(self.rows - 1, 1)["time_received_ns"][0])

    def read(self, row: int, count: int) -> Events:
        """At most `count` events from number `row` on; empty at the end."""
        self._file.seek(row * EVENT.itemsize)
        return np.fromfile(self._file, EVENT, count)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def write_rows(file: BinaryIO, events: Events) -> None:
    """Append the rows to `file`; the one place where decoded events meet the disk."""
    file.write(events.tobytes())
