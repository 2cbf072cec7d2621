"""Reading a child's log back, of a running node or of one at rest."""

from __future__ import annotations

import contextlib
import json
import os
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from signalnode_supervisor.clock import pause

Entry = dict[str, Any]
Named = tuple[str, Entry]  # of the log with that name

POLL_S = 0.2  # how often a followed file is looked at


def older(path: Path) -> Path:
    """Where a log that has grown past its limit is put aside."""
    return path.with_name(f"{path.name}.1")


def follow(path: Path, lines_max: int = 50, follow: bool = False) -> Iterator[Entry]:
    """The last `lines_max` entries of a log, oldest first, then (with `follow`) each new one as it comes."""
    with contextlib.closing(Reader(path)) as reader:
        yield from reader.new(lines_max)[-lines_max:]
        while follow:
            pause(POLL_S)
            yield from reader.new()


def follow_all(
    directory: Path, lines_max: int = 50, follow: bool = False, leave_out: Collection[str] = ()
) -> Iterator[tuple[str, Entry]]:
    """As `follow`, of every log in the directory by their times, each entry with the name of its log.

    A log that comes later is followed as well.
    """
    readers: dict[str, Reader] = {}
    with contextlib.ExitStack() as held:

        def new(name: str, most: int | None = None) -> list[Named]:
            if name not in readers:
                readers[name] = held.enter_context(contextlib.closing(Reader(directory / f"{name}.log")))
            return [(name, entry) for entry in readers[name].new(most)]

        recent: list[Named] = []
        for name in _names_in(directory, leave_out):
            recent = sorted(recent + new(name, lines_max), key=_time)[-lines_max:]
        yield from recent
        lines = Interleaved()
        while follow:
            pause(POLL_S)
            yield from lines.take([each for name in _names_in(directory, leave_out) for each in new(name)])


class Interleaved:
    """Entries of several logs in the order of their times.

    The logs are read one after the other while somebody writes. So what one of them tells is held back until
    the next look, which finds all that was written before it in the others.
    """

    def __init__(self) -> None:
        self._held: list[Named] = []

    def take(self, new: list[Named]) -> list[Named]:
        """What is due, oldest first, after a look that found `new`."""
        until = max(map(_time, self._held), default="")
        every = sorted(self._held + new, key=_time)
        due = bisect_right(every, until, key=_time) if self._held else 0
        self._held = every[due:]
        return every[:due]


class Reader:
    """Reads on over the change of a log to a new file, which may come at any moment.

    What is read is held open, so that no name can lead to another file halfway. Entries that are no JSON
    objects are passed over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = contextlib.ExitStack()
        self._newest: BinaryIO | None = None

    def new(self, most: int | None = None) -> list[Entry]:
        """All whole entries since the last call; at first, of both files, of each the last `most`."""
        entries = [] if self._newest is None else _entries(self._newest)
        with contextlib.ExitStack() as opened:
            coming = _open(self._path, opened)
            if self._newest is not None:
                if coming is None or _are_one(coming, self._newest):
                    return entries
                entries += _entries(self._newest)
            before = _open(older(self._path), opened)  # known already, or one that came and went since
            if before is not None and not _are_one(before, self._newest) and not _are_one(before, coming):
                entries += _entries(before, most)
            self._newest = coming or before
            self._held.close()
            self._held.push(opened.pop_all())
        return entries + (_entries(self._newest, most) if self._newest else [])

    def close(self) -> None:
        """Let go of the files."""
        self._held.close()


def _names_in(directory: Path, leave_out: Collection[str]) -> list[str]:
    """The logs there, also one whose present file has not come yet."""
    found = [*directory.glob("*.log"), *directory.glob(older(Path("*.log")).name)]
    names = {path.name.removesuffix(".1").removesuffix(".log") for path in found}
    return sorted(names.difference(leave_out))


def _time(each: Named) -> str:
    return str(each[1].get("time", ""))


def _open(path: Path, files: contextlib.ExitStack) -> BinaryIO | None:
    try:
        return files.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None


def _are_one(one: BinaryIO, other: BinaryIO | None) -> bool:
    return other is not None and os.path.sameopenfile(one.fileno(), other.fileno())


def _entries(file: BinaryIO, most: int | None = None) -> list[Entry]:
    """Whole entries from where the last reading of this file ended, the last `most` of them."""
    begun = file.tell()
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    file.seek(begun + len(whole))
    backwards = _objects(reversed(whole.splitlines()))  # parsing is what takes time
    return list(islice(backwards, most))[::-1]


def _objects(lines: Iterable[bytes]) -> Iterator[Entry]:
    for line in lines:
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry
