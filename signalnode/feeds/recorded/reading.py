"""A recorded market's hours as events, from one time to another: bounded in memory whatever the span.

Of the two recordings the events are read where there are any: they are what the engine took, row by row, and
need no decoding. Raw frames give the same, and are read from where an engine began, for its book began there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from signalnode.clock import utc_text
from signalnode.errors import DataError
from signalnode.events import EVENT, TIME_MAX_NS, Events, join_events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.capture import CaptureDecoding
from signalnode.feeds.files.decoding import Gaps, Marks, Slice
from signalnode.feeds.files.framing import frames_lost
from signalnode.feeds.files.lines import Line
from signalnode.feeds.files.marks import Mark
from signalnode.feeds.recorded.blocks import BEGINS, LINES, contents, walk
from signalnode.feeds.recorded.gaps import Gap, book_gaps, damage_of
from signalnode.feeds.recorded.hours import HOUR_NS, Hour, hour_of
from signalnode.feeds.recorded.opened import GoneError, opened, pieces_of
from signalnode.feeds.venues.base import DecoderClass

TIME_NS = "time_received_ns"


class Span:
    """Part of what was recorded of a market, kernel times `from_ns` up to but not at `to_ns`; a `Decoding`.

    `hours` hold it, in order, of one kind; `gaps_told` are what is known to be missing of it: what is found
    to be damaged while it is read comes behind them.
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

    def _note_damage(self, hour: Hour, from_ns: int, to_ns: int) -> None:
        gap = damage_of(hour, from_ns, to_ns)
        if gap.to_ns < self.from_ns or gap.from_ns >= self.to_ns:
            return
        begin, end = (utc_text(time_ns) for time_ns in (gap.from_ns, gap.to_ns))
        self.faults.add("file_damaged", f"{begin} to {end}: nothing sound in {hour.path}")
        if gap not in self.gaps_told:
            self.gaps_told.append(gap)

    def _note_gone(self, hour: Hour) -> None:
        self.faults.add("file_gone", str(hour.path))

    def _nothing(self) -> DataError:
        first, last = (utc_text(min(each, TIME_MAX_NS), "seconds") for each in (self.from_ns, self.to_ns))
        if self.to_ns >= TIME_MAX_NS:
            when = f"since {first}" if self.from_ns > 0 else "at all"
        else:
            when = f"from {first} to {last}" if self.from_ns > 0 else f"before {last}"
        where = f"{self.hours[0].market}: " if self.hours else ""
        return DataError(f"{where}nothing was recorded {when}: see `signalnode recordings`")


class EventSpan(Span):
    """Of recorded events."""

    def slices(self) -> Iterator[Slice]:
        """See `Span`."""
        count, newest_ns = 0, 0
        hours = [hour for hour in self.hours if hour.start_ns + HOUR_NS > self.from_ns]
        for at, hour in enumerate(hours):
            before = count
            pieces = pieces_of(hour, partial(self._note_damage, hour), partial(self._note_gone, hour))
            for piece, row in pieces:
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
            try:
                file = opened(self.hours[at])
            except GoneError:
                continue
            with file:
                begins = [
                    number
                    for number, block in enumerate(walk(file))
                    if block.of.flags & BEGINS and block.of.first_ns <= self.from_ns
                ]
            if begins:
                return at, begins[-1]
        return 0, 0

    def _lines_of(self, path: Path, _: Faults) -> Iterator[Line]:
        hour = next(hour for hour in self.hours if hour.path == path)
        torn: list[tuple[int, int]] = []
        number, first = 0, self._blocks_before.get(path, 0)
        try:
            file = opened(hour)
        except GoneError:
            self._note_gone(hour)
            return
        with file:
            end_ns = hour.end_ns if hour.is_finished else 0
            for block, content in contents(
                file, lambda *found: torn.append(found), end_ns=end_ns, first=first
            ):
                if block.of.first_ns >= self.to_ns:
                    return
                for from_ns, to_ns in torn:
                    self._note_damage(hour, from_ns, to_ns)
                    # So the decoder asks for an image of the book, as it does where a live one misses frames.
                    yield Line(number, frames_lost(from_ns or hour.start_ns), file.tell())
                torn.clear()
                for text in content.splitlines() if block.of.kind == LINES else ():
                    number += 1
                    yield Line(number, text, file.tell())
            for from_ns, to_ns in torn:
                self._note_damage(hour, from_ns, to_ns)
                yield Line(number, frames_lost(from_ns or hour.start_ns), file.tell())

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
