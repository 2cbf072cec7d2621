"""Reading a child's log back, of a running node or of one at rest."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervisor.clock import pause

POLL_S = 0.2  # how often a followed file is looked at


def follow(path: Path, lines_max: int = 50, follow: bool = False) -> Iterator[dict[str, Any]]:
    """The last `lines_max` entries of a log, oldest first, then (with `follow`) each new one as it comes.

    Reads on over the change to a new file. Entries that are no JSON objects are passed over.
    """
    position, identity = 0, None
    recent: deque[dict[str, Any]] = deque(maxlen=lines_max)
    for part in (path.with_suffix(".log.1"), path):
        if part.exists():
            entries, position = _read(part, 0)
            recent.extend(entries)
            identity = part.stat().st_ino
    yield from recent
    while follow:
        pause(POLL_S)
        if not path.exists():
            continue
        if path.stat().st_ino != identity:
            entries, _ = _read(path.with_suffix(".log.1"), position) if identity else ([], 0)
            yield from entries
            position, identity = 0, path.stat().st_ino
        entries, position = _read(path, position)
        yield from entries


def _read(path: Path, position: int) -> tuple[list[dict[str, Any]], int]:
    """Whole entries from `position` on, and where the next one will begin."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            data = file.read()
    except FileNotFoundError:
        return [], position
    whole = data[: data.rfind(b"\n") + 1]
    entries = []
    for line in whole.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries, position + len(whole)
