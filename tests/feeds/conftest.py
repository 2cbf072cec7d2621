from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signalnode.events import Events
from signalnode.feeds import Feed, load_events, open_feed, synthetic_events
from signalnode.feeds.files.recording import write_recording
from signalnode.settings import FeedSettings, MarketSettings

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


@pytest.fixture
def settings_of(excerpts: tuple[Path, Path], recording: Path) -> Callable[[str], MarketSettings]:
    """Settings of a market for each kind of feed."""
    kinds = {
        "capture": FeedSettings(kind="capture", venue="binance", paths=excerpts, loop=True),
        "recording": FeedSettings(kind="recording", paths=(recording,), loop=True),
        "synthetic": FeedSettings(kind="synthetic", seed=9, events_per_s=200.0),
    }
    return lambda kind: MarketSettings(market="BTC-USDT", feed=kinds[kind])
