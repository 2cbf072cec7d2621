"""Kraken spot: pairs, and what they traded. Source: Kraken, REST `AssetPairs` and `Ticker`.

`wsname` is of the first protocol: XBT/USD and XDG/USD, which the second calls BTC/USD and DOGE/USD.

`MaintenanceSchedule` tells of maintenance to come, and is taken to drop it when it begins, as `SystemStatus`
drops its `upcoming_maintenance`: then the channel `status` says what is halted. That channel has the same
notices, but not where no connection can be made. Where a server does not know it, nothing is announced.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import (
    TITLE_CHARS_MAX,
    Announcing,
    Found,
    Listing,
    Notice,
    Page,
    decoded,
    instrument,
    product,
    step_of,
)
from signalnode.feeds.venues.base import Timestamp, time_ns_of

_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_MARKETS = Page("/0/public/AssetPairs")
HEARD = frozenset({"spot_ws", "spot_trading", "all", "unspecified"})  # of the services that maintenance is of
UNKNOWN = "Unknown method"  # of an error


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


class _Event(msgspec.Struct):
    expected_start_utc: Timestamp
    expected_end_utc: Timestamp | None = None
    title: str = ""
    affected_services: list[str] = []


class _Schedule(msgspec.Struct):
    events: list[_Event]


class _ScheduleAnswer(msgspec.Struct):
    error: list[str] = []
    result: _Schedule | None = None


def _announced(body: bytes) -> list[Notice]:
    answer = decoded(body, _ScheduleAnswer)
    if answer.result is None and not any(UNKNOWN in each for each in answer.error):
        raise ValueError(f"no schedule: {answer.error}")
    return [
        Notice(
            "maintenance",
            time_ns_of(each.expected_start_utc),
            time_ns_of(each.expected_end_utc) if each.expected_end_utc else 0,
            is_under_way=False,
            title=each.title[:TITLE_CHARS_MAX],
        )
        for each in (answer.result.events if answer.result else ())
        if not HEARD.isdisjoint(each.affected_services)
    ]


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


LISTING = Listing(
    "https://api.kraken.com",
    (_MARKETS, Page("/0/public/Ticker")),
    _read,
    announcing=Announcing(Page("/0/public/MaintenanceSchedule"), _announced, tells_begun=False),
)
