from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode.events import DEPTH, QUOTE, TRADE, Events
from signalnode.feeds.venues.base import OTHER_SYMBOLS_MAX, FrameFault, Row
from signalnode.feeds.venues.binance import BinanceDecoder
from tests.feeds.frames import (
    aggregate,
    capture,
    depth,
    fetched,
    future,
    load,
    quote,
    snapshot,
    trade,
)

MS = 1_000_000


class Decoding:
    """A decoder with what it reported."""

    def __init__(self, market: str = "BTC-USDT") -> None:
        self.reports: list[str] = []
        self.decoder = BinanceDecoder(market, 100.0, lambda name, _detail: self.reports.append(name))

    def __call__(self, frame: object, time_ns: int = 1) -> list[Row]:
        return list(self.decoder.decode(msgspec.json.encode(frame), time_ns))


def test_a_trade_whose_buyer_was_the_maker_was_taken_by_the_seller() -> None:
    decode = Decoding()
    (row,) = decode(trade(1, "61837.63000000", "0.02", m=True), 77)
    assert row == (1723161255342 * MS, 77, TRADE, -1, 61837.63, 0.02, 0, 0, 0, 0, 0, 0)
    assert decode(trade(2, m=False))[0][3] == 1


def test_a_quote_has_the_receive_time_for_both_times() -> None:
    (row,) = Decoding()(quote("99.99", "100.01"), 77)
    assert row == (77, 77, QUOTE, 0, 0, 0, 99.99, 3.0, 100.01, 2.0, 0, 0)


def test_frames_without_the_combined_wrapper_are_understood() -> None:
    decode = Decoding()
    assert [decode(frame["data"])[0][2] for frame in (trade(1), quote())] == [TRADE, QUOTE]
    decode(snapshot(1))
    assert decode(depth(2, 2)["data"])[0][2] == DEPTH


def test_depth_comes_only_once_the_book_is_joined() -> None:
    decode = Decoding()
    assert decode(depth(4, 6, [(99.5, 2)])) == []
    assert decode(depth(7, 8, [(99.6, 2)])) == []
    (row,) = decode(snapshot(5, [(99.4, 1)], [(100, 1)]), 9)
    assert row == (9, 9, DEPTH, 0, 0, 0, 0, 0, 0, 0, 5.0, 1.0)


def test_a_gap_silences_depth_and_is_mended_by_a_snapshot() -> None:
    decode = Decoding()
    decode(snapshot(5), 10)
    assert decode(depth(8, 9), 20) == []
    assert decode(depth(10, 11), 30) == []
    assert decode.decoder.watch.in_gap
    assert decode(snapshot(9), 40)
    assert not decode.decoder.watch.in_gap
    assert decode.reports == ["book_gap"]


def test_another_symbol_is_counted_and_left_out() -> None:
    decode = Decoding()
    assert decode(trade(1, s="ETHUSDT")) == []
    assert decode(quote(s="ETHUSDT")) == []
    assert decode.decoder.others == {"ETHUSDT": 2}


def test_a_trade_seen_twice_is_left_out_a_late_one_is_not_and_missing_ones_are_counted() -> None:
    decode = Decoding()
    assert [len(decode(trade(number))) for number in (5, 6, 6, 9, 8, 8)] == [1, 1, 0, 1, 1, 0]
    assert decode.reports == ["trade_repeated", "trade_gap", "trade_repeated"]


def test_one_absurd_trade_number_does_not_silence_the_trades_after_it() -> None:
    decode = Decoding()
    assert [len(decode(trade(number))) for number in (5, 10**12, 6, 7)] == [1, 1, 1, 1]


def test_replies_to_a_subscription_are_no_events_and_no_faults() -> None:
    assert Decoding()({"result": None, "id": 1}) == []


@pytest.mark.parametrize(
    "frame", [{"stream": f"btcusdt@{channel}", "data": {}} for channel in ("kline_1m", "depth20", "")]
)
def test_an_unknown_channel_is_named(frame: object) -> None:
    with pytest.raises(FrameFault, match="no channel known"):
        Decoding()(frame)


