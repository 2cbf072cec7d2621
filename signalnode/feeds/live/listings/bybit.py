"""Bybit v5: spot, linear and inverse. Source: Bybit, `instruments-info` and `tickers`.

The same symbol may be spot and a perpetual, so ours says its category, `linear:BTCUSDT`, and the name of a
perpetual ends in PERP. The turnover of inverse ones is base currency; their volume is USD.

Only what trades is listed, unless it is asked for by its symbol: so states are, one a request.

`system/status` tells of maintenance, past and to come. What its numbers of services and products mean (1 and
5: trading, and market data; 1 and 2: futures, and spot) is from memory; where none stand there it is of all.
Its WebSocket says the same over a connection of its own, which is not worth one.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from signalnode.feeds.live.listings.base import (
    TITLE_CHARS_MAX,
    Announcing,
    Found,
    Instrument,
    Listing,
    Notice,
    Page,
    Reading,
    decoded,
    instrument,
    ns_of_ms,
)

CATEGORIES = ("spot", "linear", "inverse")
TRADING, MARKET_DATA = 1, 5  # of services
FUTURES, SPOT = 1, 2  # of products
COMING, UNDER_WAY = "scheduled", "ongoing"
UNKNOWN = 10001  # "params error: symbol invalid"
_ONE = "/v5/market/instruments-info?category="
_INSTRUMENTS, _TRAFFIC = "/v5/market/instruments-info?limit=1000&category=", "/v5/market/tickers?category="


class _Price(msgspec.Struct, rename="camel"):
    tick_size: str = ""


class _Lot(msgspec.Struct, rename="camel"):
    qty_step: str = ""
    base_precision: str = ""  # its name at spot


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_coin: str
    quote_coin: str
    price_filter: _Price
    lot_size_filter: _Lot
    contract_type: str = ""


class _Instruments(msgspec.Struct, rename="camel"):
    rows: list[_Listed] = msgspec.field(name="list")
    next_page_cursor: str | None = None


class _Traded(msgspec.Struct):
    symbol: str
    turnover24h: str = ""
    volume24h: str = ""


class _Traffic(msgspec.Struct):
    rows: list[_Traded] = msgspec.field(name="list")


class _Status(msgspec.Struct, rename="camel"):
    state: str
    begin: str = ""  # ms since 1970
    end: str = ""
    title: str = ""
    service_types: list[int] = []
    product: list[int] = []


class _Statuses(msgspec.Struct):
    rows: list[_Status] = msgspec.field(name="list")


class _StatusesAnswer(msgspec.Struct):
    result: _Statuses


class _Head(msgspec.Struct, rename="camel"):
    ret_code: int = 0


class _InstrumentsAnswer(msgspec.Struct):
    result: _Instruments


class _TrafficAnswer(msgspec.Struct):
    result: _Traffic


def _read(page: Page, body: bytes) -> Found:
    category = page.url_path.partition("category=")[2].partition("&")[0]
    if page.url_path.startswith(_TRAFFIC):
        traded = decoded(body, _TrafficAnswer).result.rows
        told = {each.symbol: each.volume24h if category == "inverse" else each.turnover24h for each in traded}
        return Found(volumes={f"{category}:{name}": float(text) for name, text in told.items() if text})
    if "&symbol=" in page.url_path and decoded(body, _Head).ret_code == UNKNOWN:
        return Found()
    answer = decoded(body, _InstrumentsAnswer).result
    cursor = answer.next_page_cursor
    more = Page(f"{_INSTRUMENTS}{category}&cursor={cursor}") if cursor else None
    return Found([_instrument(category, each) for each in answer.rows], next=more)


def _instrument(category: str, each: _Listed) -> Instrument:
    name = f"{each.base_coin}-{each.quote_coin}"
    if category != "spot":
        name = f"{name}-PERP" if each.contract_type.endswith("Perpetual") else each.symbol
    return instrument(
        name,
        f"{category}:{each.symbol}",
        tick_size=each.price_filter.tick_size,
        size_step=each.lot_size_filter.qty_step or each.lot_size_filter.base_precision,
        state=each.status.lower(),
        is_open=each.status == "Trading",
    )


def _page_of(symbols: Sequence[str]) -> Page:
    category, _, named = symbols[0].rpartition(":")
    return Page(f"{_ONE}{category or 'spot'}&symbol={quote(named)}")


def _announced(body: bytes) -> list[Notice]:
    return [
        Notice(
            "maintenance",
            ns_of_ms(each.begin),
            ns_of_ms(each.end),
            is_under_way=each.state == UNDER_WAY,
            halts=not each.service_types or TRADING in each.service_types,
            title=each.title[:TITLE_CHARS_MAX],
            covers=Products(frozenset(each.product)),
        )
        for each in decoded(body, _StatusesAnswer).result.rows
        if each.state in (COMING, UNDER_WAY)
        and (not each.service_types or {TRADING, MARKET_DATA} & set(each.service_types))
    ]


class Products(frozenset[int]):
    """Of which symbols these numbers speak; none of them: of all."""

    def __call__(self, symbol: str) -> bool:
        return not self or (SPOT if symbol.startswith("spot:") else FUTURES) in self


LISTING = Listing(
    "https://api.bybit.com",
    tuple(Page(f"{path}{each}") for each in CATEGORIES for path in (_INSTRUMENTS, _TRAFFIC)),
    _read,
    Reading(_page_of, symbols_max=1, is_named=True),
    Announcing(Page("/v5/system/status"), _announced),
)
