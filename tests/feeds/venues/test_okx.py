from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.errors import DataError
from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.lines import read_lines
from signalnode.feeds.venues.base import FrameFault, Row, TradeNumbers
from signalnode.feeds.venues.okx import OkxDecoder

EXCERPT = Path(__file__).parents[2] / "data" / "venues" / "okx_uni_usd_swap.jsonl.zst"
SENT_MS, MS = 1_652_459_225_464, 1_000_000
BIDS = [["99.0", "1.50", "0", "1"], ["98.0", "2", "0", "1"]]
ASKS = [["101.0", "3", "0", "1"]]
SWAPS = "https://www.okx.com/api/v5/public/instruments?instType=SWAP"


class Decoding:
    """A decoder with what it reported."""

    def __init__(self, market: str = "BTC-USDT") -> None:
        self.reports: list[str] = []
        self.decoder = OkxDecoder(market, 110.0, lambda name, _detail: self.reports.append(name))

    def __call__(self, frame: object, at_s: float = 0.0) -> list[Row]:
        return list(self.decoder.decode(msgspec.json.encode(frame), 77 + int(at_s * 1e9)))

    def kinds(self, frame: object) -> list[int]:
        return [row[2] for row in self(frame)]


def frame(channel: str, data: dict[str, Any], symbol: str = "BTC-USDT", **more: Any) -> dict[str, Any]:
    return {"arg": {"channel": channel, "instId": symbol}, **more, "data": [{"ts": str(SENT_MS)} | data]}


def book(
    action: str, previous: int, update: int, bids: Any = (), asks: Any = (), *, channel: str = "books"
) -> dict[str, Any]:
    data = {"bids": bids, "asks": asks, "checksum": 0, "prevSeqId": previous, "seqId": update}
    return frame(channel, data, action=action)


def trade(number: int, side: str = "buy", *, channel: str = "trades", **more: Any) -> dict[str, Any]:
    return frame(channel, {"tradeId": str(number), "px": "100.5", "sz": "2", "side": side} | more)


def accepted(channel: str) -> dict[str, Any]:
    return {"event": "subscribe", "arg": {"channel": channel, "instId": "BTC-USDT"}, "connId": "x"}


def test_the_side_of_a_trade_is_the_takers() -> None:
    decode = Decoding()
    assert decode(trade(5)) == [(SENT_MS * MS, 77, TRADE, 1, 100.5, 2.0, 0, 0, 0, 0, 0, 0)]
    assert decode(trade(6, "sell"))[0][3] == -1


def test_the_trade_that_is_pushed_on_subscribing_is_no_news() -> None:
    decode = Decoding()
    assert [decode(accepted("trades")), decode(trade(5))] == [[], []]
    assert len(decode(trade(6))) == 1
    assert decode.reports == []


def test_trades_that_were_merged_are_missed_by_nobody() -> None:
    decode = Decoding()
    assert [len(decode(trade(number, count=count))) for number, count in ((5, "1"), (8, "3"), (10, "1"))] == [
        1
    ] * 3
    assert decode.reports == ["trade_gap"]


def test_where_single_trades_come_merged_ones_do_not_count() -> None:
    decode = Decoding()
    assert len(decode(trade(5, channel="trades-all"))) == 1
    assert decode(trade(5)) == []
    assert decode.reports == []


def test_an_update_names_the_one_before_and_numbers_may_jump_stay_and_fall() -> None:
    decode = Decoding()
    assert decode.kinds(book("snapshot", -1, 100, BIDS, ASKS)) == [QUOTE, DEPTH]
    for previous, update in ((100, 193), (193, 193), (193, 7), (7, 9)):
        assert decode.kinds(book("update", previous, update)) == [DEPTH]
    assert decode(book("update", 11, 12)) == []
    assert decode.reports == ["book_gap"]
    assert decode.kinds(book("snapshot", -1, 500, BIDS, ASKS)) == [QUOTE, DEPTH]


