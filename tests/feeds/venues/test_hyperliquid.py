from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.hyperliquid import HyperliquidDecoder
from tests.feeds.venues.made.base import Ticks
from tests.feeds.venues.made.hyperliquid import HASH, frame, levels

DATA = Path(__file__).parents[2] / "data" / "hyperliquid"
FRAMES = (DATA / "frames.jsonl").read_bytes().splitlines()
BIDS, ASKS = {9_900: 1_000, 9_800: 2_000}, {10_100: 3_000}
MS = 1_000_000


class Decoding:
    """A decoder with what it reported."""

    def __init__(self, market: str = "BTC-USD") -> None:
        self.reports: list[str] = []
        self.decoder = HyperliquidDecoder(market, 1_000.0, lambda name, _detail: self.reports.append(name))

    def __call__(self, channel: str, data: Any) -> list[Row]:
        return list(self.decoder.decode(frame(channel, data), 77))

    def book(self, time_ms: int, bids: Ticks = BIDS, asks: Ticks = ASKS, **more: Any) -> list[Row]:
        return self("l2Book", {"coin": "BTC", "time": time_ms, "levels": [levels(bids), levels(asks)]} | more)

    def best(self, time_ms: int, bid: int | None = 9_900, ask: int | None = 10_100) -> list[Row]:
        sides = [levels({tick: 1_000})[0] if tick else None for tick in (bid, ask)]
        return self("bbo", {"coin": "BTC", "time": time_ms, "bbo": sides})

    def trades(self, *trades: tuple[int, int], side: str = "B") -> list[Row]:
        """Trades by the time of their block and `tid`."""
        shared = {"coin": "BTC", "side": side, "px": "100.5", "sz": "2", "hash": HASH}
        return self("trades", [shared | {"time": time_ms, "tid": tid} for time_ms, tid in trades])

    def subscribe(self, kind: str = "trades", coin: str = "BTC") -> None:
        self("subscriptionResponse", {"method": "subscribe", "subscription": {"type": kind, "coin": coin}})


def quotes(rows: list[Row]) -> list[tuple[float, float]]:
    return [(row[6], row[8]) for row in rows if row[2] == QUOTE]


def test_every_book_is_the_whole_of_it_at_the_time_of_its_block() -> None:
    decode = Decoding()
    assert decode.book(5) == [
        (5 * MS, 77, QUOTE, 0, 0, 0, 99.0, 1.0, 101.0, 3.0, 0, 0),
        (5 * MS, 77, DEPTH, 0, 0, 0, 0, 0, 0, 0, 3.0, 3.0),
    ]
    assert quotes(decode.book(6, {9_700: 10}, {9_750: 10})) == [(97.0, 97.5)]


def test_a_book_of_an_earlier_block_is_late_and_dropped() -> None:
    decode = Decoding()
    decode.book(6)
    assert decode.book(5, {9_700: 10}) == []
    assert decode.decoder.watch.book.top() == (99.0, 1.0, 101.0, 3.0)
    assert decode.reports == ["frame_late"]


@pytest.mark.parametrize(("count", "more"), [(20, {}), (5, {"fast": True})], ids=["usual", "fast"])
def test_depth_is_known_as_far_as_the_levels_reach(count: int, more: dict[str, bool]) -> None:
    decode = Decoding()
    bids, asks = ({10_000 + sign * at: 9 for at in range(1, count + 1)} for sign in (-1, 1))
    assert [row[2] for row in decode.book(5, bids, asks, **more)] == [QUOTE]
    assert decode.reports == ["book_shallow"]
    del bids[10_000 - count], asks[10_000 + count]
    assert [row[2] for row in decode.book(6, bids, asks, **more)] == [DEPTH]


@pytest.mark.parametrize(("bids", "asks"), [({}, {}), (BIDS, {}), ({}, ASKS)])
def test_a_book_with_an_empty_side_shows_nothing_and_heals(bids: Ticks, asks: Ticks) -> None:
    decode = Decoding()
    assert decode.book(5, bids, asks) == []
    assert [row[2] for row in decode.book(6)] == [QUOTE, DEPTH]
    assert decode.reports == []


def test_the_quote_is_that_of_the_later_block() -> None:
    decode = Decoding()
    assert quotes(decode.best(10, 9_950)) == [(99.5, 101.0)]
    assert quotes(decode.book(9)) == []
    assert quotes(decode.best(8, 9_940)) == []
    assert quotes(decode.book(11)) == [(99.0, 101.0)]
    assert quotes(decode.book(12)) == []


@pytest.mark.parametrize(("bid", "ask"), [(None, 10_100), (9_900, None)])
def test_one_side_alone_is_no_quote_and_the_next_whole_one_is(bid: int | None, ask: int | None) -> None:
    decode = Decoding()
    assert decode.best(5)
    assert decode.best(6, bid, ask) == []
    assert quotes(decode.best(7)) == [(99.0, 101.0)]


