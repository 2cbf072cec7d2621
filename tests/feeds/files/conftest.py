from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalnode.feeds import Feed
from signalnode.settings import FeedSettings, MarketSettings
from tests.feeds.frames import capture, quote, trade

OpenCapture = Callable[..., Any]


@pytest.fixture
def open_capture(open_closing: Callable[[MarketSettings, Path], Feed], tmp_path: Path) -> OpenCapture:
    """Opens captures as the feed of BTC-USDT; what is decoded goes below `tmp_path`."""

    def open_one(*paths: Path, venue: str = "binance", loop: bool = False) -> Feed:
        feed = FeedSettings(kind="capture", venue=venue, paths=paths, loop=loop)
        return open_closing(MarketSettings(market="BTC-USDT", feed=feed), tmp_path)

    return open_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return capture(tmp_path / "a.gz", [trade(1), quote(), trade(2), quote("99.98")])
