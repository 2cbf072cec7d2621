"""Bitstamp: pairs, and what they traded. Source: Bitstamp, `trading-pairs-info` and `ticker`."""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import (
    Found,
    Listing,
    Page,
    Reading,
    decoded,
    instrument,
    product,
    step_of,
)

_MARKETS = Page("/api/v2/trading-pairs-info/")


class _Market(msgspec.Struct):
    name: str  # BTC/USD
    url_symbol: str  # btcusd
    base_decimals: int
    counter_decimals: int
    trading: str


class _Traded(msgspec.Struct):
    name: str = msgspec.field(name="pair")  # BTC/USD
    volume: str = ""  # base currency
    vwap: str = ""


def _read(page: Page, body: bytes) -> Found:
    if page != _MARKETS:
        traded = [each for each in decoded(body, list[_Traded]) if each.volume and each.vwap]
        return Found(volumes={each.name: product(each.volume, each.vwap) for each in traded})
    return Found(
        [
            instrument(
                each.name,
                each.url_symbol,
                tick_size=step_of(each.counter_decimals),
                size_step=step_of(each.base_decimals),
                state=each.trading.lower(),
                is_open=each.trading == "Enabled",
                listed_as=each.name,
            )
            for each in decoded(body, list[_Market])
        ]
    )


LISTING = Listing(
    "https://www.bitstamp.net",
    (_MARKETS, Page("/api/v2/ticker/")),
    _read,
    Reading(lambda _symbols: _MARKETS),
)