def test_the_first_trades_of_a_subscription_are_past_ones() -> None:
    decode = Decoding()
    decode.subscribe()
    assert decode.trades((1, 1), (2, 2)) == []
    assert len(decode.trades((3, 3))) == 1
    decode.subscribe(kind="bbo")
    decode.subscribe(coin="ETH")
    assert len(decode.trades((4, 4))) == 1
    decode.subscribe()
    assert decode.trades((3, 3), (4, 4), (5, 5)) == []
    assert len(decode.trades((6, 6))) == 1
    assert decode.reports == []


def test_trades_of_an_earlier_block_are_past_ones() -> None:
    decode = Decoding()
    decode.trades((5, 1))
    assert decode.trades((4, 2)) == []
    assert len(decode.trades((5, 3), (6, 4), (6, 5))) == 3


def test_a_trade_is_known_by_its_block_and_number_and_comes_once() -> None:
    decode = Decoding()
    decode.trades((5, 1))
    assert len(decode.trades((6, 7), (7, 7))) == 2
    assert decode.trades((7, 7)) == []
    assert decode.reports == ["trade_repeated"]


def test_the_side_of_a_trade_is_the_aggressors() -> None:
    decode = Decoding()
    decode.trades((5, 1))
    assert decode.trades((6, 2)) == [(6 * MS, 77, TRADE, 1, 100.5, 2.0, 0, 0, 0, 0, 0, 0)]
    assert decode.trades((7, 3), side="A")[0][3] == -1


def test_a_wild_time_costs_its_own_frame_alone() -> None:
    decode, now_ms = Decoding(), 1_730_160_000_000
    for time_ms in (now_ms, 10**16, now_ms + 1):
        assert decode.best(time_ms, 9_900 + time_ms % 2)
        assert decode.book(time_ms + 1, {9_800 + time_ms % 2: 1})
        decode.trades((time_ms, time_ms))
    assert len(decode.trades((now_ms + 2, 1))) == 1
    assert decode.best(now_ms + 3, None) == []
    assert decode.reports == []


@pytest.mark.parametrize(
    ("market", "coin"),
    [("BTC-USD", "BTC"), ("btc-usdc", "BTC"), ("BTC", "BTC"), ("kPEPE-USD", "kPEPE"), ("@107", "@107")],
)
def test_a_market_is_the_coin_that_it_is_named_after(market: str, coin: str) -> None:
    decode = Decoding(market)
    decode("bbo", {"coin": coin, "time": 1, "bbo": levels({9_900: 1, 10_000: 1})})
    assert (decode.decoder.matched, decode.decoder.others) == (1, {})


def test_an_error_is_told_with_what_the_venue_says() -> None:
    with pytest.raises(FrameFault, match="Already subscribed") as caught:
        Decoding()("error", "Already subscribed: {}")
    assert caught.value.name == "venue_error"


def test_an_unknown_channel_is_named() -> None:
    with pytest.raises(FrameFault, match="'l4Book'"):
        Decoding()("l4Book", {})


@pytest.mark.parametrize("sent", [b"Websocket connection established.", b'{"channel":"pong","data":null}'])
def test_a_greeting_or_a_pong_says_nothing(sent: bytes) -> None:
    assert HyperliquidDecoder("BTC", 10.0, lambda _name, _detail: None).decode(sent, 77) == ()


@pytest.mark.parametrize(
    ("coin", "kinds"),
    [("SHIA", []), ("BANANA", [QUOTE, DEPTH]), ("@162", [QUOTE]), ("FXS", [TRADE]), ("BTC", [TRADE])],
)
def test_frames_of_the_venue_are_read_each_by_its_coin(coin: str, kinds: list[int]) -> None:
    """Books with no level, a `bbo` of one side, and trades of one block: the first message is past."""
    decode = Decoding(coin)
    assert [row[2] for one in FRAMES for row in decode.decoder.decode(one, 77)] == kinds
    assert decode.decoder.matched


def test_a_capture_gives_no_past_trade_and_no_depth_that_it_does_not_reach() -> None:
    events, faults = load_events_with_faults(DATA / "btc_first30.gz", venue="hyperliquid", market="BTC-USD")
    trades = events[events["kind"] == TRADE]
    assert trades["aggressor_side"].tolist() == [1, 1, -1]
    assert (trades["time_received_ns"] - trades["time_event_ns"]).max() < 10**9
    assert (events["kind"] == QUOTE).sum() > 5
    assert not (events["kind"] == DEPTH).any()
    assert faults.counts == {"book_shallow": 1}


def test_a_book_that_is_left_stands_still_and_is_not_trusted_until_it_comes_again() -> None:
    decode = Decoding()
    decode("l2Book", {"coin": "BTC", "time": 5, "levels": [levels(BIDS), levels(ASKS)]})
    for kind, coin, status in (
        ("trades", "BTC", "synced"),
        ("l2Book", "ETH", "synced"),
        ("l2Book", "BTC", "gap"),
    ):
        asked = {"type": kind, "coin": coin}
        assert decode("subscriptionResponse", {"method": "unsubscribe", "subscription": asked}) == []
        assert decode.decoder.watch.book.status == status
