"""Live: from a venue's send to the score on the bus, and what a live market costs.

The venue is the test's own, over TLS, in a process beside; so is a bare `websockets` client of it, which
takes the same frames at the same time.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import msgspec
import zmq

from signalnode import SignalEngine
from signalnode.events import Events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.live import envelope
from signalnode.feeds.live.envelope import Header
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.venues import decoder_of
from tests.benchmarks.bare_child import pss_mb
from tests.benchmarks.nodes import children, engines, node_on, roles_by_pid
from tests.benchmarks.processor import by_role, cpu_s
from tests.benchmarks.table import Row, medians_s
from tests.benchmarks.venue_process import VenueProcess, bare_client, venue_process
from tests.feeds.venues.made.base import Market, writer_of
from tests.venues.dydx import BOOK, TRADES, Dydx
from tests.venues.venue import Venue

BUSY_PER_S, BUSY_S = 500.0, 10.0
MANY, MANY_S, FRAMES_PER_S = 200, 20.0, 2_000.0
COUNTED_STEPS = 200  # of each market, over which frames a step are counted: a book's always, trades in some
WEIGHED = 8  # markets of each kind
SETTLE_S = 8.0
MORE_MB_MAX = 1.5
FRAMES = 20_000
RECONNECTS, RECONNECT_MARKETS = 5, 32
DECODED = ("dydx", "binance", "kraken", "coinbase", "okx")
SAMPLE = Path("signalnode/sample").resolve()
LIVE = 'kind = "live"\nvenue = "dydx"'


def rows() -> Iterator[Row]:
    yield from _latency()
    yield from _many()
    yield from _decoding()
    yield _memory()
    yield _reconnect()


@contextlib.contextmanager
def _live_node(directory: Path, venue: VenueProcess, feeds: list[str], engine: str = "") -> Iterator[Path]:
    os.environ["SSL_CERT_FILE"] = str(venue.authority)
    extra = f'[venues.dydx]\nws_url = "{venue.url}"\n{engine}'
    try:
        with node_on(directory, feeds, extra) as config:
            yield config
    finally:
        del os.environ["SSL_CERT_FILE"]


def _symbols(count: int) -> tuple[str, ...]:
    return tuple(f"M{i}-USD" for i in range(count))


def _latency() -> Iterator[Row]:
    fast = "[engine]\npublish_interval_ms = 1"
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        with (
            venue_process(directory, _symbols(1), BUSY_PER_S, "marked") as venue,
            _live_node(directory, venue, [LIVE], fast) as config,
            bare_client(venue, _symbols(1), decodes=True) as bare,
        ):
            time.sleep(SETTLE_S)
            heard = _scores(directory / "run" / "M0-USD.scores", BUSY_S)
            _, decoded = bare.ask()
            stamps: dict[float, int] = venue.ask("stamps")
            del config
    ours = [(at_ns - stamps[mid]) / 1e6 for mid, at_ns in heard.items() if mid in stamps]
    theirs = [(at_ns - stamps[mid]) / 1e6 for mid, at_ns in decoded.items() if mid in heard]
    yield Row(
        what=f"venue's send to score on the bus, {BUSY_PER_S:g} frames/s, median of {len(ours):,}",
        measured=statistics.median(ours),
        unit="ms",
        reference="ms, the same frames decoded by a bare websockets client",
        reference_value=statistics.median(theirs),
        at_most=3.0,
        aim="2 ms",
    )


def _scores(path: Path, seconds: float) -> dict[float, int]:
    """When each score came, by its mid."""
    heard: dict[float, int] = {}
    context = zmq.Context()
    with context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.SUBSCRIBE, b"score.")
        socket.setsockopt(zmq.RCVTIMEO, 5_000)
        socket.connect(f"ipc://{path}")
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            message = socket.recv_multipart()[1]
            now_ns = time.monotonic_ns()
            heard.setdefault(round(msgpack.unpackb(message)["mid"], 4), now_ns)
    context.term()
    return heard


def _many() -> Iterator[Row]:
    symbols = _symbols(MANY)
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        with (
            venue_process(directory, symbols, FRAMES_PER_S / MANY / _frames_a_step(symbols)) as venue,
            _live_node(directory, venue, [LIVE] * MANY) as config,
        ):
            time.sleep(SETTLE_S * 3)
            yield from _node(directory, config, venue)
            yield _gateway(config, venue, symbols)


def _frames_a_step(symbols: tuple[str, ...]) -> float:
    """That the venue sends of one market for one step, by a venue like it that sends to nobody."""
    venue = Venue(Dydx(), symbols=symbols, begun=0, now_s=0.0)
    frames = 0
    for _ in range(COUNTED_STEPS):
        venue.step(0)
        frames += sum(len(Dydx().data(each, of)) for each in venue.listings.values() for of in (BOOK, TRADES))
    return frames / COUNTED_STEPS / len(symbols)


def _node(directory: Path, config: Path, venue: VenueProcess) -> Iterator[Row]:
    """Alone with its venue."""
    roles = roles_by_pid(config) | {venue.pid: "venue"}
    roles[os.getpid()] = "bench"
    before_s, sent, began_s = by_role(roles), venue.ask("sent")[0], time.monotonic()
    ages_ms = _ages_ms(directory / "bus", MANY_S)
    frames, lasted_s = venue.ask("sent")[0] - sent, time.monotonic() - began_s
    used_s, cores = by_role(roles) - before_s, os.cpu_count() or 1
    shares = {role: 100 * seconds / lasted_s / cores for role, seconds in used_s.items()}
    own = {role: share for role, share in shares.items() if role not in ("venue", "bench")}
    states = [child.get("status") for child in engines(config)]
    losses = (directory / "log").read_text(errors="replace").count("frames_lost")
    sound = sum(state in ("live", "warming") for state in states)
    yield Row(
        what=f"the node, {MANY} live markets, {frames / lasted_s:,.0f} frames/s, of {cores} cores; "
        f"{sound} sound, {losses} losses: " + ", ".join(f"{role} {own[role]:.0f}%" for role in sorted(own)),
        measured=sum(own.values()),
        unit="%",
        aim="60 %",
    )
    yield Row(
        what="what the venue sent it, which a machine that is too slow holds back",
        measured=frames / lasted_s,
        unit="frames/s",
        reference="frames/s, asked for",
        reference_value=FRAMES_PER_S,
        at_most=1.02,
    )
    yield Row(
        what=f"beside it, the bench's own venue server; and who listens to all scores {shares['bench']:.0f}%",
        measured=shares["venue"],
        unit="%",
    )
    yield Row(
        what="age of a score when it is heard, 99th of a hundred",
        measured=statistics.quantiles(ages_ms, n=100)[-1] if len(ages_ms) > 1 else float("inf"),
        unit="ms",
        aim="100 ms",
    )


def _gateway(config: Path, venue: VenueProcess, symbols: tuple[str, ...]) -> Row:
    gateway = next(child["pid"] for child in children(config) if child["role"] == "gateway")
    with bare_client(venue, symbols, decodes=False) as bare:
        time.sleep(SETTLE_S)
        before_s, bare_s = cpu_s(gateway), cpu_s(bare.pid)
        frames, began_s = bare.ask()[0], time.monotonic()
        time.sleep(MANY_S)
        frames, lasted_s = bare.ask()[0] - frames, time.monotonic() - began_s
        used_s, bare_s = cpu_s(gateway) - before_s, cpu_s(bare.pid) - bare_s
    return Row(
        what=f"gateway, processor time a frame, {MANY} markets, {frames / lasted_s:,.0f} frames/s",
        measured=used_s / frames * 1e6,
        unit="µs",
        reference="µs, bare websockets receive on uvloop",
        reference_value=bare_s / frames * 1e6,
        at_most=2.5,
    )


def _ages_ms(bus: Path, seconds: float) -> list[float]:
    """From each score's publication to its receipt, behind the aggregator."""
    ages_ms = []
    context = zmq.Context()
    with context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.SUBSCRIBE, b"score.")
        socket.setsockopt(zmq.RCVTIMEO, 5_000)
        socket.connect(f"ipc://{bus}")
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            with contextlib.suppress(zmq.Again):
                told = msgpack.unpackb(socket.recv_multipart()[1])
                ages_ms.append((time.time_ns() - told["time_published_ns"]) / 1e6)
    context.term()
    return ages_ms


