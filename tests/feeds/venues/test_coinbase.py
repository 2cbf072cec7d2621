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
from signalnode.feeds.venues.coinbase import CoinbaseDecoder

SENT = "2026-08-09T21:05:48.228568804Z"
SENT_NS = 1_786_309_548_228_569_000  # to the microsecond
Update = tuple[str, float, float]
BOOK: list[Update] = [("bid", 99.0, 1.0), ("bid", 98.0, 2.0), ("offer", 101.0, 3.0)]


class Decoding:
    """A decoder with what it reported; messages number themselves unless told otherwise."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.sequence = -1
        self.decoder = CoinbaseDecoder("BTC-USD", 1_000.0, lambda name, _detail: self.reports.append(name))

    def __call__(self, channel: str, *events: dict[str, Any], sequence: int | None = None) -> list[Row]:
        self.sequence = self.sequence + 1 if sequence is None else sequence
        return list(self.decoder.decode(msgspec.json.encode(frame(self.sequence, channel, *events)), 77))


def frame(sequence: int, channel: str, *events: dict[str, Any]) -> dict[str, Any]:
    return {"channel": channel, "timestamp": SENT, "sequence_num": sequence, "events": events}


def book(kind: str, *updates: Update, product: str = "BTC-USD") -> dict[str, Any]:
    levels = [
        {"side": side, "price_level": str(price), "new_quantity": str(size)} for side, price, size in updates
    ]
    return {"type": kind, "product_id": product, "updates": levels}


def trades(kind: str, *numbers: int, side: str = "SELL", product: str = "BTC-USD") -> dict[str, Any]:
    """Trades as Coinbase lists them: newest first."""
    listed = [
        {
            "product_id": product,
            "trade_id": str(number),
            "price": "100.5",
            "size": "2",
            "time": SENT,
            "side": side,
        }
        for number in numbers
    ]
    return {"type": kind, "trades": listed}


def test_the_side_of_a_trade_is_the_makers_so_the_other_side_took() -> None:
    decode = Decoding()
    (row,) = decode("market_trades", trades("update", 5, side="SELL"))
    assert row == (SENT_NS, 77, TRADE, 1, 100.5, 2.0, 0, 0, 0, 0, 0, 0)
    assert decode("market_trades", trades("update", 6, side="BUY"))[0][3] == -1


def test_trades_listed_newest_first_come_out_oldest_first_and_once() -> None:
    decode = Decoding()
    assert len(decode("market_trades", trades("update", 7, 6, 5))) == 3
    assert len(decode("market_trades", trades("update", 8, 7))) == 1
    assert decode.reports == ["trade_repeated"]


def test_past_trades_that_open_the_channel_are_no_news() -> None:
    decode = Decoding()
    assert decode("market_trades", trades("snapshot", 9, 8, 7)) == []
    assert len(decode("market_trades", trades("update", 10, 9))) == 1


def test_a_list_of_past_trades_that_lags_has_none_told_twice() -> None:
    decode = Decoding()
    assert len(decode("market_trades", trades("update", 7, 6, 5))) == 3
    assert decode("market_trades", trades("snapshot", 5, 4), sequence=0) == []  # another connection's
    assert [row[2] for row in decode("market_trades", trades("update", 8, 7, 6))] == [TRADE]
    assert decode.reports == ["trade_repeated", "trade_repeated"]


def test_a_book_message_gives_the_quote_where_it_changed_and_the_depth() -> None:
    decode = Decoding()
    quote, depth = decode("l2_data", book("snapshot", *BOOK))
    assert quote == (SENT_NS, 77, QUOTE, 0, 0, 0, 99.0, 1.0, 101.0, 3.0, 0, 0)
    assert depth == (SENT_NS, 77, DEPTH, 0, 0, 0, 0, 0, 0, 0, 3.0, 3.0)
    assert [row[2] for row in decode("l2_data", book("update", ("bid", 98.0, 5.0)))] == [DEPTH]
    assert [row[2] for row in decode("l2_data", book("update", ("bid", 99.0, 0.0)))] == [QUOTE, DEPTH]


def test_a_hole_in_the_sequence_silences_the_book_until_its_next_snapshot() -> None:
    decode = Decoding()
    decode("l2_data", book("snapshot", *BOOK))
    assert decode("l2_data", book("update", ("bid", 99.5, 1.0)), sequence=2) == []
    assert decode("heartbeats") == []
    assert decode("l2_data", book("update", ("bid", 99.6, 1.0))) == []
    assert decode("l2_data", book("snapshot", *BOOK))[0][6] == 99.0
    assert decode.reports == ["sequence_gap", "book_gap"]


def test_a_new_connection_numbers_anew_and_brings_its_own_snapshot() -> None:
    decode = Decoding()
    decode("l2_data", book("snapshot", *BOOK))
    decode("heartbeats")
    assert decode("l2_data", book("update", ("bid", 99.5, 1.0)), sequence=0) == []
    assert decode("l2_data", book("snapshot", *BOOK))
    assert "sequence_gap" not in decode.reports


def test_other_products_are_left_out_of_one_message_with_ours() -> None:
    decode = Decoding()
    rows = decode("market_trades", trades("update", 5), trades("update", 3, product="ETH-USD"))
    assert len(rows) == 1
    assert decode.decoder.others == {"ETH-USD": 1}


def test_an_unknown_channel_is_named() -> None:
    with pytest.raises(FrameFault, match="'l3'"):
        Decoding()("l3")


def test_a_capture_in_json_lines_is_read_with_its_times_in_microseconds(tmp_path: Path) -> None:
    first, second = (
        frame(0, "l2_data", book("snapshot", *BOOK)),
        frame(1, "market_trades", trades("update", 1)),
    )
    lines: list[dict[str, Any]] = [
        {"t": "header", "format": 2, "exchange": "COINBASE"},
        {"t": "http", "conn": "1", "ts": 1786309548.0, "url": "https://…", "data": "{}"},
        {"t": "connect", "conn": "2", "ts": 1786309548.0, "addr": "wss://…"},
        {"t": "send", "conn": "2", "ts": 1786309548.1, "data": "{}"},
        {
            "t": "recv",
            "conn": "2",
            "ts": 1786309548.6290078,
            "data": json.dumps(first),
        },
        {"t": "recv", "conn": "2", "ts": 1786309548.7, "data": "{"},
        {
            "t": "recv",
            "conn": "2",
            "ts": 1786309549.0,
            "data": json.dumps(second),
        },
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    events, faults = load_events_with_faults(path, venue="coinbase", market="BTC-USD")
    assert events["kind"].tolist() == [QUOTE, DEPTH, TRADE]
    assert events["time_received_ns"].tolist() == [1786309548629008000] * 2 + [1786309549000000000]
    assert faults.counts == {"line_corrupt": 1}
    assert f"{path}:6" in faults.examples["line_corrupt"][0]


@pytest.mark.parametrize("sent", ["2026-08-09T21:05:48", "9999-12-31T23:59:59Z"])
def test_a_time_stamp_that_cannot_be_told_costs_its_line_alone(tmp_path: Path, sent: str) -> None:
    good = frame(0, "l2_data", book("snapshot", *BOOK))
    bad = frame(1, "market_trades", trades("update", 1)) | {"timestamp": sent}
    bad["events"][0]["trades"][0]["time"] = sent
    path = tmp_path / "a.txt"
    lines = [b"%d %s\n" % (SENT_NS + step, json.dumps(one).encode()) for step, one in enumerate((good, bad))]
    path.write_bytes(b"".join(lines))
    events, faults = load_events_with_faults([path], venue="coinbase", market="BTC-USD")
    assert faults.counts in ({"frame_malformed": 1}, {"event_time_absurd": 1})
    assert events["kind"].tolist()[:2] == [QUOTE, DEPTH]


def test_a_capture_of_another_product_is_refused_unless_it_is_named(tmp_path: Path) -> None:
    sent = frame(0, "market_trades", trades("update", 1, product="ETH-USD"))
    path = tmp_path / "a.txt"
    path.write_text(f"{SENT_NS} {json.dumps(sent)}\n")
    with pytest.raises(DataError, match="no event of WRONG-USD in it; it holds ETH-USD"):
        load_events_with_faults(path, venue="coinbase", market="WRONG-USD")
    events, _ = load_events_with_faults(path, venue="coinbase", market="WRONG-USD", symbol="ETH-USD")
    assert len(events) == 1


def test_an_update_of_ours_that_cannot_be_read_costs_the_book() -> None:
    decode = Decoding()
    decode("l2_data", book("snapshot", *BOOK))
    with pytest.raises(msgspec.ValidationError):
        decode("l2_data", book("update", ("bid", "x", 1.0)))  # type: ignore[arg-type] # no number
    assert decode.decoder.watch.book.status != "synced"


def test_levels_of_another_product_are_not_even_read() -> None:
    decode = Decoding()
    decode("l2_data", book("snapshot", *BOOK))
    decode("l2_data", book("update", ("bid", "x", 1.0), product="ETH-USD"))  # type: ignore[arg-type] # no number
    assert decode.decoder.watch.book.status == "synced"
    assert decode.reports == []