@pytest.mark.parametrize("price", ["abc", None, [], "", "1e999"])
def test_a_price_that_is_no_number_is_malformed(price: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        Decoding()(trade(1, price))


@given(st.decimals(min_value="0.00000001", max_value="999999999", places=8))
def test_prices_are_parsed_to_the_nearest_float_whatever_zeros_trail(price: object) -> None:
    plain = format(price, "f")
    (row,) = Decoding()(trade(1, plain))
    (short,) = Decoding()(trade(1, plain.rstrip("0").rstrip(".")))
    assert row[4] == short[4] == float(plain)


def test_the_real_book_agrees_with_the_real_quotes(excerpts: tuple[Path, Path], events: Events) -> None:
    counts = np.bincount(events["kind"], minlength=4)
    assert counts.tolist() == [0, 908, 3635, 454]
    assert (np.diff(events["time_received_ns"]) >= 0).all()
    depths = events[events["kind"] == DEPTH]
    assert depths["bid_depth"].min() > 1
    assert depths["ask_depth"].min() > 1
    assert load(*excerpts)[1].counts == {}


def test_a_second_file_goes_on_with_the_book_of_the_first(excerpts: tuple[Path, Path]) -> None:
    alone, _ = load(excerpts[0])
    both, _ = load(*excerpts)
    after = both[len(alone) :]
    assert (after["kind"] == DEPTH).sum() > 100
    assert (load(excerpts[1])[0]["kind"] != DEPTH).all()


def test_events_of_a_capture_are_the_same_bits_however_it_is_split(
    tmp_path: Path,
) -> None:
    frames = [quote(), snapshot(5), depth(6, 6), trade(1), quote("99.98"), depth(7, 8, [(99.5, 1)])]
    whole, _ = load(capture(tmp_path / "whole.gz", frames))
    lines = (tmp_path / "x.txt", tmp_path / "y.txt")
    everything = capture(tmp_path / "all.txt", frames).read_bytes().splitlines(True)
    for path, part in zip(lines, (everything[:3], everything[3:]), strict=True):
        path.write_bytes(b"".join(part))
    parts, _ = load(*lines)
    assert whole.tobytes() == parts.tobytes()


def test_however_many_symbols_come_a_bounded_number_is_remembered() -> None:
    decode = Decoding()
    for number in range(2 * OTHER_SYMBOLS_MAX):
        decode(trade(1, s=f"X{number}USDT"))
        decode(trade(1, s="X0USDT"))
    assert len(decode.decoder.others) == OTHER_SYMBOLS_MAX
    assert decode.decoder.others["X0USDT"] == 1 + 2 * OTHER_SYMBOLS_MAX
    assert decode.decoder.matched == 0


def test_updates_of_a_future_are_chained_by_the_one_before() -> None:
    decode = Decoding()
    for frame in (future("BTCUSDT", 90, 95, 100), snapshot(104), future("BTCUSDT", 100, 103, 108)):
        rows = decode(frame)
    assert rows[0][2] == DEPTH
    assert decode(future("BTCUSDT", 108, 131, 140))[0][2] == DEPTH
    assert decode.reports == []
    assert decode(future("BTCUSDT", 150, 151, 160)) == []
    assert decode.reports == ["book_gap"]


def test_a_snapshot_between_two_updates_of_a_future_is_joined() -> None:
    decode = Decoding()
    decode(future("BTCUSDT", 90, 95, 100))
    decode(snapshot(102))
    assert len(decode(future("BTCUSDT", 100, 105, 110))) == 1
    assert decode.reports == []


def test_the_real_book_of_a_future_is_sound(usdm: Path) -> None:
    events, faults = load(usdm)
    assert np.bincount(events["kind"]).tolist() == [0, 264, 1092, 138]
    assert faults.counts == {}
    told = events[events["kind"] != DEPTH]
    late_ns = told["time_received_ns"] - told["time_event_ns"]
    assert (abs(late_ns + 1_200_000_000) < 200_000_000).all()  # its clock was 1.2 s ahead of ours


def test_trades_of_one_taker_at_one_price_count_where_no_single_ones_come() -> None:
    decode = Decoding()
    ((*_, kind, side, price, size, _bid, _bid_size, _ask, _ask_size, _bids, _asks),) = decode(aggregate(7))
    assert (kind, side, price, size) == (TRADE, 1, 100.0, 1.5)
    decode(aggregate(9))
    assert decode.reports == ["trade_gap"]
    assert len(decode(trade(3))) == 1
    assert decode(aggregate(10)) == []


def test_a_trade_of_the_insurance_fund_is_none_of_the_markets() -> None:
    assert Decoding()(trade(1, X="INSURANCE_FUND")) == []
    assert len(Decoding()(trade(1, X="MARKET"))) == 1


@pytest.mark.parametrize(
    ("symbol", "size"), [("BTCUSD_PERP", 3.0), ("ETHUSD_240927", 0.3), ("BTCUSDT_240927", 1.5)]
)
def test_contracts_are_turned_into_base_units(symbol: str, size: float) -> None:
    decode = Decoding(symbol)
    at = {"bid": "50", "ask": "50.001", "B": "1.5", "A": "1.5", "s": symbol}
    assert decode(trade(1, "50", s=symbol))[0][5] == pytest.approx(size)
    assert decode(quote(**at))[0][7] == pytest.approx(size)
    decode(future(symbol, 0, 1, 5))
    decode(snapshot(5, [("50", "1.5")], [("50.001", "1.5")]))
    (row,) = decode(future(symbol, 5, 8, 9, [("49.999", "1.5")]))
    assert row[10:] == pytest.approx((2 * size, size), rel=1e-3)


def test_a_snapshot_among_the_http_lines_is_the_symbols_that_was_asked_for(tmp_path: Path) -> None:
    theirs = fetched("ETHUSD_PERP", snapshot(105, [(3_000, 1)], [(3_001, 1)]))
    replies = [theirs, fetched("BTCUSD_PERP", snapshot(105, [(99.99, 1)], [(100.01, 1)]))]
    ours = [future("BTCUSD_PERP", 90, 101, 104), future("BTCUSD_PERP", 104, 109, 112)]
    frames = [*replies, future("ETHUSD_PERP", 95, 99, 103), *ours]
    events, faults = load(capture(tmp_path / "a.jsonl", frames), market="BTCUSD_PERP")
    assert events["kind"].tolist() == [DEPTH]
    assert events["bid_depth"][0] == pytest.approx(100 / 99.99)
    assert faults.counts == {}


def test_a_snapshot_of_futures_without_a_symbol_is_not_guessed_at_among_several(tmp_path: Path) -> None:
    frames = [
        *(future("ETHUSDT", 95, 99, 103), future("BTCUSDT", 90, 95, 104)),
        *(snapshot(102), quote(), future("BTCUSDT", 104, 110, 111)),
    ]
    events, faults = load(capture(tmp_path / "a.txt", frames))
    assert events["kind"].tolist() == [QUOTE]
    assert faults.counts == {"snapshot_unnamed": 1, "book_unsynced": 1}


def test_a_shallow_snapshot_does_not_pass_as_full_depth(tmp_path: Path, excerpts: tuple[Path, Path]) -> None:
    whole = excerpts[0]
    frames = gzip.decompress(whole.read_bytes()).splitlines()
    shallow = [_cut(each, 100) + b"\n" for each in frames]
    events, faults = load(capture(tmp_path / "shallow.gz", shallow))
    assert (events["kind"] != DEPTH).all()
    assert faults.counts == {"book_shallow": 1}
    deep, none = load(whole)
    assert events.tobytes() == deep[deep["kind"] != DEPTH].tobytes()
    assert none.counts == {}


def _cut(each: bytes, levels: int) -> bytes:
    """The line, with a snapshot cut to so many levels a side."""
    stamp, _, text = each.partition(b" ")
    if b"lastUpdateId" not in text:
        return each
    frame = msgspec.json.decode(text)
    frame["bids"], frame["asks"] = frame["bids"][:levels], frame["asks"][:levels]
    return stamp + b" " + msgspec.json.encode(frame)
