"""Kraken spot: pairs, and what they traded. Source: Kraken, REST `AssetPairs` and `Ticker`.

`wsname` is of the first protocol: XBT/USD and XDG/USD, which the second calls BTC/USD and DOGE/USD.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument, product, step_of

_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_MARKETS = Page("/0/public/AssetPairs")


class _Market(msgspec.Struct):
    altname: str
    price_decimals: int = msgspec.field(name="pair_decimals")
    lot_decimals: int
    wsname: str = ""
    tick_size: str = ""
    status: str = ""


class _Markets(msgspec.Struct):
    result: dict[str, _Market]


class _Traded(msgspec.Struct):
    v: list[str]  # volume in base currency: today, 24 h
    p: list[str]  # average price, weighted by volume: today, 24 h


class _Traffic(msgspec.Struct):
    result: dict[str, _Traded]


def _symbol_of(wsname: str) -> str:
    return "/".join(_NAMES.get(each, each) for each in wsname.split("/"))


def _read(page: Page, body: bytes) -> Found:
    found = Found()
    if page != _MARKETS:
        traded = decoded(body, _Traffic).result.items()
        return Found(volumes={name: product(each.v[1], each.p[1]) for name, each in traded})
    for key, each in decoded(body, _Markets).result.items():
        if each.wsname:
            symbol = _symbol_of(each.wsname)
            found.instruments.append(
                instrument(
                    symbol,
                    symbol,
                    tick_size=each.tick_size or step_of(each.price_decimals),
                    size_step=step_of(each.lot_decimals),
                    state=each.status or "listed",
                    is_open=each.status in {"", "online"},
                    listed_as=key,
                )
            )
    return found


LISTING = Listing("https://api.kraken.com", (_MARKETS, Page("/0/public/Ticker")), _read)
