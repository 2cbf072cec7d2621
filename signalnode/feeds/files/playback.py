"""The feed behind captures and recordings: decoded once, then read in small pieces; in laps, if asked to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from signalnode.errors import CheckpointError
from signalnode.events import EVENT, Events
from signalnode.feeds.base import BlockFeed
from signalnode.feeds.files.decoding import Decoding, in_gap
from signalnode.feeds.files.store import Code, Store, StoredEvents, store_digest

BLOCK_ROWS = 2_048  # events held in memory at once: 170 kB
LONE_EVENT_GAP_NS = 1_000_000_000  # pause between laps of a file whose events all have one time


class PlaybackFeed(BlockFeed):
    """Plays the files of one market; see `base.Feed` for what each method promises.

    `code` and `facts` are all that decides, with the files, what `make_decoding()` gives. With `loop`, each
    lap's times go on after the last lap's end plus the mean gap between two events.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        directory: Path,
        *,
        code: Sequence[Code],
        facts: Sequence[object],
        make_decoding: Callable[[], Decoding],
        loop: bool,
    ) -> None:
        super().__init__()
        self._digest = store_digest(paths, code, facts)
        self._store = Store(directory, self._digest)
        self._make_decoding = make_decoding
        self._loop = loop
        self._events: StoredEvents | None = None
        self._lap = 0
        self._block_row = 0  # number of the block's first event within the lap

    def is_prepared(self) -> bool:
        """Whether the files have been decoded already."""
        return self._store.is_complete()

    def prepare(self) -> Iterator[float]:
        """Decode the files unless that has been done; yields the fraction done. Raises DataError."""
        if self._events is None:
            if not self._store.is_complete():
                yield from self._store.write(self._make_decoding())
            self._events = self._store.open()

    def _ready(self) -> StoredEvents:
        for _ in self.prepare():
            pass
        assert self._events is not None
        return self._events

    @property
    def position(self) -> dict[str, Any]:
        """The digest of the files, the lap (from 0) and the number of the next event in it."""
        return {"digest": self._digest, "lap": self._lap, "row": self._block_row + self._at}

    def seek(self, position: Mapping[str, Any]) -> None:
        """Go on at `position`. Raises CheckpointError when it is of other files, or is no position at all."""
        if position.get("digest") != self._digest:
            raise CheckpointError(
                f"{self._store.path.parent}: the position is of other files or settings; start afresh"
            )
        lap, row = position.get("lap"), position.get("row")
        if not (
            isinstance(lap, int) and isinstance(row, int) and lap >= 0 and 0 <= row <= self._ready().rows
        ):
            raise CheckpointError(f"{self._store.path.parent}: {dict(position)} is no position; start afresh")
        self._lap, self._block_row, self._at = lap, row, 0
        self._set_block(np.zeros(0, EVENT))

    def _next_block(self) -> Events:
        events = self._ready()
        row = self._block_row + len(self._block)
        if row >= events.rows:
            if not self._loop:
                return np.zeros(0, EVENT)
            self._lap, row = self._lap + 1, 0
        block = events.read(row, BLOCK_ROWS)
        self._block_row = row
        if self._lap:
            shift_ns = self._lap * self._lap_ns(events)
            block["time_received_ns"] += shift_ns
            block["time_event_ns"] += shift_ns
        return block

    def _lap_ns(self, events: StoredEvents) -> int:
        span_ns = events.last_ns - events.first_ns
        return span_ns + (span_ns // max(1, events.rows - 1) or LONE_EVENT_GAP_NS)

    @property
    def faults(self) -> dict[str, int]:
        """Counts by name of what was wrong with the files; empty before `prepare`."""
        return {} if self._events is None else dict(self._events.faults.counts)

    @property
    def fault_lines(self) -> list[str]:
        """One line for each kind of fault, with its first place; empty before `prepare`."""
        return [] if self._events is None else self._events.faults.lines()

    def degraded(self, time_ns: int) -> bool:
        """Whether the book was broken at this kernel time."""
        events = self._ready()
        within_ns = events.first_ns + (time_ns - events.first_ns) % self._lap_ns(events)
        return bool(in_gap(events.gaps, within_ns))

    def close(self) -> None:
        """Close the file of decoded events."""
        if self._events is not None:
            self._events.close()
