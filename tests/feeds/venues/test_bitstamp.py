from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.bitstamp import BitstampDecoder

EXCERPT = Path(__file__).parents[2] / "data" / "venues" / "bitstamp_usdt.jsonl.zst"
REST = "https://www.bitstamp.net/api/v2/order_book/btcusd/"
BIDS, ASKS = [["99", "1"]], [["101", "3"]]


class Decoding:
    """A decoder with what it reported."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.decoder = BitstampDecoder("BTC-USD", 110.0, lambda name, _detail: self.reports.append(name))

    def __call__(self, channel: str, event: str = "data", **data: Any) -> list[Row]:
        frame = {"event": event, "channel": f"{channel}_btcusd", "data": data}
        return list(self.decoder.decode(msgspec.json.encode(frame), 77))

    def changes(self, time_us: int, bids: Any = (), asks: Any = ()) -> list[Row]:
        return self("diff_order_book", microtimestamp=str(time_us), bids=bids, asks=asks)

    def fetched(self, time_us: int) -> list[Row]:
        body = {"timestamp": "1", "microtimestamp": str(time_us), "bids": BIDS, "asks": ASKS}
        return list(self.decoder.decode_reply(REST, msgspec.json.encode(body), 88))

    def trade(self, number: int, kind: int) -> list[Row]:
        numbers = {"price": 1.1, "amount": 1.1, "price_str": "100.5", "amount_str": "2.0"}
        return self("live_trades", "trade", id=number, microtimestamp="9", type=kind, **numbers)


def test_a_trade_of_type_0_was_bought_and_its_text_counts() -> None:
    decode = Decoding()
    assert decode.trade(5, 0) == [(9_000, 77, TRADE, 1, 100.5, 2.0, 0, 0, 0, 0, 0, 0)]
    assert decode.trade(9, 1)[0][3] == -1
    assert decode.trade(9, 1) == []
    assert decode.reports == ["trade_repeated"]


def test_changes_wait_for_the_book_from_rest_and_those_newer_than_it_join() -> None:
    decode = Decoding()
    assert decode.changes(10, [["99.9", "1"]]) == []
    assert decode.changes(30, [["99.5", "1"]]) == []
    quote, depth = decode.fetched(20)
    assert (quote[2], quote[6], depth[2]) == (QUOTE, 99.5, DEPTH)
    assert [row[2] for row in decode.changes(40, [["99.5", "0"]])] == [QUOTE, DEPTH]


def test_an_image_behind_the_newest_is_late_and_one_far_behind_begins_anew() -> None:
    decode = Decoding()

    def image(time_us: int, bid: str) -> list[Row]:
        return decode("order_book", microtimestamp=str(time_us), bids=[[bid, "1"]], asks=ASKS)

    assert [row[2] for row in image(100_000_000, "99")] == [QUOTE, DEPTH]
    assert image(99_900_000, "98") == []
    assert decode.reports == ["frame_late"]
    assert image(100_100_000, "97")[0][6] == 97.0
    assert image(1_000_000, "96")[0][6] == 96.0


def test_a_book_that_crosses_is_distrusted_until_the_next_from_rest() -> None:
    decode = Decoding()
    decode.fetched(20)
    assert decode.changes(30, [["101.5", "1"]]) == []
    assert decode.changes(40, [["101.5", "0"]]) == []
    assert [row[2] for row in decode.fetched(35)] == [QUOTE, DEPTH]
    assert decode.reports == ["book_crossed", "book_gap"]


def test_a_book_of_another_pair_is_not_taken() -> None:
    decode = Decoding()
    assert decode.decoder.decode_reply(REST.replace("btcusd", "ethusd"), b"{}", 5) == ()


def test_the_best_levels_come_whole_and_changes_count_no_more() -> None:
    decode = Decoding()
    assert [row[2] for row in decode("order_book", microtimestamp="50", bids=BIDS, asks=ASKS)] == [
        QUOTE,
        DEPTH,
    ]
    assert decode.changes(60, [["99.5", "1"]]) == []
    assert decode.fetched(70) == []


@pytest.mark.parametrize("market", ["USDT-USD", "USDT-EUR"])
def test_the_real_book_is_joined_to_a_snapshot_that_is_older_than_the_changes(market: str) -> None:
    events, faults = load_events_with_faults(EXCERPT, venue="bitstamp", market=market)
    assert faults.counts == {}
    assert np.bincount(events["kind"], minlength=4)[DEPTH] > 50


def test_what_is_refused_and_what_is_unknown_are_told() -> None:
    decode = Decoding()
    assert decode("", "bts:request_reconnect") == []
    with pytest.raises(FrameFault, match="Bad subscription") as refused:
        decode("", "bts:error", code=4, message="Bad subscription string.")
    assert refused.value.name == "subscription_refused"
    with pytest.raises(FrameFault, match="no channel known"):
        decode("candles")
