"""What the listings of Binance's three venues share. Source: Binance, `exchangeInfo` and `ticker/24hr`.

Spot tells of named symbols alone, for a weight of 20 (of all it is megabytes), and of none where one of them
is not known (-1121, HTTP 400). The futures tell of all, for 1, and their changes come over the connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from signalnode.feeds.live.listings.base import (
    STATES_SELDOM_S,
    Found,
    Instrument,
    Listing,
    Page,
    Reading,
    decoded,
    instrument,
)

_PERPETUAL = "PERP"  # COIN-M's usual kind
SPOT = "/api/v3"


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: str = ""
    step_size: str = ""


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str
    filters: list[_Filter]
    status: str = ""
    contract_status: str = ""  # COIN-M's word for it


class _Info(msgspec.Struct):
    symbols: list[_Symbol]


class _Traded(msgspec.Struct, rename="camel"):
    symbol: str
    quote_volume: float | None = None  # COIN-M tells of its base alone
    base_volume: float | None = None
    weighted_avg_price: float = 0.0


def binance_listing(rest_url: str, root: str) -> Listing:
    """The listing of one of the three, whose paths begin with `root`."""
    info = Page(f"{root}/exchangeInfo")

    def read(page: Page, body: bytes) -> Found:
        if page.url_path.startswith(info.url_path):
            return Found([_instrument(each) for each in decoded(body, _Info).symbols])
        return Found(volumes={each.symbol: _volume(each) for each in decoded(body, list[_Traded])})

    def named(symbols: Sequence[str]) -> Page:
        asked = quote(msgspec.json.encode([symbol.upper() for symbol in symbols]))
        return Page(f"{info.url_path}?symbols={asked}&showPermissionSets=false")

    seldom = Reading(lambda _symbols: info, every_s=STATES_SELDOM_S)
    states = Reading(named, symbols_max=100, is_named=True, weight=20.0) if root == SPOT else seldom
    return Listing(rest_url, (info, Page(f"{root}/ticker/24hr")), read, states)


def _instrument(each: _Symbol) -> Instrument:
    """What its symbol says beyond the two assets, a future's date, its name says too: BTC-USD-270326."""
    _, _, suffix = each.symbol.partition("_")
    filters = {kind.filter_type: kind for kind in each.filters}
    state = each.status or each.contract_status
    price, size = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
    return instrument(
        "-".join(
            part for part in (each.base_asset, each.quote_asset, suffix) if part not in {"", _PERPETUAL}
        ),
        each.symbol,
        tick_size=price.tick_size if price else "",
        size_step=size.step_size if size else "",
        state=state.lower(),
        is_open=state == "TRADING",
    )


def _volume(each: _Traded) -> float:
    if each.quote_volume is not None:
        return each.quote_volume
    return (each.base_volume or 0.0) * each.weighted_avg_price
