"""Up to when a gateway has passed on all, as its engines read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.feeds.live.envelope import TOPICS_MAX
from signalnode.feeds.live.passed import PAGE_BYTES, Passed, PassedPage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.dydx.passed"


def engine_at(path: Path, symbol: str) -> Passed:
    passed = Passed(path, symbol)
    passed.open()
    return passed


def test_an_engine_reads_what_its_gateway_wrote(path):
    page = PassedPage(path)
    ours, other = engine_at(path, "BTC-USD"), engine_at(path, "ETH-USD")
    page.want("BTC-USD")
    page.sent([("BTC-USD", 100, b"")])
    page.all_sent(107)
    assert ours.time_ns() == other.time_ns() == 107
    assert ours.is_newest(100)
    assert not ours.is_newest(99)
    assert not other.is_newest(100)
    page.want("ETH-USD")
    page.sent([("ETH-USD", 110, b"")])
    assert other.time_ns() == 110
    assert other.is_newest(110)
    assert ours.is_newest(100)


def test_a_slot_that_another_market_has_by_now_says_nothing(path):
    page = PassedPage(path)
    page.want("BTC-USD")
    page.sent([("BTC-USD", 100, b"")])
    ours = engine_at(path, "BTC-USD")
    assert ours.is_newest(100)
    page.drop("BTC-USD")
    page.want("ETH-USD")
    page.sent([("ETH-USD", 100, b"")])
    assert not ours.is_newest(100)
    page.want("BTC-USD")
    page.sent([("BTC-USD", 120, b"")])
    assert ours.is_newest(120)


def test_a_gateway_that_starts_again_goes_on_with_the_page_that_engines_have(path):
    first = PassedPage(path)
    first.want("BTC-USD")
    first.sent([("BTC-USD", 100, b"")])
    ours = engine_at(path, "BTC-USD")
    second = PassedPage(path)
    assert ours.time_ns() == 100
    assert not ours.is_newest(100)
    second.want("BTC-USD")
    second.sent([("BTC-USD", 130, b"")])
    assert ours.time_ns() == 130
    assert ours.is_newest(130)


def test_more_markets_than_there_are_slots_are_sent_to_all_the_same(path):
    page = PassedPage(path)
    for number in range(TOPICS_MAX + 1):
        page.want(f"M{number}")
        page.sent([(f"M{number}", number + 1, b"")])
    assert engine_at(path, f"M{TOPICS_MAX - 1}").is_newest(TOPICS_MAX)
    last = engine_at(path, f"M{TOPICS_MAX}")
    assert last.time_ns() == TOPICS_MAX + 1
    assert not last.is_newest(TOPICS_MAX + 1)


def test_a_page_that_is_missing_or_is_none_says_nothing_and_one_that_comes_is_found(path):
    ours = engine_at(path, "BTC-USD")
    assert (ours.time_ns(), ours.is_newest(0)) == (0, False)
    path.write_bytes(b"x" * 10)
    ours.open()
    assert ours.time_ns() == 0
    page = PassedPage(path)
    page.want("BTC-USD")
    page.sent([("BTC-USD", 5, b"")])
    ours.open()
    assert ours.time_ns() == 5
    assert ours.is_newest(5)
    path.unlink()
    again = PassedPage(path)
    again.all_sent(9)
    assert ours.time_ns() == 5
    ours.open()
    assert ours.time_ns() == 9
    assert path.stat().st_size == PAGE_BYTES
    ours.close()
    assert ours.time_ns() == 0
