"""Gemini: names alone; all else costs a request a symbol. Source: Gemini, `/v1/symbols` and its `details`.

A market is open, or closed, cancel_only, post_only or limit_only, by its details.
"""

from __future__ import annotations

from urllib.parse import quote as quoted

import msgspec

from signalnode.feeds.live.listings.base import Found, Instrument, Listing, Page, Reading, decoded, instrument

_PERPETUAL = "PERP"
# What its symbols end in, longer ones first: BTCUSD is BTC-USD, and BTCGUSDPERP is BTC-GUSD-PERP.
_QUOTES = (
    "GUSD",
    "USDT",
    "USDC",
    "RLUSD",
    "USD",
    "EUR",
    "GBP",
    "SGD",
    "BTC",
    "ETH",
    "DAI",
    "FIL",
    "LTC",
    "BCH",
)


_DETAILS = "/v1/symbols/details/"
OPEN_STATES = ("open", "limit_only")  # of the others nothing trades


class _Details(msgspec.Struct):
    symbol: str
    status: str


def _read(page: Page, body: bytes) -> Found:
    if page.url_path.startswith(_DETAILS):
        return Found([_detailed(decoded(body, _Details))])
    return Found(
        [
            instrument(name_of(each), each.upper(), tick_size="", size_step="", state="", is_open=True)
            for each in decoded(body, list[str])
        ]
    )


def _detailed(told: _Details) -> Instrument:
    return instrument(
        name_of(told.symbol),
        told.symbol.upper(),
        tick_size="",
        size_step="",
        state=told.status,
        is_open=told.status in OPEN_STATES,
    )


def name_of(listed: str) -> str:
    """What to call the market of a symbol; as it is where its quote is not known."""
    symbol = listed.upper()
    spot = symbol.removesuffix(_PERPETUAL)
    for quote in sorted(_QUOTES, key=len, reverse=True):
        if spot.endswith(quote) and spot != quote:
            parts = (spot.removesuffix(quote), quote, _PERPETUAL if spot != symbol else "")
            return "-".join(part for part in parts if part)
    return symbol


LISTING = Listing(
    "https://api.gemini.com",
    (Page("/v1/symbols"),),
    _read,
    Reading(lambda symbols: Page(f"{_DETAILS}{quoted(symbols[0])}"), symbols_max=1, is_named=True),
)
