from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from signalnode.errors import DataError
from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.venues.base import FrameFault, Row
from signalnode.feeds.venues.bybit import BybitDecoder

MS = 1_000_000
SENT_MS = 1_786_310_818_130
SPOT, LINEAR = (f"wss://stream.bybit.com/v5/public/{category}" for category in ("spot", "linear"))
BIDS, ASKS = (("99.0", "1"), ("98.0", "2")), (("101.0", "3"), ("102.0", "4"))


class Decoding:
    """A decoder with what it reported."""

    def __init__(self, market: str = "BTC-USDT", depth_bps: float = 110.0) -> None:
        self.reports: list[str] = []
        self.decoder = BybitDecoder(market, depth_bps, lambda name, _detail: self.reports.append(name))

    def __call__(self, frame: object, at_s: float = 0.0) -> list[Row]:
        return list(self.decoder.decode(msgspec.json.encode(frame), 77 + int(at_s * 1e9)))

    def kinds(self, frame: object) -> list[int]:
        return [row[2] for row in self(frame)]


def book(
    kind: str, update: int, bids: Any = (), asks: Any = (), *, levels: int = 200, symbol: str = "BTCUSDT"
) -> dict[str, Any]:
    data = {"s": symbol, "b": bids, "a": asks, "u": update, "seq": 5}
    topic = f"orderbook.{levels}.{symbol}"
    return {"topic": topic, "type": kind, "ts": SENT_MS, "data": data, "cts": SENT_MS - 3}


def trade(name: str, side: str = "Buy", *, symbol: str = "BTCUSDT", **more: Any) -> dict[str, Any]:
    one = {"T": SENT_MS, "s": symbol, "S": side, "v": "0.5", "p": "100.5", "i": name, "BT": False} | more
    return {"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": SENT_MS, "data": [one]}


def test_the_side_of_a_trade_is_the_takers() -> None:
    decode = Decoding()
    assert decode(trade("a")) == [(SENT_MS * MS, 77, TRADE, 1, 100.5, 0.5, 0, 0, 0, 0, 0, 0)]
    assert decode(trade("b", "Sell"))[0][3] == -1


def test_a_trade_comes_once_and_a_block_trade_not_at_all() -> None:
    decode = Decoding()
    assert [len(decode(trade(name))) for name in ("a", "b", "a")] == [1, 1, 0]
    assert decode(trade("c", BT=True)) == []
    assert decode.reports == ["trade_repeated"]


def test_the_book_has_the_time_of_the_matching_engine() -> None:
    quote, depth = Decoding()(book("snapshot", 7, BIDS, ASKS))
    assert quote == ((SENT_MS - 3) * MS, 77, QUOTE, 0, 0, 0, 99.0, 1.0, 101.0, 3.0, 0, 0)
    assert depth == ((SENT_MS - 3) * MS, 77, DEPTH, 0, 0, 0, 0, 0, 0, 0, 1.0, 3.0)


def test_a_hole_in_the_updates_silences_the_book_until_its_next_snapshot() -> None:
    decode = Decoding()
    decode(book("snapshot", 7, BIDS, ASKS))
    assert decode.kinds(book("delta", 8, [("98.0", "5")])) == [DEPTH]
    assert decode.kinds(book("delta", 10)) == []
    assert decode.kinds(book("delta", 11)) == []
    assert decode.decoder.watch.in_gap
    assert decode.kinds(book("snapshot", 30, BIDS, ASKS)) == [QUOTE, DEPTH]
    assert decode.reports == ["book_gap"]


def test_a_restart_of_theirs_begins_anew_at_one_and_replaces_the_book() -> None:
    decode = Decoding()
    decode(book("snapshot", 700, BIDS, ASKS))
    ((*_, bid, _size, ask, _ask_size, _bids, _asks), depth) = decode(
        book("snapshot", 1, [("99.5", "1")], ASKS)
    )
    assert (bid, ask, depth[2]) == (99.5, 101.0, DEPTH)
    assert decode.kinds(book("delta", 2, [], [("101.0", "0")])) == [QUOTE, DEPTH]
    assert decode.reports == []


def test_updates_that_fall_back_without_a_snapshot_are_a_gap() -> None:
    decode = Decoding()
    decode(book("snapshot", 700, BIDS, ASKS))
    assert decode(book("delta", 2, [("99.5", "1")])) == []
    assert decode.reports == ["book_gap"]


def test_depth_is_known_no_further_than_the_levels_that_the_venue_keeps() -> None:
    many = [(f"{99 - at / 1000:.3f}", "1") for at in range(50)]
    decode = Decoding(depth_bps=500.0)
    assert decode.kinds(book("snapshot", 7, many, ASKS, levels=50)) == [QUOTE]
    assert decode.reports == ["book_shallow"]
    assert decode.kinds(book("delta", 8, [("98.951", "0")], levels=50)) == [DEPTH]


