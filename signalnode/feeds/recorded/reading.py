"""A recorded market's hours as events, from one time to another: bounded in memory whatever the span.

Of the two recordings the events are read where there are any: they are what the engine took, row by row, and
need no decoding. Raw frames give the same, and are read from where an engine began, for its book began there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from signalnode.clock import utc_text
from signalnode.errors import DataError
from signalnode.events import EVENT, TIME_MAX_NS, Events, join_events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.capture import CaptureDecoding
from signalnode.feeds.files.decoding import Gaps, Marks, Slice
from signalnode.feeds.files.lines import Line
from signalnode.feeds.files.marks import Mark
from signalnode.feeds.files.recording import rows_of_group
from signalnode.feeds.recorded.blocks import BEGINS, LINES, OnDamage, content_of, walk
from signalnode.feeds.recorded.gaps import Gap, book_gaps
from signalnode.feeds.recorded.hours import HOUR_NS, Hour, hour_of
from signalnode.feeds.recorded.parquet import Piece, journal_pieces, marks_in, read_facts
from signalnode.feeds.venues.base import DecoderClass

TIME_NS = "time_received_ns"


class Span:
    """Part of what was recorded of a market, kernel times `from_ns` up to but not at `to_ns`; a `Decoding`.

    `hours` hold it, in order, of one kind; `gaps_told` are what is known to be missing of it.
    """

    def __init__(self, hours: Sequence[Hour], gaps_told: Sequence[Gap], from_ns: int, to_ns: int) -> None:
        self.hours = [hour for hour in hours if hour.start_ns < to_ns]
        self.gaps_told = [gap for gap in gaps_told if gap.to_ns >= from_ns and gap.from_ns < to_ns]
        self.from_ns, self.to_ns = from_ns, to_ns
        self.faults = Faults()
        self.gaps: Gaps = book_gaps(self.gaps_told)
        self.marks: Marks = []

    def slices(self) -> Iterator[Slice]:
        """All events of the span, in order. Raises DataError."""
        raise NotImplementedError

    def gather(self) -> Events:
        """All events in one array, shape (n,). Raises DataError."""
        return join_events([piece.events for piece in self.slices()])

    def by_hour(self) -> Iterator[tuple[int, Events]]:
        """The events of each hour in one array, with the beginning of the hour; hours without any are left
        out. Raises DataError.
        """
        held: list[Events] = []
        hour_ns = 0
        for events, _ in self.slices():
            at = 0
            while at < len(events):
                first_ns = hour_of(int(events[TIME_NS][at]))
                if first_ns != hour_ns and held:
                    yield hour_ns, join_events(held)
                    held = []
                hour_ns = first_ns
                stop = int(np.searchsorted(events[TIME_NS], hour_ns + HOUR_NS))
                held.append(events[at:stop])
                at = stop
        if held:
            yield hour_ns, join_events(held)

    def _nothing(self) -> DataError:
        first, last = (utc_text(min(each, TIME_MAX_NS), "seconds") for each in (self.from_ns, self.to_ns))
        where = f"{self.hours[0].market}: " if self.hours else ""
        return DataError(f"{where}nothing was recorded from {first} to {last}: see `signalnode recordings`")


class EventSpan(Span):
    """Of recorded events."""

    def slices(self) -> Iterator[Slice]:
        """See `Span`."""
        count, newest_ns = 0, 0
        hours = [hour for hour in self.hours if hour.start_ns + HOUR_NS > self.from_ns]
        for at, hour in enumerate(hours):
            before = count
            for piece, row in _pieces_of(hour, partial(self._note_damage, hour.path)):
                if isinstance(piece, Mark):
                    if self.from_ns <= piece.time_ns < self.to_ns or (row and count > before):
                        self.marks.append((count, piece))
                    continue
                events = self._within(piece, newest_ns)
                if len(events):
                    count, newest_ns = count + len(events), int(events[TIME_NS][-1])
                    yield Slice(events, (at + 0.5) / len(hours))
        if not count:
            raise self._nothing()
        yield Slice(np.zeros(0, EVENT), 1.0)

    def _note_damage(self, path: Path) -> None:
        self.faults.add("file_damaged", f"{path}: a part of it is damaged, and left out")

    def _within(self, events: Events, newest_ns: int) -> Events:
        times = events[TIME_NS]
        if len(events) and times[0] < newest_ns:  # two recordings of a market were put into one tree
            late = int(np.searchsorted(times, newest_ns))
            self.faults.add("time_backwards", "rows of an earlier time than those before", count=late)
        first = int(np.searchsorted(times, max(self.from_ns, newest_ns)))
        return events[first : int(np.searchsorted(times, self.to_ns))]


class RawSpan(Span):
    """Of recorded frames, decoded as `venue`'s."""

    def __init__(
        self,
        hours: Sequence[Hour],
        gaps_told: Sequence[Gap],
        from_ns: int,
        to_ns: int,
        *,
        decoder_class: DecoderClass,
        symbol: str,
    ) -> None:
        super().__init__(hours, gaps_told, from_ns, to_ns)
        begin, skip = self._beginning()
        self._blocks_before = {self.hours[begin].path: skip} if self.hours else {}
        self._decoding = CaptureDecoding(
            [hour.path for hour in self.hours[begin:]],
            decoder_class,
            symbol,
            DEPTH_BPS,
            self.faults,
            lines_of=self._lines_of,
        )
        self.gaps = self._decoding.gaps

    def _beginning(self) -> tuple[int, int]:
        """The hour, and how many of its blocks come before the newest beginning of an engine that is not
        after `from_ns`; the first there is, where none is known.
        """
        for at in range(len(self.hours) - 1, -1, -1):
            if self.hours[at].start_ns > self.from_ns:
                continue
            with _opened(self.hours[at]) as file:
                begins = [
                    number
                    for number, block in enumerate(walk(file))
                    if block.of.flags & BEGINS and block.of.first_ns <= self.from_ns
                ]
            if begins:
                return at, begins[-1]
        return 0, 0

    def _lines_of(self, path: Path, faults: Faults) -> Iterator[Line]:
        number = 0

        def damaged() -> None:
            faults.add("file_damaged", f"{path}: a part of it is damaged, and left out")

        with path.open("rb") as file:
            for at, block in enumerate(walk(file, damaged)):
                if at < self._blocks_before.get(path, 0):
                    number += block.of.rows
                    continue
                if block.of.kind != LINES:
                    continue
                content = content_of(file, block)
                if content is None:
                    faults.add("file_damaged", f"{path}: a block of {block.of.rows} lines is corrupt")
                    continue
                if block.of.first_ns >= self.to_ns:
                    return
                for text in content.splitlines():
                    number += 1
                    yield Line(number, text, file.tell())

    def slices(self) -> Iterator[Slice]:
        """See `Span`."""
        count = dropped = seen = 0
        for events, done in self._decoding.slices():
            times = events[TIME_NS]
            first, stop = (int(np.searchsorted(times, each)) for each in (self.from_ns, self.to_ns))
            dropped += first
            for row, mark in self._decoding.marks[seen:]:
                if self.from_ns <= mark.time_ns < self.to_ns:
                    self.marks.append((max(0, row - dropped), mark))
            seen = len(self._decoding.marks)
            count += stop - first
            yield Slice(events[first:stop], done)
        if not count:
            raise self._nothing()


