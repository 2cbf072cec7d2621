from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signalnode.events import Events
from signalnode.feeds import Feed, load_events, open_feed, synthetic_events
from signalnode.feeds.files.recording import write_recording
from signalnode.settings import VENUE_NAMES, FeedSettings, MarketSettings
from tests.effort import drawn
from tests.feeds.venues.made.base import capture_of, writer_of

DATA = Path(__file__).parents[1] / "data" / "binance"


@pytest.fixture(scope="session")
def excerpts() -> tuple[Path, Path]:
    """Two captures of BTC-USDT, the second of which goes on where the first ends."""
    return DATA / "btcusdt_first.gz", DATA / "btcusdt_second.gz"


@pytest.fixture(scope="session")
def usdm() -> Path:
    """A capture of BTC-USDT futures, in a chain of their own, with a REST snapshot among it."""
    return DATA / "btcusdt_usdm_first.gz"


@pytest.fixture(scope="session")
def events(excerpts: tuple[Path, Path]) -> Events:
    loaded = load_events(excerpts, venue="binance", market="BTC-USDT")
    loaded.flags.writeable = False
    return loaded


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "synthetic.parquet"
    write_recording(path, synthetic_events(5, 6_000), market="BTC-USDT", venue="synthetic")
    return path


@pytest.fixture
def open_closing() -> Iterator[Callable[[MarketSettings, Path], Feed]]:
    """`open_feed`, with every feed closed when the test is over."""
    opened: list[Feed] = []

    def open_one(settings: MarketSettings, state_dir: Path) -> Feed:
        opened.append(open_feed(settings, state_dir))
        return opened[-1]

    yield open_one
    for feed in opened:
        feed.close()


@pytest.fixture(scope="session")
def made_captures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A capture of a made market for each venue."""
    folder = tmp_path_factory.mktemp("made")
    for venue in VENUE_NAMES:
        (folder / venue).write_bytes(capture_of(venue, 6, drawn(200, 500)))
    return {venue: folder / venue for venue in VENUE_NAMES}


@pytest.fixture
def settings_of(
    excerpts: tuple[Path, Path], recording: Path, made_captures: dict[str, Path]
) -> Callable[[str], MarketSettings]:
    """Settings of a market for each kind of feed, and of a capture of each venue."""
    kinds = {
        venue: FeedSettings(kind="capture", venue=venue, paths=(path,), loop=True)
        for venue, path in made_captures.items()
    } | {
        "capture": FeedSettings(kind="capture", venue="binance", paths=excerpts, loop=True),
        "recording": FeedSettings(kind="recording", paths=(recording,), loop=True),
        "synthetic": FeedSettings(kind="synthetic", seed=9, events_per_s=200.0),
    }
    markets = {venue: writer_of(venue).market for venue in VENUE_NAMES}
    return lambda kind: MarketSettings(market=markets.get(kind, "BTC-USDT"), feed=kinds[kind])
