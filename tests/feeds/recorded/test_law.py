"""The law of the recording: what was recorded, replayed, gives the scores of the live run bit for bit, at
every grid point, whatever befell connections, gateway, engine and recorder meanwhile.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.engine.replaying import Replaying
from signalnode.events import Events, join_events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.live import envelope
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.recorded.gaps import GapFile, read_gaps
from signalnode.feeds.recorded.hours import KINDS
from signalnode.feeds.recorded.parquet import close_journal
from signalnode.feeds.recorded.ring import RingReader
from signalnode.feeds.recorded.tape import RING_FILE, Label, Tape
from signalnode.feeds.recorded.taped import TapedFeed
from signalnode.feeds.recorded.writing import MarketWriter
from signalnode.feeds.venues import decoder_of
from signalnode.feeds.venues.base import Decoder, OnFault
from signalnode.names import market_name_of
from signalnode.research.recordings import open_span
from signalnode.research.replay import whole_instants
from signalnode.scores import MarketScores
from signalnode.settings import LIVE_VENUES
from tests.effort import drawn, reach
from tests.venues import faults
from tests.venues.listening import GRID_NS, Listener, Tapped
from tests.venues.virtual import GATEWAY, Virtual, Wire

CAPACITY = 4 << 20
CHECKPOINT_NS = NS_PER_S


class Wired(TapedFeed):
    """A feed on such a wire as virtual venues have."""

    def _drain(self, now_ns: int) -> None:
        messages = self.inlet.messages  # type: ignore[attr-defined]
        while messages:
            self._message_ns = now_ns
            self.take_in(*envelope.unpack(messages.popleft()))


class Recording(Listener):
    """An engine that records and keeps checkpoints, and its recorder; either may be killed."""

    def __init__(self, venue: str, symbol: str, folder: Path) -> None:
        super().__init__("", GATEWAY, venue, symbol, Tapped)
        self.folder, self.directory = folder / "recordings", folder / "state"
        self.folder.mkdir(exist_ok=True)
        self.epoch, self.market_name = 0, market_name_of(symbol)
        self.checkpoint: tuple[bytes, dict[str, object]] | None = None
        self._checkpoint_ns = 0
        self.market: MarketWriter | None = None
        self.begin()

    def begin(self) -> None:
        """An engine starts, from its last checkpoint."""
        label = Label(self.market_name, self.venue, self.symbol, KINDS, is_live=True)
        self.tape = Tape(self.directory, label, CAPACITY)
        decoder = decoder_of(self.venue)
        self.feed = Wired(  # type: ignore[assignment]
            "", GATEWAY, self.symbol, decoder, DEPTH_BPS, tape=self.tape, venue=self.venue
        )
        self.engine = SignalEngine(self.symbol)
        if self.checkpoint is not None:
            self.engine.restore(self.checkpoint[0])
            self.feed.seek(self.checkpoint[1])
        self.epoch += 1
        self.tape.begin(self.engine, epoch=self.epoch, floor_ns=self.feed.position["time_ns"])
        self._is_new = True

    def turn(self, now_ns: int) -> Events:
        """See `Listener.turn`; and what a live engine does for its recording."""
        heard_ns = self.feed.kernel_at(now_ns)
        if self._is_new and heard_ns > self.feed.position["time_ns"]:
            self._is_new = False
            while 0 < self._grid_ns < heard_ns:  # nobody said anything meanwhile
                self._grid_ns += GRID_NS
        taken = list[Events]()
        while (next_ns := self.feed.next_time_ns()) is not None:
            self._grid_ns = self._grid_ns or next_ns
            self._score_before(next_ns)
            events = self.feed.take(next_ns, 2_048)
            self.engine.ingest(events)
            self.tape.rows(events)
            taken.append(events)
        if not self._is_new:
            self._score_before(heard_ns + 1)
        self.tape.commit(self.engine, now_ns, settled=True)
        if now_ns - self._checkpoint_ns >= CHECKPOINT_NS:
            self._checkpoint_ns = now_ns
            self.checkpoint = self.engine.state(), self.feed.position
        self.events += taken
        return join_events(taken)

    def record(self) -> None:
        """The recorder takes what there is."""
        path = self.directory / RING_FILE
        if not path.exists():
            return
        if self.market is None:
            self.reader = RingReader(path)
            self.place = self.reader.taken
            generation = self.reader.generation
            self.market = MarketWriter(
                self.folder, self.venue, self.market_name, KINDS, GapFile(self.folder), generation, self.place
            )
        while records := self.reader.read(self.place, 1 << 16):
            self.market.take(records)
            self.place = records[-1].place

    def flush(self) -> None:
        self.record()
        if self.market is not None:
            self.reader.take(self.market.flush())

    def kill_recorder(self) -> None:
        if self.market is not None:
            self.market.close()
            self.market = None

    def check(self, raw: bool) -> int:
        """The law; how many grid points it was held at."""
        kind = "raw" if raw else "events"
        span = open_span(self.folder, self.market_name, kind=kind, symbol=self.symbol)
        replaying = Replaying(self.symbol, None, span.marks, GRID_NS)
        checked = 0
        for events, _ in whole_instants(span.slices()):
            table = replaying.score(events)
            for row in table:
                live: MarketScores | None = self.scores.get(int(row["time_ns"]))
                for name, score in (live or {}).items():
                    assert float(row[name]) == score, (raw, name, int(row["time_ns"]))
                checked += live is not None
        assert replaying.restored
        assert not replaying.passed_over
        return checked


class Recorded(Virtual):
    """A virtual venue whose one market is recorded."""

    def __init__(self, name: str, folder: Path, seed: int) -> None:
        self.recording_in = folder
        super().__init__(name, count=1, seed=seed)

    def _listen(self, name: str, symbol: str) -> None:
        super()._listen(name, symbol)
        made = Recording(name, symbol, self.recording_in)
        made.feed._inlet = self.wires[symbol]  # type: ignore[assignment]
        self.listeners[symbol] = made

    def kill_engine(self, ticks: int) -> None:
        """It is away for so many ticks; what is said meanwhile it does not hear."""
        (symbol,) = self.listeners
        for _ in range(ticks):
            self.now_ns += NS_PER_S // 10
            self._step(self.venue.step)
            self.serve()
        self.wires[symbol] = Wire(symbol, self.processes[-1], lambda: self.processes[-1])
        market = self.listeners[symbol]
        market.begin()  # type: ignore[attr-defined]
        market.feed._inlet = self.wires[symbol]  # type: ignore[assignment]
        self.processes[-1].want(symbol)
        self.truths[symbol].forget()


@pytest.mark.parametrize("venue", LIVE_VENUES[:: reach(5, 1)])
@pytest.mark.parametrize("seed", range(drawn(1, 20)))
def test_a_recording_gives_the_live_scores_bit_for_bit(venue: str, seed: int, tmp_path: Path) -> None:
    draw = Random(seed)
    world = Recorded(venue, tmp_path, seed)
    (market,) = world.listeners.values()
    assert isinstance(market, Recording)
    world.truths[world.symbol].excuse()
    for _ in range(drawn(20, 60)):
        trouble(world, market, draw)
        for _ in range(draw.randrange(1, 15)):
            tick(world, market, draw)
    for _ in range(30):
        tick(world, market, draw)
    market.kill_recorder()
    market.flush()
    assert market.market is not None
    market.market.end_hours()
    for hour in market.market.streams["events"].finished:
        list(close_journal(hour))
    assert market.check(raw=False) > 100
    assert market.check(raw=True) > 100
    stops = [gap for gap in read_gaps(market.folder) if gap.what == "stopped"]
    assert len(stops) < market.epoch


def trouble(world: Recorded, market: Recording, draw: Random) -> None:
    """Something happens to the venue, the gateway, the engine or the recorder."""
    what = draw.randrange(9)
    if what == 0:
        world.kill_engine(draw.randrange(1, 30))
    elif what == 1:
        world.restart_gateway(draw.randrange(NS_PER_S))
    elif what == 2:
        market.kill_recorder()
    elif what == 3:
        market.flush()
    elif what == 4:
        world.venue.close_all(1012)
    elif what == 5:
        world.venue.script.faults.append(faults.drawn(draw, world.symbol))
    elif what == 6:
        world.replace_connections()
    elif what == 8 and world.young is None:
        world.relieve_gateway()
    elif what == 7:
        world.wires[world.symbol].messages.clear()  # too many for it: some are lost


def tick(world: Recorded, market: Recording, draw: Random) -> None:
    """One step of the venue and what comes of it; now and then a message is lost on its way."""
    world.now_ns += NS_PER_S // 10
    world._step(world.venue.step)
    world.serve()
    wire = world.wires[world.symbol]
    if wire.messages and draw.random() < 0.02:
        wire.messages.popleft()
    wire.beat()
    market.turn(world.now_ns)
    if draw.random() < 0.3:
        market.record()


class Asked:
    """An inlet that keeps what is said to the gateway."""

    def __init__(self) -> None:
        self.said = list[bytes]()

    def send(self, message: bytes) -> bool:
        self.said.append(message)
        return True


@pytest.mark.parametrize("records", [False, True], ids=["plain", "recorded"])
def test_a_book_that_drifted_is_asked_for_anew_whether_it_is_recorded_or_not(
    records: bool, tmp_path: Path
) -> None:
    tell = list[OnFault]()

    def decoder(market: str, depth_bps: float, on_fault: OnFault) -> Decoder:
        tell.append(on_fault)
        return decoder_of("dydx")(market, depth_bps, on_fault)

    if records:
        tape = Tape(tmp_path, Label("A-USD", "dydx", "A-USD", KINDS, is_live=True), CAPACITY)
        feed: LiveFeed = TapedFeed("", GATEWAY, "A-USD", decoder, DEPTH_BPS, tape=tape, venue="dydx")
    else:
        feed = LiveFeed("", GATEWAY, "A-USD", decoder, DEPTH_BPS, venue="dydx")
    feed._inlet = asked = Asked()  # type: ignore[assignment]
    tell[-1]("level_absurd", "")
    assert not asked.said
    tell[-1]("book_drifted", "")
    assert asked.said == [envelope.RENEW + envelope.topic_of("A-USD")]