def _opened(hour: Hour) -> BinaryIO:
    """An hour's file, which may have been finished since it was found."""
    for path in (hour.path, *_later_names(hour.path)):
        try:
            return path.open("rb")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    raise DataError(f"{hour.path}: has gone: older hours make room for new ones")


def _later_names(path: Path) -> list[Path]:
    if path.suffix != ".open":
        return []
    return [path.with_suffix("")] if path.name.endswith(".zst.open") else [path.with_suffix(".closed")]


def _pieces_of(hour: Hour, on_damage: OnDamage) -> Iterator[tuple[Piece, int]]:
    """Rows and marks of an hour, and how many rows of the hour come before."""
    row = 0
    parquet = hour.path.with_name(hour.path.name.removeprefix(".")).with_suffix(".parquet")
    if hour.path == parquet or not hour.path.exists():
        yield from _pieces_of_parquet(parquet if parquet.exists() else hour.path)
        return
    with _opened(hour) as file:
        for piece in journal_pieces(file, on_damage):
            yield piece, row
            if not isinstance(piece, Mark):
                row += len(piece)


def _pieces_of_parquet(path: Path) -> Iterator[tuple[Piece, int]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            marks = marks_in(read_facts(file.metadata.metadata))
            row = 0
            for number in range(file.num_row_groups):
                events = rows_of_group(file.read_row_group(number))
                start = 0
                while marks and marks[0][0] <= row + len(events):
                    at, mark = marks.pop(0)
                    if at - row > start:
                        yield events[start : at - row], row + start
                    start = max(start, at - row)
                    yield mark, at
                if start < len(events):
                    yield events[start:], row + start
                row += len(events)
            yield from ((mark, row) for _, mark in marks)
    except FileNotFoundError:
        raise DataError(f"{path}: has gone: older hours make room for new ones") from None
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as a recording ({str(error).splitlines()[0]})") from None
