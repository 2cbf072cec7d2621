from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from signalnode.events import DEPTH, TRADE
from signalnode.feeds import load_events_with_faults
from signalnode.feeds.venues.base import Row
from signalnode.feeds.venues.binance_coinm import BinanceCoinmDecoder
from signalnode.feeds.venues.binance_usdm import BinanceUsdmDecoder
from tests.feeds.frames import future, load, snapshot, trade

INFO = "https://dapi.binance.com/dapi/v1/exchangeInfo"


def usdm(reports: list[str]) -> BinanceUsdmDecoder:
    return BinanceUsdmDecoder("BTC-USDT", 100.0, lambda name, _detail: reports.append(name))


def coinm(symbol: str) -> BinanceCoinmDecoder:
    return BinanceCoinmDecoder(symbol, 100.0, lambda _name, _detail: None)


def told(decoder: BinanceUsdmDecoder | BinanceCoinmDecoder, frame: object) -> list[Row]:
    return list(decoder.decode(msgspec.json.encode(frame), 7))


def test_a_capture_of_futures_is_the_same_told_from_its_frames_or_by_its_venue(usdm: Path) -> None:
    events, faults = load_events_with_faults([usdm], venue="binance_usdm", market="BTC-USDT")
    assert events.tobytes() == load(usdm)[0].tobytes()
    assert (events["kind"] == DEPTH).sum() == 138
    assert faults.counts == {}


def test_a_book_without_a_symbol_is_not_guessed_at_before_the_first_update_either() -> None:
    reports: list[str] = []
    decoder = usdm(reports)
    told(decoder, future("ETHUSDT", 95, 99, 103))
    told(decoder, snapshot(102))
    assert told(decoder, future("BTCUSDT", 100, 101, 104)) == []
    assert reports == ["snapshot_unnamed"]


def test_usdm_sizes_are_base_units_whatever_the_symbol_looks_like() -> None:
    decoder = BinanceUsdmDecoder("ETHUSD_260327", 100.0, lambda _name, _detail: None)
    assert told(decoder, trade(1, "50", s="ETHUSD_260327"))[0][5] == 1.5


@pytest.mark.parametrize(("symbol", "size"), [("BTCUSD_PERP", 3.0), ("ETHUSD_260327", 0.3)])
def test_a_contract_is_worth_what_binance_publishes_where_a_capture_has_no_list(
    symbol: str, size: float
) -> None:
    (row,) = told(coinm(symbol), trade(1, "50", s=symbol))
    assert (row[2], row[5]) == (TRADE, pytest.approx(size))


def test_a_contract_is_worth_what_the_venues_own_list_says() -> None:
    decoder = coinm("ETHUSD_PERP")
    listed = [
        {"symbol": name, "contractSize": usd} for name, usd in (("BTCUSD_PERP", 7), ("ETHUSD_PERP", 20))
    ]
    assert decoder.decode_reply(INFO, json.dumps({"symbols": listed}).encode(), 5) == ()
    assert told(decoder, trade(1, "50", s="ETHUSD_PERP"))[0][5] == pytest.approx(1.5 * 20 / 50)