def test_quotes_are_those_of_their_own_channel_where_it_comes() -> None:
    decode = Decoding()
    (row,) = decode(frame("bbo-tbt", {"bids": BIDS[:1], "asks": ASKS}))
    assert row == (SENT_MS * MS, 77, QUOTE, 0, 0, 0, 99.0, 1.5, 101.0, 3.0, 0, 0)
    assert decode(frame("bbo-tbt", {"bids": [], "asks": ASKS})) == []
    assert decode.kinds(book("snapshot", -1, 100, BIDS, ASKS)) == [DEPTH]


def test_five_levels_come_anew_each_time_and_are_known_no_further() -> None:
    five = [[f"{98.999 - at / 1000:.3f}", "1", "0", "1"] for at in range(5)]
    decode = Decoding()
    image = frame("books5", {"bids": five, "asks": ASKS})
    assert [decode.kinds(image), decode.kinds(image)] == [[QUOTE], []]
    assert decode.reports == ["book_shallow"]


def checked(action: str, best: str, bids: Any, asks: Any) -> dict[str, Any]:
    """A message of before there were numbers; `best` is the text that its checksum is of."""
    checksum = zlib.crc32(best.encode())
    signed = checksum - 2**32 if checksum >= 2**31 else checksum
    return frame("books", {"bids": bids, "asks": asks, "checksum": signed}, action=action)


def test_a_book_that_is_not_the_venues_is_distrusted_until_its_next_snapshot() -> None:
    decode = Decoding()
    whole = checked("snapshot", "99.0:1.50:101.0:3:98.0:2", BIDS, ASKS)
    assert decode.kinds(whole) == [QUOTE, DEPTH]
    assert decode.kinds(checked("update", "98.0:2:101.0:3", [["99.0", "0", "0", "0"]], [])) == [QUOTE, DEPTH]
    assert decode.kinds(checked("update", "98.0:2:101.0:4", [], [])) == []
    assert decode.kinds(checked("update", "98.0:2:101.0:3", [], [])) == []
    assert decode.kinds(whole) == [QUOTE, DEPTH]
    assert decode.reports == ["checksum_differs", "book_gap"]


def excerpt(path: Path, *, worth: dict[str, str] | None) -> Path:
    """The real frames, behind what a contract is worth where that is given; the lines in order of time."""
    lines = [line.text for line in read_lines(EXCERPT, Faults())]
    if worth:
        listed = {"code": "0", "data": [{"instId": "UNI-USD-SWAP", "ctMult": "1"} | worth]}
        reply = {"t": "http", "ts": 1652459220.0, "url": SWAPS, "data": json.dumps(listed)}
        lines.insert(0, json.dumps(reply).encode())
    path.write_bytes(b"\n".join(lines))
    return path


def test_the_real_book_is_the_one_that_its_checksums_say(tmp_path: Path) -> None:
    path = excerpt(tmp_path / "a.jsonl", worth={"ctVal": "10", "ctValCcy": "USD"})
    events, faults = load_events_with_faults(path, venue="okx", market="UNI-USD-SWAP")
    assert faults.counts == {}
    assert np.bincount(events["kind"], minlength=4).tolist() == [0, 0, 49, 93]
    first = events[events["kind"] == QUOTE][0]
    assert (first["ask"], first["ask_size"]) == (5.148, pytest.approx(60 * 10 / 5.148))


@pytest.mark.parametrize(("currency", "factor"), [("UNI", 1.0), ("USD", 1 / 5.148)])
def test_contracts_are_worth_usd_or_base_units(tmp_path: Path, currency: str, factor: float) -> None:
    path = excerpt(tmp_path / "a.jsonl", worth={"ctVal": "0.1", "ctValCcy": currency})
    events, _ = load_events_with_faults(path, venue="okx", market="UNI-USD-SWAP")
    first = events[events["kind"] == QUOTE][0]
    assert first["ask_size"] == pytest.approx(60 * 0.1 * factor)


def test_contracts_whose_worth_is_not_known_give_nothing_and_say_what_is_wanted(tmp_path: Path) -> None:
    path = excerpt(tmp_path / "a.jsonl", worth=None)
    with pytest.raises(DataError, match=r"94 x size_unknown.*/api/v5/public/instruments"):
        load_events_with_faults(path, venue="okx", market="UNI-USD-SWAP")


