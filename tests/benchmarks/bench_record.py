"""What recording costs: an engine's end and the recorder's, over decoding alone; beside plain writes.

Frames are those of the packaged recording, as 20 markets would hear them, 100 a second each: ten turns a
second of every engine, two of the recorder, a block of each market every five seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.framing import Held, line_of, unwrap
from signalnode.feeds.files.lines import read_lines
from signalnode.feeds.live import envelope
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.recorded.gaps import GapFile
from signalnode.feeds.recorded.hours import KINDS, hours_in
from signalnode.feeds.recorded.ring import RingReader
from signalnode.feeds.recorded.tape import RING_FILE, Label, Tape
from signalnode.feeds.recorded.taped import TapedFeed
from signalnode.feeds.recorded.writing import MarketWriter
from signalnode.feeds.venues import decoder_of
from tests.benchmarks.table import RUNS, Row

SAMPLE = Path(__file__).parents[2] / "signalnode" / "sample" / "btcusdt_20240808.xz"
MARKETS, FRAMES_PER_S, WARM_S, SECONDS, TURNS_PER_S, BLOCK_S = 20, 100, 5, 10, 10, 5
START_NS = 1_795_000_000 * NS_PER_S
CAPACITY = 8 << 20
SHARE_MOST = 5.0  # % of a core, over decoding alone, at 2,000 frames a second


class Market:
    """One of them: its feed, and where it records."""

    def __init__(self, number: int, folder: Path, *, is_taped: bool) -> None:
        self.name, self.engine = f"M{number}-USDT", SignalEngine("BTC-USDT")
        self.tape: Tape | None = None
        options = ("", "gateway.binance", "BTCUSDT", decoder_of("binance"), DEPTH_BPS)
        self.feed = LiveFeed(*options, venue="binance")
        if is_taped:
            label = Label(self.name, "binance", "BTCUSDT", KINDS, is_live=True)
            self.tape = Tape(folder / self.name, label, CAPACITY)
            self.tape.begin(self.engine, epoch=1, floor_ns=0)
            self.feed = TapedFeed(*options, tape=self.tape, venue="binance")
        self.folder, self.writer, self.place = folder, None, 0

    def turn(self, frames: list[bytes], time_ns: int) -> None:
        """What an engine does of it in one turn, but for scoring."""
        for at, frame in enumerate(frames):
            self.feed.hear(envelope.Header(envelope.FRAME, time_ns + at, 1, 1), frame)
        events = self.feed._next_block()
        if self.tape is not None:
            if len(events):
                self.tape.rows(events)
            self.tape.commit(self.engine, time_ns, settled=True)

    def record(self, *, flush: bool) -> None:
        """What the recorder does of it."""
        if self.writer is None:
            self.reader = RingReader(self.folder / self.name / RING_FILE)
            gaps, generation = GapFile(self.folder), self.reader.generation
            self.writer = MarketWriter(self.folder, "binance", self.name, KINDS, gaps, generation, 0)
        while records := self.reader.read(self.place, 1 << 20):
            self.writer.take(records)
            self.place = records[-1].place
        if flush:
            self.reader.take(self.writer.flush())


def frames() -> list[bytes]:
    """Those of the packaged recording."""
    found = (unwrap(line.text) for line in islice(read_lines(SAMPLE, Faults()), 20_000))
    return [held.frame for held in found if held is not None and not held.url]


def run(told: list[bytes], folder: Path, *, is_taped: bool) -> float:
    """Seconds of processor a second of market time; checks that no frame is lost."""
    markets = [Market(number, folder, is_taped=is_taped) for number in range(MARKETS)]
    share = FRAMES_PER_S // TURNS_PER_S
    source = [cycle(told) for _ in markets]
    begun_s = 0.0
    for turn in range((WARM_S + SECONDS) * TURNS_PER_S):
        if turn == WARM_S * TURNS_PER_S:  # pipes and files are made by then
            begun_s = time.process_time()
        time_ns = START_NS + turn * NS_PER_S // TURNS_PER_S
        for market, each in zip(markets, source, strict=True):
            market.turn(list(islice(each, share)), time_ns)
            if is_taped and turn % (TURNS_PER_S // 2) == TURNS_PER_S // 2 - 1:
                market.record(flush=(turn + 1) % (BLOCK_S * TURNS_PER_S) == 0)
    taken_s = (time.process_time() - begun_s) / SECONDS
    if is_taped:
        faults = Faults()
        hours = hours_in(folder, "raw")
        lines = sum(
            not line.text.startswith(b"{") for hour in hours for line in read_lines(hour.path, faults)
        )
        assert lines == MARKETS * FRAMES_PER_S * (WARM_S + SECONDS), lines
        assert not any(market.tape and market.tape.lost for market in markets)
    return taken_s


def plain(told: list[bytes], folder: Path) -> float:
    """The same lines, written as they come into a file a market."""
    files = [(folder / f"{number}").open("wb") for number in range(MARKETS)]
    source = [cycle(told) for _ in files]
    begun_s = time.process_time()
    for turn in range(SECONDS * TURNS_PER_S):
        for file, each in zip(files, source, strict=True):
            for frame in islice(each, FRAMES_PER_S // TURNS_PER_S):
                file.write(line_of(Held(START_NS + turn, frame, connection="1")))
            file.flush()
    taken_s = (time.process_time() - begun_s) / SECONDS
    for file in files:
        file.close()
    return taken_s


def rows() -> Iterator[Row]:
    told = frames()
    over, written = [], []
    for _ in range(RUNS + 1):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            bare = run(told, folder, is_taped=False)
            over.append(100.0 * (run(told, folder, is_taped=True) - bare))
            written.append(100.0 * plain(told, folder))
    over, written = sorted(over[1:]), sorted(written[1:])
    measured, reference = over[len(over) // 2], written[len(written) // 2]
    what = f"recording {MARKETS * FRAMES_PER_S:,} frames/s of {MARKETS} markets, over decoding alone"
    yield Row(
        what=what,
        measured=measured,
        unit="% of a core",
        reference="% of a core, what it may be",
        reference_value=SHARE_MOST,
        at_most=1.0,
    )
    yield Row(
        what="the same, frames and events",
        measured=measured,
        unit="% of a core",
        reference="% of a core, plain writes of the same lines",
        reference_value=reference,
    )
