from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.dydx import DROPS_MAX, DydxDecoder
from tests.feeds.venues.made.dydx import Dydx

FRAMES = (Path(__file__).parents[2] / "data" / "dydx" / "frames.jsonl").read_bytes().splitlines()
BIDS, ASKS = {9_900: 1_000, 9_800: 2_000}, {10_100: 3_000}
Levels = list[list[str]]


class Decoding:
    """A decoder with what it reported, and the connection that its frames come over."""

    def __init__(self, market: str = "BTC-USD", *, is_open: bool = True) -> None:
        self.reports: list[str] = []
        self.venue = Dydx("first")
        self.decoder = DydxDecoder(market, 1_000.0, lambda name, _detail: self.reports.append(name))
        if is_open:
            self(self.venue.image(BIDS, ASKS))

    def __call__(self, frame: bytes, time_ns: int = 77) -> list[Row]:
        return list(self.decoder.decode(frame, time_ns))

    def update(self, bids: Levels | None = None, asks: Levels | None = None, **more: Any) -> list[Row]:
        contents = {"bids": bids or [], "asks": asks or []}
        return self(self.venue.frame("channel_data", "v4_orderbook", contents, **more))

    def batch(self, *updates: dict[str, Levels]) -> list[Row]:
        return self(self.venue.frame("channel_batch_data", "v4_orderbook", updates))

    def trades(self, *trades: dict[str, Any], kind: str = "channel_data") -> list[Row]:
        return self(self.venue.frame(kind, "v4_trades", {"trades": trades}))

    @property
    def best(self) -> tuple[float, float, float, float] | None:
        return self.decoder.watch.book.top()


def test_an_image_gives_the_quote_and_the_depth_at_its_receive_time() -> None:
    decode = Decoding(is_open=False)
    assert decode(decode.venue.image(BIDS, ASKS)) == [
        (77, 77, QUOTE, 0, 0, 0, 99.0, 1.0, 101.0, 3.0, 0, 0),
        (77, 77, DEPTH, 0, 0, 0, 0, 0, 0, 0, 3.0, 3.0),
    ]


def test_a_batch_is_taken_in_order_and_as_one() -> None:
    decode = Decoding()
    rows = decode.batch({"bids": [["100", "5"]]}, {"asks": [["100.5", "2"]]}, {"bids": [["100", "0"]]})
    assert [row[2] for row in rows] == [QUOTE, DEPTH]
    assert decode.best == (99.0, 1.0, 100.5, 2.0)


def test_of_two_levels_that_cross_the_one_that_was_set_first_goes() -> None:
    decode = Decoding()
    decode.update(asks=[["100.5", "2"]])
    decode.update(bids=[["102", "4"]])
    assert decode.best is None  # every ask was older
    assert decode.decoder.watch.book.levels()[1] == []
    decode.update(asks=[["101.5", "7"]])
    assert decode.best == (99.0, 1.0, 101.5, 7.0)
    assert decode.reports == []


def test_within_a_batch_too_the_earlier_of_two_that_cross_goes() -> None:
    decode = Decoding()
    decode.batch({"bids": [["100.5", "5"]]}, {"asks": [["100.4", "2"]]})
    assert decode.best == (99.0, 1.0, 100.4, 2.0)


@pytest.mark.parametrize(
    ("bid", "ask", "left"),
    [
        ("5", "2", (100.5, 3.0, 101.0, 3.0)),
        ("2", "5", (99.0, 1.0, 100.5, 3.0)),
        ("2", "2", (99.0, 1.0, 101.0, 3.0)),
    ],
)
def test_of_two_set_at_once_the_larger_is_reduced_by_the_smaller(
    bid: str, ask: str, left: tuple[float, ...]
) -> None:
    decode = Decoding()
    decode.update([["100.5", bid]], [["100.5", ask]])
    assert decode.best == left


def test_a_level_set_again_is_as_young_as_that() -> None:
    decode = Decoding()
    decode.update(asks=[["100.5", "2"]])
    decode.update(bids=[["100.2", "4"]])
    decode.update(asks=[["100.5", "3"]])
    decode.update(bids=[["100.6", "1"]], asks=[["100.5", "3"]])
    assert decode.best == (100.2, 4.0, 100.5, 2.0)


def test_a_book_that_drops_too_much_is_told_once_a_minute() -> None:
    decode = Decoding()
    for number in range(3 * DROPS_MAX):
        decode.update(asks=[["100.5", "2"]])
        decode.update(bids=[["100.6", "2"]])
        decode.update(bids=[["100.6", "0"]])
        assert decode.reports == ["book_drifted"] * (number >= DROPS_MAX)


def test_an_image_while_running_replaces_the_book() -> None:
    decode = Decoding()
    decode.update(bids=[["100", "9"]])
    decode(decode.venue.image(BIDS, ASKS))
    assert decode.best == (99.0, 1.0, 101.0, 3.0)


def test_updates_of_a_new_connection_wait_for_its_image_and_those_of_the_old_one_are_no_more() -> None:
    decode = Decoding()
    old, decode.venue = decode.venue, Dydx("second")
    assert decode.update(bids=[["100", "9"]]) == []
    assert decode(decode.venue.image(BIDS, ASKS))
    late = old.frame("channel_data", "v4_orderbook", {"bids": [["100.5", "1"]]})
    assert decode(late) == []
    assert decode.best == (99.0, 1.0, 101.0, 3.0)
    assert decode.reports == ["book_gap"]