def test_a_subscription_that_is_refused_is_told_and_a_pong_is_nothing() -> None:
    decode = Decoding()
    assert list(decode.decoder.decode(b"pong", 5)) == []
    assert decode({"event": "notice", "code": "64008", "msg": "upgrade"}) == []
    with pytest.raises(FrameFault, match="60018: Invalid") as refused:
        decode({"event": "error", "code": "60018", "msg": "Invalid channel", "connId": "x"})
    assert refused.value.name == "subscription_refused"
    with pytest.raises(FrameFault, match="no channel known"):
        decode(frame("liquidations", {}))


def test_what_the_venue_has_suspended_is_known_from_its_listing() -> None:
    decoder = OkxDecoder("BTC-USDT-SWAP", 10.0, lambda _name, _detail: None)
    url = "https://www.okx.com/api/v5/public/instruments?instType=SWAP&instId=BTC-USDT-SWAP"
    for state, halt in (("live", ""), ("suspend", "suspend"), ("live", "")):
        listed = f'{{"instId":"BTC-USDT-SWAP","ctVal":"0.01","ctValCcy":"BTC","state":"{state}"}}'
        assert decoder.decode_reply(url, f'{{"code":"0","data":[{listed}]}}'.encode(), 7) == ()
        assert decoder.halt == halt


def test_a_market_that_does_not_trade_is_halted_and_the_channel_says_what_a_contract_is_worth() -> None:
    decode = Decoding("BTC-USDT-SWAP")
    row = {"instId": "BTC-USDT-SWAP", "state": "suspend", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC"}
    told = {"arg": {"channel": "instruments", "instType": "SWAP"}, "data": [row, row | {"instId": "X-USDT"}]}
    assert decode(told) == []
    assert decode.decoder.halt == "suspend"
    told["data"] = [{"instId": "BTC-USDT-SWAP", "state": "live"}]
    assert decode(told) == []
    assert decode.decoder.halt == ""
    sold = {"tradeId": "5", "px": "100.5", "sz": "2", "side": "sell"}
    (traded,) = decode(frame("trades", sold, "BTC-USDT-SWAP"))
    assert traded[5] == pytest.approx(0.02)
    assert decode.reports == []


def test_quotes_are_of_the_book_again_once_its_best_has_changed_and_nobody_says_so() -> None:
    decode = Decoding()
    decode(book("snapshot", -1, 1, BIDS, ASKS))
    assert decode.kinds(frame("bbo-tbt", {"bids": BIDS[:1], "asks": ASKS})) == [QUOTE]
    lower = [["97.0", "1", "0", "1"]]
    assert [row[2] for row in decode(book("update", 1, 2, lower), 60.0)] == [DEPTH]
    better = [["99.5", "1", "0", "1"]]
    assert [row[2] for row in decode(book("update", 2, 3, better), 61.0)] == [QUOTE, DEPTH]
    assert decode.kinds(frame("bbo-tbt", {"bids": better, "asks": ASKS})) == [QUOTE]


def test_a_book_that_is_left_stands_still_and_is_not_trusted_until_it_comes_again() -> None:
    decode = Decoding()
    decode(book("snapshot", -1, 1, BIDS, ASKS))
    assert decode(accepted("trades") | {"event": "unsubscribe"}) == []
    assert decode.decoder.watch.book.status == "synced"
    assert decode(accepted("books") | {"event": "unsubscribe"}) == []
    assert decode.decoder.watch.book.status == "gap"
    decode(book("snapshot", -1, 9, BIDS, ASKS))
    assert decode.decoder.watch.book.status == "synced"


def test_a_trade_that_says_it_was_merged_of_more_than_there_can_be_takes_no_time() -> None:
    numbers = TradeNumbers(lambda *_: None)
    assert [numbers.is_new(number) for number in (1, 5)] == [True, True]
    assert numbers.is_new(4, merged=10**18)
    assert not numbers.is_new(2)
    assert numbers.is_new(9, merged=10**18)
