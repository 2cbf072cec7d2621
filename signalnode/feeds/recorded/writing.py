"""What a market's engine has put into its pipe, brought into the files: pure but for those files.

Nothing is written twice. Rows of files that are played, or of a made-up market, come again after a kill: they
are known by their number. Where rows of an earlier time than the newest come, they are left out and counted:
recorded time never runs backwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from signalnode.events import EVENT, Events
from signalnode.feeds.files.marks import Mark, lineage_key, pack_mark, unpack_mark
from signalnode.feeds.recorded import ring
from signalnode.feeds.recorded.blocks import BEGINS, LINES, MARK, ROWS, Index
from signalnode.feeds.recorded.gaps import CHANNELS, Gap, GapFile, pack_gap
from signalnode.feeds.recorded.hours import HOUR_NS, Kind, hour_of
from signalnode.feeds.recorded.ring import Record
from signalnode.feeds.recorded.stream import Stream

LAST = struct.Struct("<q")  # time of the last of some lines, before them
NUMBER = struct.Struct("<q")  # of the first row of a batch, before its rows
NO_LINEAGE = bytes(8)


class MarketWriter:
    """Both streams of one market. `place`: how far its pipe, of that generation, has been read."""

    def __init__(  # noqa: PLR0917
        self,
        folder: Path,
        venue: str,
        market: str,
        kinds: Sequence[Kind],
        gaps: GapFile,
        generation: int,
        place: int,
    ) -> None:
        self.venue, self.market = venue, market
        self._gaps, self._generation = gaps, generation
        self.streams = {kind: Stream(folder, kind, venue, market) for kind in kinds}
        self.place = place
        self.left_out = 0  # rows of an earlier time
        self.gaps = 0
        self._begins = {kind: self._safe(stream) for kind, stream in self.streams.items()}
        events = self.streams.get("events")
        last = events.last if events else None
        self._lineage = last.lineage if last else NO_LINEAGE
        self._number = last.number if last else 0
        self._newest_ns = last.last_ns if last else 0
        self._floor_ns = self._newest_ns
        self._is_first = True  # what comes next may have been written in part

    def _safe(self, stream: Stream) -> int:
        """How far the pipe has been read already: a new pipe, not at all."""
        if stream.last.generation != self._generation:
            stream.safe = 0
        return stream.safe

    @property
    def pending_bytes(self) -> int:
        """What waits to be written."""
        return sum(stream.pending_bytes for stream in self.streams.values())

    def take(self, records: Iterable[Record]) -> None:
        """Bring records into the streams. Raises OSError; then go on with the first that is not taken."""
        for record in records:
            self._take(record)
            self.place = record.place

    def _take(self, record: Record) -> None:
        if record.kind == ring.GAP:
            self.gaps += self._gaps.add(record.content)
        elif record.kind == ring.LINES:
            (last_ns,), lines = LAST.unpack_from(record.content), record.content[LAST.size :]
            index = self._index(record, LINES, lines.count(b"\n"))
            self._add("raw", lines, index._replace(last_ns=last_ns))
        elif record.kind == ring.ROWS:
            self._take_rows(record)
        elif record.kind == ring.MARK:
            self._take_mark(record)

    def _index(self, record: Record, kind: int, count: int, flags: int = 0) -> Index:
        time_ns = record.time_ns
        fields = (self._generation, record.place, time_ns, time_ns, self._number, self._lineage)
        return Index(kind, flags, 0, 0, count, 0, *fields)

    def _add(self, kind: Kind, content: bytes, index: Index) -> None:
        stream = self.streams.get(kind)
        if stream is not None and index.place > self._begins[kind]:
            stream.add(content, index)

    def _is_old(self, kind: Kind, record: Record) -> bool:
        return kind not in self.streams or record.place <= self._begins[kind]

    def _take_mark(self, record: Record) -> None:
        mark = unpack_mark(record.content)
        if not all(self._is_old(kind, record) for kind in self.streams):
            self._note_stop(mark)
        line = pack_mark(mark) + b"\n"
        self._add("raw", line, self._index(record, LINES, 1, BEGINS if mark.what == "start" else 0))
        if self._is_old("events", record):
            return
        self._is_first = False
        if mark.what == "start":
            key = lineage_key(mark.lineage)
            if mark.lineage and key == self._lineage and mark.number <= self._number:
                return  # it goes on where it was, or before
            is_same = key == self._lineage
            self._lineage, self._number = key, mark.number
            self._floor_ns = self._newest_ns + (1 if mark.lineage and not is_same and self._newest_ns else 0)
        index = self._index(record, MARK, 0)._replace(last_ns=self._newest_ns)
        self._add("events", record.content, index)

    @property
    def newest_ns(self) -> int:
        """Time of the newest that was taken; 0 before anything."""
        return max((stream.last.last_ns for stream in self.streams.values()), default=0)

    def note_deleted(self, newest_ns: int) -> None:
        """What was written up to that time has gone with its file, but for what is left. Raises OSError."""
        why = "deleted while it was written"
        from_ns = self.newest_ns or hour_of(newest_ns)
        gap = Gap(self.venue, self.market, min(from_ns, newest_ns), newest_ns, CHANNELS, "recorder", why)
        self.gaps += self._gaps.add(pack_gap(gap))

    def _note_stop(self, mark: Mark) -> None:
        """Between the newest that was recorded of a live market and the start of an engine nobody heard."""
        newest_ns = self.newest_ns
        if mark.what == "start" and not mark.lineage and 0 < newest_ns < mark.time_ns:
            why = "no engine heard the market"
            gap = Gap(self.venue, self.market, newest_ns, mark.time_ns, CHANNELS, "stopped", why)
            self.gaps += self._gaps.add(pack_gap(gap))

    def _take_rows(self, record: Record) -> None:
        if self._is_old("events", record):
            return
        (number,) = NUMBER.unpack_from(record.content)
        rows: Events = np.frombuffer(record.content, EVENT, offset=NUMBER.size)
        end = number + len(rows)
        if self._lineage != NO_LINEAGE or (self._is_first and self._number < end):
            rows = rows[max(0, self._number - number) :]
        self._is_first = False
        self._number = max(self._number, end) if self._lineage != NO_LINEAGE else end
        late = int(np.searchsorted(rows["time_received_ns"], self._floor_ns))
        self.left_out += late
        rows = rows[late:]
        while len(rows):
            times = rows["time_received_ns"]
            first_ns = int(times[0])
            stop = int(np.searchsorted(times, hour_of(first_ns) + HOUR_NS))
            self._newest_ns = self._floor_ns = int(times[stop - 1])
            index = self._index(record, ROWS, stop)._replace(first_ns=first_ns, last_ns=self._newest_ns)
            if stop < len(rows):  # the rest is in another hour: until that is written this is not safe
                index = index._replace(place=self.place, number=self._number - len(rows) + stop)
            self.streams["events"].add(rows[:stop].tobytes(), index)
            rows = rows[stop:]

    def flush(self) -> int:
        """Write what waits; returns the place in the pipe before which all is safe. Raises OSError."""
        for stream in self.streams.values():
            stream.flush()
            stream.safe = max(stream.safe, self.place)
        return self.place

    def end_hours(self) -> None:
        """Finish the hours that are open. Raises OSError."""
        for stream in self.streams.values():
            stream.end_hour()

    def close(self) -> None:
        """Let go of the files."""
        for stream in self.streams.values():
            stream.close()
