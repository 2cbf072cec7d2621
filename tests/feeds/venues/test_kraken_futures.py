from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.kraken_futures import KrakenFuturesDecoder

EXCERPT = Path(__file__).parents[2] / "data" / "venues" / "kraken_futures_ltc_xrp.jsonl.zst"
SENT_MS, MS = 1_626_994_927_748, 1_000_000


class Decoding:
    """A decoder with what it reported."""

    def __init__(self, market: str = "PF_XBTUSD") -> None:
        self.reports: list[str] = []
        self.market = market
        self.decoder = KrakenFuturesDecoder(market, 110.0, lambda name, _detail: self.reports.append(name))

    def __call__(self, feed: str, **more: Any) -> list[Row]:
        frame = {"feed": feed, "product_id": self.market, "timestamp": SENT_MS} | more
        return list(self.decoder.decode(msgspec.json.encode(frame), 77))

    def book(self, number: int) -> list[Row]:
        sides = {"bids": [{"price": 99.0, "qty": 198.0}], "asks": [{"price": 101.0, "qty": 303.0}]}
        return self("book_snapshot", seq=number, **sides)

    def level(self, number: int, side: str, price: float, size: float) -> list[Row]:
        return self("book", seq=number, side=side, price=price, qty=size)

    def trade(self, name: str, side: str, kind: str = "fill") -> list[Row]:
        return self("trade", uid=name, side=side, type=kind, seq=1, time=SENT_MS, qty=2.0, price=100.0)


def test_the_side_of_a_trade_is_the_takers_and_it_comes_once() -> None:
    decode = Decoding()
    assert decode.trade("a", "buy") == [(SENT_MS * MS, 77, TRADE, 1, 100.0, 2.0, 0, 0, 0, 0, 0, 0)]
    assert decode.trade("b", "sell")[0][3] == -1
    assert decode.trade("a", "buy") == []
    assert decode.trade("c", "buy", "block") == []
    assert decode.reports == ["trade_repeated"]


def test_each_level_follows_the_number_before_and_a_hole_waits_for_a_snapshot() -> None:
    decode = Decoding()
    assert [row[2] for row in decode.book(7)] == [QUOTE, DEPTH]
    assert decode.level(8, "buy", 99.5, 1.0)[0][6:8] == (99.5, 1.0)
    assert decode.level(10, "sell", 100.5, 1.0) == []
    assert decode.level(11, "sell", 100.5, 1.0) == []
    assert [row[2] for row in decode.book(3)] == [QUOTE, DEPTH]
    assert decode.reports == ["book_gap"]


@pytest.mark.parametrize("market", ["PI_XBTUSD", "FI_XBTUSD_260327"])
def test_inverse_products_count_contracts_of_a_dollar(market: str) -> None:
    decode = Decoding(market)
    assert decode.trade("a", "buy")[0][5] == 0.02
    assert decode.book(7)[0][6:10] == (99.0, 2.0, 101.0, 3.0)


def test_the_real_book_is_without_a_gap_and_past_trades_are_no_news() -> None:
    events, faults = load_events_with_faults(EXCERPT, venue="kraken_futures", market="PI_LTCUSD")
    assert faults.counts == {}
    assert np.bincount(events["kind"]).tolist() == [0, 1, 37, 450]
    (trade,) = events[events["kind"] == TRADE]
    assert (trade["aggressor_side"], trade["size"]) == (1, pytest.approx(320 / 119.44))


def test_what_is_refused_and_what_is_unknown_are_told() -> None:
    decode = Decoding()
    assert decode.decoder.decode(b'{"event":"info","version":1}', 5) == ()
    with pytest.raises(FrameFault, match="Invalid product") as refused:
        decode.decoder.decode(b'{"event":"error","message":"Invalid product id"}', 5)
    assert refused.value.name == "subscription_refused"
    with pytest.raises(FrameFault, match="no feed known"):
        decode("fills")


def test_a_product_that_is_suspended_is_told_and_no_other() -> None:
    decode = Decoding("PI_XBTUSD")
    for product, is_suspended, halt in (
        ("PI_ETHUSD", True, ""),
        ("PI_XBTUSD", True, "suspended"),
        ("PI_XBTUSD", False, ""),
    ):
        assert decode("ticker", product_id=product, suspended=is_suspended, bid=21978.5) == []
        assert decode.decoder.halt == halt