def test_of_two_books_the_deeper_one_counts() -> None:
    decode = Decoding()
    decode(book("snapshot", 7, BIDS, ASKS, levels=50))
    decode(book("snapshot", 900, [("99.4", "1")], ASKS))
    assert decode(book("delta", 8, [("99.9", "1")], levels=50)) == []
    assert decode.kinds(book("delta", 901, [("99.5", "1")])) == [QUOTE, DEPTH]
    assert decode.reports == []


def test_quotes_come_of_the_touch_where_it_is_sent_and_once() -> None:
    decode = Decoding()
    assert decode.kinds(book("snapshot", 50, BIDS[:1], ASKS[:1], levels=1)) == [QUOTE]
    assert decode(book("snapshot", 50, BIDS[:1], ASKS[:1], levels=1)) == []
    assert decode.kinds(book("snapshot", 7, BIDS, ASKS)) == [DEPTH]
    assert decode.kinds(book("delta", 51, [("99.0", "0"), ("99.2", "1")], levels=1)) == [QUOTE]


@pytest.mark.parametrize("symbol", ["BTCUSD", "BTCUSDH26"])
def test_sizes_of_inverse_contracts_are_usd(symbol: str) -> None:
    decode = Decoding(symbol)
    assert decode(trade("a", symbol=symbol, v="201", p="100.5"))[0][5] == 2.0
    quote = decode(book("snapshot", 7, [("50", "150")], [("51", "102")], symbol=symbol))[0]
    assert quote[6:10] == (50.0, 3.0, 51.0, 2.0)


@pytest.mark.parametrize(
    ("market", "symbol", "price", "faults"),
    [
        ("BTC-USDT", "", 1.0, {"category_differs": 1}),
        ("BTC-USDT", "linear:BTCUSDT", 1.0, {}),
        ("BTC-USDT", "spot:BTCUSDT", 2.0, {}),
    ],
)
def test_spot_and_linear_of_one_symbol_are_told_apart_by_their_address(
    tmp_path: Path, market: str, symbol: str, price: float, faults: dict[str, int]
) -> None:
    path = two_categories(tmp_path / "a.jsonl")
    events, told = load_events_with_faults(path, venue="bybit", market=market, symbol=symbol)
    assert events["price"].tolist() == [price]
    assert told.counts == faults


def test_a_capture_of_other_symbols_names_them_with_their_category(tmp_path: Path) -> None:
    path = two_categories(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="it holds linear:BTCUSDT, spot:BTCUSDT: name the market so"):
        load_events_with_faults(path, venue="bybit", market="ETH-USDT")


def two_categories(path: Path) -> Path:
    lines: list[dict[str, Any]] = [
        {"t": "connect", "conn": "a", "ts": 1786310818.0, "addr": LINEAR},
        {"t": "recv", "conn": "a", "ts": 1786310818.1, "data": json.dumps(trade("a", p="1"))},
        {"t": "connect", "conn": "b", "ts": 1786310818.0, "addr": SPOT},
        {"t": "recv", "conn": "b", "ts": 1786310818.2, "data": json.dumps(trade("9", p="2"))},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_subscription_that_is_refused_is_told_and_other_answers_are_none() -> None:
    decode = Decoding()
    assert decode({"success": True, "ret_msg": "pong", "op": "ping", "conn_id": "x"}) == []
    assert decode({"op": "pong", "req_id": "1"}) == []
    assert decode({"topic": "tickers.BTCUSDT", "type": "delta", "data": {}, "ts": 1}) == []
    with pytest.raises(FrameFault, match="Invalid topic") as refused:
        decode({"success": False, "ret_msg": "Invalid topic: x", "op": "subscribe"})
    assert refused.value.name == "subscription_refused"


@pytest.mark.parametrize("topic", ["orderbook.rpi.BTCUSDT", "orderbook.7.BTCUSDT", "candles.BTCUSDT", ""])
def test_an_unknown_topic_is_named(topic: str) -> None:
    with pytest.raises(FrameFault, match="no topic known"):
        Decoding()({"topic": topic, "type": "delta", "data": {}, "ts": 1})


def test_quotes_are_of_the_book_again_once_the_best_of_it_is_silent() -> None:
    decode = Decoding()
    decode(book("snapshot", 1, BIDS, ASKS))
    assert [row[2] for row in decode(book("snapshot", 50, BIDS[:1], ASKS[:1], levels=1))] == [QUOTE]
    better = [("99.5", "1")]
    assert [row[2] for row in decode(book("delta", 2, better), 5.0)] == [DEPTH]
    assert [row[2] for row in decode(book("delta", 3, [("97.0", "1")]), 7.0)] == [QUOTE, DEPTH]
    assert decode.decoder.watch.book.top() == (99.5, 1.0, 101.0, 3.0)
    assert [row[2] for row in decode(book("snapshot", 60, better, ASKS[:1], levels=1), 8.0)] == [QUOTE]
    assert [row[2] for row in decode(book("delta", 4, [("99.6", "1")]), 8.1)] == [DEPTH]