def _decoding() -> Iterator[Row]:
    for venue in DECODED:
        market, writer = Market(1), writer_of(venue)
        opening, frames = writer.opening(market), list[bytes]()
        while len(frames) < FRAMES:
            frames += writer.frames(market, market.step())
        seconds = medians_s(
            {
                "engine": lambda o=opening, f=frames, v=venue, m=writer.market: _engine(v, m, o, f),  # type: ignore[misc]
                "bare": lambda f=frames: [msgspec.json.decode(frame) for frame in f],  # type: ignore[misc]
            }
        )
        yield Row(
            what=f"engine, processor time a frame, decode to features, {venue}",
            measured=seconds["engine"] / len(frames) * 1e6,
            unit="µs",
            reference="µs, msgspec alone",
            reference_value=seconds["bare"] / len(frames) * 1e6,
            at_most=3.0 if venue == "dydx" else float("nan"),
            aim="" if venue == "dydx" else "3 times",
        )


class _Fed(LiveFeed):
    """A feed that is handed messages, ten at a time, as an engine under load takes them."""

    def take_in(self, frame: bytes, time_ns: int) -> None:
        super().take_in(Header(envelope.FRAME, time_ns, 1, 0), frame)


def _engine(venue: str, market: str, opening: list[bytes], frames: list[bytes]) -> Events:
    feed = _Fed("", "gateway", market, decoder_of(venue), DEPTH_BPS, venue=venue)
    engine = SignalEngine("ANY-USD")
    time_ns = 1_795_000_000_000_000_000
    for number, frame in enumerate([*opening, *frames]):
        time_ns += 2_000_000
        feed.take_in(frame, time_ns)
        if number % 10 == 0:
            events = feed.take(time_ns, 2_048)
            engine.ingest(events)
    return events


