"""Gemini: names alone; all else costs a request a symbol. Source: Gemini, `/v1/symbols`."""

from __future__ import annotations

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument

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


def _read(_page: Page, body: bytes) -> Found:
    return Found(
        [
            instrument(name_of(each), each.upper(), tick_size="", size_step="", state="", is_open=True)
            for each in decoded(body, list[str])
        ]
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


LISTING = Listing("https://api.gemini.com", (Page("/v1/symbols"),), _read)