def test_a_market_whose_number_goes_on_under_another_name_was_renamed() -> None:
    decode = Decoding()
    ours = {"BTC-USD": {"status": "ACTIVE", "clobPairId": "0"}, "ETH-USD": {"clobPairId": "1"}}
    decode(decode.venue.frame("subscribed", "v4_markets", {"markets": ours}))
    for other, halt in (("1", ""), ("0", "renamed to NEW-USD")):
        told = {"trading": {"NEW-USD": {"status": "ACTIVE", "clobPairId": other}}}
        decode(decode.venue.frame("channel_data", "v4_markets", told))
        assert decode.decoder.halt == halt


def test_what_the_venue_halts_is_known_until_it_trades_again() -> None:
    decode = Decoding()
    states = {"BTC-USD": {"status": "ACTIVE"}, "ETH-USD": {"status": "PAUSED"}}
    decode(decode.venue.frame("subscribed", "v4_markets", {"markets": states}))
    assert decode.decoder.halt == ""
    for told, halt in (("CANCEL_ONLY", "cancel_only"), ("", "cancel_only"), ("ACTIVE", "")):
        changed = {"status": told} if told else {"openInterest": "1"}
        decode(decode.venue.frame("channel_data", "v4_markets", {"trading": {"BTC-USD": changed}}))
        assert decode.decoder.halt == halt
    decode(decode.venue.frame("channel_data", "v4_markets", {"oraclePrices": {"BTC-USD": {"marketId": 0}}}))
    assert decode.reports == []


def test_a_hole_in_the_message_ids_is_other_channels() -> None:
    decode = Decoding()
    decode.venue.frame("channel_data", "v4_markets", {})
    assert decode.update(bids=[["100", "9"]])
    assert decode.reports == []


def test_a_message_twice_is_dropped_and_one_out_of_order_costs_the_book_its_trust() -> None:
    decode = Decoding()
    decode.update(bids=[["100", "9"]], message_id=40)
    assert decode.update(bids=[["100", "8"]], message_id=40) == []
    assert decode.best == (100.0, 9.0, 101.0, 3.0)
    assert decode.update(bids=[["100", "7"]], message_id=39) == []
    assert decode.best is None
    assert decode.reports == ["frame_repeated", "frame_late", "book_gap"]


@pytest.mark.parametrize("level", [["100", None], ["100"], ["x", "1"], "100"])
def test_an_update_that_cannot_be_read_costs_the_book_its_trust(level: Any) -> None:
    decode = Decoding()
    with pytest.raises(ValueError, match=r"Expected|Unable|length"):
        decode.update(bids=[level])
    assert decode.decoder.watch.in_gap
    assert decode(decode.venue.image(BIDS, ASKS))
    assert not decode.decoder.watch.in_gap


@pytest.mark.parametrize("frame", [b"{", b"\xff", b'{"type":"else"}', b"[]"])
def test_what_is_no_frame_may_have_been_an_update(frame: bytes) -> None:
    decode = Decoding()
    with pytest.raises(ValueError):  # noqa: PT011 - whichever msgspec says
        decode(frame)
    assert decode.decoder.watch.in_gap


def test_a_book_no_longer_subscribed_to_is_not_shown() -> None:
    decode = Decoding()
    assert decode(decode.venue.frame("unsubscribed", "v4_orderbook")) == []
    assert decode.best is None


def test_the_side_of_a_trade_is_the_takers() -> None:
    decode = Decoding()
    bought = decode.venue.trade(1, side="BUY", price="100.5", size="2")
    sold = decode.venue.trade(2, side="SELL", price="100", size="1")
    first, second = decode.trades(bought, sold)
    assert first == (1_723_161_254_120_000_000, 77, TRADE, 1, 100.5, 2.0, 0, 0, 0, 0, 0, 0)
    assert second[3] == -1


def test_past_trades_are_no_news_and_a_repeat_is_dropped() -> None:
    decode = Decoding()
    one = decode.venue.trade(1, side="BUY", price="100.5", size="2")
    assert decode.trades(one, kind="subscribed") == []
    assert len(decode.trades(one)) == 1
    assert decode.trades(one) == []
    assert decode.reports == ["trade_repeated"]


def test_a_deleveraging_is_no_order_flow_and_a_liquidation_is() -> None:
    decode = Decoding()
    kinds = ("DELEVERAGED", "LIQUIDATED")
    made = [decode.venue.trade(n, side="BUY", price="9", size="1", type=kind) for n, kind in enumerate(kinds)]
    assert [len(decode.trades(one)) for one in made] == [0, 1]


def test_an_error_is_told_with_what_the_venue_says() -> None:
    said = "Internal error, could not fetch data for subscription: v4_orderbook."
    decode = Decoding()
    with pytest.raises(FrameFault, match="Internal error") as caught:
        decode(decode.venue.frame("error", message=said))
    assert caught.value.name == "venue_error"
    assert decode(decode.venue.frame("error", message=said, channel="v4_orderbook", id="ETH-USD")) == []


def test_an_unknown_channel_is_named() -> None:
    decode = Decoding()
    with pytest.raises(FrameFault, match="'v5_else'"):
        decode(decode.venue.frame("channel_data", "v5_else", {}))


@pytest.mark.parametrize(
    ("market", "kinds"),
    [("AVAX-USD", [TRADE]), ("BTC-USD", [TRADE, TRADE]), ("GRT-USD", [QUOTE, DEPTH]), ("EGLD-USD", [])],
)
def test_frames_of_the_main_net_are_read_each_by_its_market(market: str, kinds: list[int]) -> None:
    decode = Decoding(market, is_open=False)
    assert [row[2] for frame in FRAMES for row in decode(frame)] == kinds
    assert decode.decoder.matched