def _memory() -> Row:
    sample = f'symbol = "BTCUSDT"\npaths = ["{SAMPLE}/btcusdt_20240808.xz"]'
    capture = f'kind = "capture"\nvenue = "binance"\nloop = true\n{sample}'
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        with (
            venue_process(directory, _symbols(WEIGHED), 20.0) as venue,
            _live_node(directory, venue, [LIVE] * WEIGHED + [capture] * WEIGHED) as config,
        ):
            time.sleep(SETTLE_S * 2)
            weights_mb = {child["name"]: pss_mb(child["pid"]) for child in engines(config)}
    live = [weights_mb[f"M{i}-USD"] for i in range(WEIGHED)]
    recorded = [weights_mb[f"M{i}-USD"] for i in range(WEIGHED, 2 * WEIGHED)]
    return Row(
        what=f"PSS of a live market's engine, {statistics.median(live):.1f} MB, above that of a recording's",
        measured=statistics.median(live) - statistics.median(recorded),
        unit="MB",
        reference="MB, what it may be",
        reference_value=MORE_MB_MAX,
        at_most=1.0,
    )


def _reconnect() -> Row:
    symbols = _symbols(RECONNECT_MARKETS)
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        with (
            venue_process(directory, symbols, 10.0) as venue,
            _live_node(directory, venue, [LIVE] * RECONNECT_MARKETS),
        ):
            for _ in range(RECONNECTS):
                venue.ask("close")
                time.sleep(SETTLE_S)
            ours = list(venue.ask("took").values())[1:]
            known = len(ours) + 1
            for _ in range(RECONNECTS):
                with bare_client(venue, symbols, decodes=False):
                    time.sleep(SETTLE_S / 4)
            theirs = list(venue.ask("took").values())[known:]
    return Row(
        what=f"reconnect to the last of {RECONNECT_MARKETS} books, from the open socket",
        measured=statistics.median(ours) * 1e3,
        unit="ms",
        reference="ms, a bare client that asks for all at once",
        reference_value=statistics.median(theirs) * 1e3,
        at_most=3.0,
    )
