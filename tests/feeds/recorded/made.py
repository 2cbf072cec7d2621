"""A recording made up: rows, lines and marks through a pipe and a writer, as engine and recorder do."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

from signalnode.clock import NS_PER_S
from signalnode.events import EVENT, Events
from signalnode.feeds.files.marks import Mark, pack_mark
from signalnode.feeds.recorded import ring
from signalnode.feeds.recorded.gaps import GapFile
from signalnode.feeds.recorded.hours import KINDS, Kind
from signalnode.feeds.recorded.parquet import close_journal
from signalnode.feeds.recorded.ring import RingReader, RingWriter, make_ring
from signalnode.feeds.recorded.writing import NUMBER, MarketWriter

START_NS = 1_764_201_600 * NS_PER_S  # an hour's beginning
MARKET, VENUE = "ALPHA-USD", "dydx"
Put = tuple[int, int, bytes]


def rows_from(time_ns: int, count: int, seed: int = 1, step_ns: int = NS_PER_S) -> Events:
    """Quotes and trades, `step_ns` apart."""
    draw = np.random.default_rng(seed)
    rows = np.zeros(count, EVENT)
    rows["time_received_ns"] = rows["time_event_ns"] = time_ns + step_ns * np.arange(count)
    rows["kind"] = draw.integers(1, 3, count)
    trades, quotes = rows["kind"] == 1, rows["kind"] == 2
    price = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 1e-4, count)))
    rows["price"][trades], rows["size"][trades] = price[trades], 1.0
    rows["bid"][quotes], rows["ask"][quotes] = price[quotes] - 0.01, price[quotes] + 0.01
    rows["bid_size"][quotes] = rows["ask_size"][quotes] = 2.0
    return rows


def put_rows(rows: Events, number: int) -> Put:
    return ring.ROWS, int(rows["time_received_ns"][0]), NUMBER.pack(number) + rows.tobytes()


def put_mark(mark: Mark) -> Put:
    return ring.MARK, mark.time_ns, pack_mark(mark)


class Recorded:
    """One market's pipe and its writer, which may be killed."""

    def __init__(self, folder: Path, kinds: tuple[Kind, ...] = KINDS, capacity: int = 1 << 20) -> None:
        self.folder, self.kinds = folder / "recordings", kinds
        self.folder.mkdir(exist_ok=True)
        self.path = folder / "pipe"
        make_ring(self.path, capacity, generation=7)
        self.writer = RingWriter(self.path)
        self.reader = RingReader(self.path)
        self.begin()

    def begin(self) -> None:
        """A recorder starts."""
        gaps = GapFile(self.folder)
        self.place = self.reader.taken
        self.market = MarketWriter(
            self.folder, VENUE, MARKET, self.kinds, gaps, self.reader.generation, self.place
        )

    def put(self, *records: Put) -> None:
        assert self.writer.put(records)

    def take(self, bytes_max: int = 1 << 20) -> None:
        records = self.reader.read(self.place, bytes_max)
        self.market.take(records)
        self.place = records[-1].place if records else self.place

    def flush(self) -> None:
        self.reader.take(self.market.flush())

    def kill(self, draw: Random | None = None) -> None:
        """The recorder ends without another word, maybe in the middle of a write."""
        self.market.close()
        for path in sorted(self.folder.rglob("*open")) if draw else ():
            torn = bytes(draw.getrandbits(8) for _ in range(draw.randrange(300)))
            with path.open("ab") as file:
                file.write(torn)
        self.begin()

    def finish(self) -> None:
        """All that was put is written, and every hour finished."""
        while self.place < self.reader.written:
            self.take()
        self.flush()
        self.market.end_hours()
        self.close_journals()

    def close_journals(self) -> None:
        stream = self.market.streams.get("events")
        for hour in stream.finished if stream else ():
            assert list(close_journal(hour))[-1:] in ([1.0], [])
