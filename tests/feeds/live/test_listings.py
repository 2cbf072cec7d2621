"""Listings: every venue's answers into the same instruments, called so that its decoder knows them."""

from __future__ import annotations

import pytest

from signalnode.feeds.live.listings import listing_of
from signalnode.feeds.live.listings.asked import ask
from signalnode.feeds.live.listings.base import (
    UNREADABLE,
    Found,
    Instrument,
    first_each,
    instrument,
    plain,
    step_of,
)
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.venues import decoder_of
from signalnode.names import market_name_fault
from signalnode.settings import LIVE_VENUES
from tests.feeds.live.listing_answers import answer
from tests.venues.server import Running, Server

LISTED = (*LIVE_VENUES, "ccxt")
# By venue: our name, symbol, tick, step, whether it is open, and its volume.
EXPECTED: dict[str, list[tuple[str, str, str, str, bool, float | None]]] = {
    "ccxt": [],  # it asks by itself
    "binance": [
        ("BTC-USDT", "BTCUSDT", "0.01", "0.00001", True, 630_000.25),
        ("BTC-EUR", "BTCEUR", "0.01", "0.00001", False, None),
    ],
    "binance_usdm": [
        ("BTC-USDT", "BTCUSDT", "0.01", "0.00001", True, 9_000_000.0),
        ("BTC-USDT-270326", "BTCUSDT_270326", "0.01", "0.00001", True, None),
    ],
    "binance_coinm": [("BTC-USD", "BTCUSD_PERP", "0.01", "0.00001", True, 60_001.0)],
    "bitstamp": [("BTC-USD", "btcusd", "1", "0.00000001", True, 150_000.0)],
    "bybit": [
        ("BTC-USDT", "spot:BTCUSDT", "0.1", "0.000001", True, 100.5),
        ("BTC-USDT-PERP", "linear:BTCUSDT", "0.1", "0.001", True, 700.0),
        ("BTC-USD-PERP", "inverse:BTCUSD", "0.1", "1", True, 40_000.0),
        ("BTC-26DEC26", "linear:BTC-26DEC26", "0.1", "0.01", True, None),
    ],
    "coinbase": [
        ("BTC-USD", "BTC-USD", "0.01", "0.00000001", True, 758_532_193.02),
        ("OLD-USD", "OLD-USD", "0.1", "1", False, None),
        ("BTC-USDC", "BTC-USD", "0.01", "0.00000001", True, None),
    ],
    "deribit": [
        ("BTC-USD", "BTC-PERPETUAL", "0.5", "10", True, None),
        ("BTC-27DEC24", "BTC-27DEC24", "0.5", "10", False, None),
    ],
    "dydx": [
        ("BTC-USD", "BTC-USD", "1", "0.0001", True, 247_500_844.6834),
        ("ETH-USD", "ETH-USD", "0.1", "0.001", False, None),
        ("BUF-V3-0X4-USD", "BUF,v3,0x4-USD", "0.00001", "10", True, None),
    ],
    "gemini": [
        ("BTC-USD", "BTCUSD", "", "", True, None),
        ("BTC-GUSD-PERP", "BTCGUSDPERP", "", "", True, None),
        ("ETH-BTC", "ETHBTC", "", "", True, None),
    ],
    "hyperliquid": [
        ("BTC-USD", "BTC", "1", "0.00001", True, 1_169_046.29),
        ("KPEPE-USD", "kPEPE", "0.000001", "1", True, 5.5),
        ("OLD-USD", "OLD", "", "0.01", False, None),
    ],
    "kraken": [
        ("BTC-USD", "BTC/USD", "0.1", "0.00000001", True, 60_030_000.0),
        ("DOGE-USD", "DOGE/USD", "0.0000001", "0.00000001", False, None),
    ],
    "kraken_futures": [("BTC-USD", "PF_XBTUSD", "1", "0.0001", True, 5.5)],
    "okx": [
        ("BTC-USDT", "BTC-USDT", "0.1", "0.00000001", True, 100.5),
        ("ETH-USD", "ETH-USD", "0.01", "0.000001", False, None),
        ("BTC-USD-PERP", "BTC-USD-SWAP", "0.1", "1", True, 120_000.0),
    ],
}


def whole(venue: str) -> Found:
    """All that a venue's pages say, further ones too."""
    listing, found = listing_of(venue), Found()
    pages = list(listing.pages)
    for page in pages:
        one = listing.read(page, answer(venue, page.url_path))
        found.instruments += one.instruments
        found.volumes |= one.volumes
        pages += [one.next] if one.next else []
    return found


@pytest.mark.parametrize("venue", LISTED)
def test_a_venues_own_answer_is_read_into_our_words(venue: str) -> None:
    found = whole(venue)
    told = {
        (
            each.market,
            each.symbol,
            each.tick_size,
            each.size_step,
            each.is_open,
            found.volumes.get(each.listed_as),
        )
        for each in found.instruments
    }
    assert told == set(EXPECTED[venue])


@pytest.mark.parametrize("venue", LISTED)
def test_what_is_listed_can_be_a_market_whose_decoder_knows_it(venue: str) -> None:
    instruments = whole(venue).instruments
    for each in instruments:
        assert market_name_fault(each.market) is None
        by_symbol, by_name = (decoder_of(venue)(name, 10.0, lambda *_: None) for name in each[1::-1])
        assert by_symbol.symbol
        assert by_name.symbol == by_symbol.symbol or each.symbol != each.market
    assert len({each.market for each in first_each(instruments)}) == len(instruments)


@pytest.mark.parametrize("venue", LIVE_VENUES)
def test_a_live_venue_is_asked_where_its_gateway_asks(venue: str) -> None:
    assert getattr(venue_of(venue), "rest_url", "") in {"", listing_of(venue).rest_url}


def test_every_venue_of_the_tests_lists_its_markets_over_a_socket() -> None:
    servers = [Server(name) for name in LIVE_VENUES]
    with Running(*servers):
        for server in servers:
            found = ask(server.venue.protocol.name, server.rest_url)
            assert {each.instrument.symbol for each in found} == set(server.venue.listings)
            assert all(each.instrument.is_open for each in found)


@pytest.mark.parametrize("venue", LIVE_VENUES)
def test_our_name_alone_leads_a_live_venue_to_the_symbol_that_it_lists(venue: str) -> None:
    market, symbol, *_ = EXPECTED[venue][0]
    assert venue_of(venue).symbol(market) == symbol


@pytest.mark.parametrize("venue", LISTED)
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"null", b'{"result":{}}', b"\xff"])
def test_what_is_no_answer_raises_nothing_else_and_lists_nothing(venue: str, body: bytes) -> None:
    listing = listing_of(venue)
    for page in listing.pages:
        try:
            found = listing.read(page, body)
        except UNREADABLE:
            continue
        assert not found.instruments
        assert found.next is None


def test_a_name_that_comes_twice_stays_with_the_first_and_none_is_lost() -> None:
    def made(name: str, symbol: str) -> Instrument:
        return instrument(name, symbol, tick_size="", size_step="", state="", is_open=True)

    both = first_each([made("A/B", "AB"), made("A/B", "AB_2")])
    assert [each.market for each in both] == ["A-B", "AB_2"]


def test_numbers_are_shown_as_people_write_them() -> None:
    assert [plain(text) for text in ("1E-7", "0.1000", "10.0", "100", "")] == [
        "0.0000001",
        "0.1",
        "10",
        "100",
        "",
    ]
    assert [step_of(decimals) for decimals in (0, 2, 8)] == ["1", "0.01", "0.00000001"]
