from __future__ import annotations

import importlib.util

import pytest

from signalnode.feeds.live.sessions import ccxt, venue_of
from signalnode.settings import ccxt_exchange, frames_of, is_live_venue


@pytest.mark.parametrize(
    ("market", "symbol"), [("BTC-USDT", "BTC/USDT"), ("BTC-USDT-PERP", "BTC/USDT:USDT"), ("A-B", "A/B")]
)
def test_our_names_are_ccxts_and_back(market: str, symbol: str) -> None:
    assert venue_of("ccxt-kucoin").symbol(market) == symbol
    assert ccxt.market_name(symbol) == market


@pytest.mark.parametrize("symbol", ["BTC/USD:BTC", "BTC/USDT:USDT-271231", "BTC"])
def test_what_has_no_name_of_ours_is_named_by_its_symbol_alone(symbol: str) -> None:
    assert not ccxt.market_name(symbol)


def test_a_venue_of_ccxts_is_live_and_has_ccxts_frames() -> None:
    assert (ccxt_exchange("ccxt-kucoin"), frames_of("ccxt-kucoin")) == ("kucoin", "ccxt")
    assert is_live_venue("ccxt-kucoin")
    assert not is_live_venue("ccxt")
    assert not is_live_venue("ccxt-../x")


def test_without_the_library_it_is_one_line_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert ccxt.ccxt_fault("ccxt-kucoin") == (
        "ccxt-kucoin is heard by ccxt, which is not installed; pip install 'signalnode[ccxt]'"
    )
    assert not ccxt.ccxt_fault("dydx")
