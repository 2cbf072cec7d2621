"""Reading a child's log back, of a running node or of one at rest."""

from __future__ import annotations

import contextlib
import json
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from signalnode_supervisor.clock import pause

POLL_S = 0.2  # how often a followed file is looked at


def older(path: Path) -> Path:
    """Where a log that has grown past its limit is put aside."""
    return path.with_name(f"{path.name}.1")


def follow(path: Path, lines_max: int = 50, follow: bool = False) -> Iterator[dict[str, Any]]:
    """The last `lines_max` entries of a log, oldest first, then (with `follow`) each new one as it comes.

    Reads on over the change to a new file, which may come at any moment: what is read is held open, so that
    no name can lead to another file halfway. Entries that are no JSON objects are passed over.
    """
    with contextlib.ExitStack() as held:
        newest, before = _open(path, held), _open(older(path), held)
        recent: deque[dict[str, Any]] = deque(maxlen=lines_max)
        for file in (before, newest):
            if file is not None and not (file is before and _are_one(before, newest)):
                recent.extend(_entries(file))
        yield from recent
        newest = newest or before
        while follow:
            pause(POLL_S)
            if newest is not None:
                yield from _entries(newest)
            with contextlib.ExitStack() as opened:
                coming = _open(path, opened)
                if coming is None or _are_one(coming, newest):
                    continue
                if newest is not None:
                    yield from _entries(newest)
                    between = _open(older(path), opened)  # the same, or one that came and went since
                    if between is not None and not _are_one(between, newest):
                        yield from _entries(between)
                newest = coming
                held.close()
                held.push(opened.pop_all())
            yield from _entries(newest)


def _open(path: Path, files: contextlib.ExitStack) -> BinaryIO | None:
    try:
        return files.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None


def _are_one(one: BinaryIO, other: BinaryIO | None) -> bool:
    return other is not None and os.path.sameopenfile(one.fileno(), other.fileno())


def _entries(file: BinaryIO) -> list[dict[str, Any]]:
    """Whole entries from where the last reading of this file ended."""
    begun = file.tell()
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    file.seek(begun + len(whole))
    entries = []
    for line in whole.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries
