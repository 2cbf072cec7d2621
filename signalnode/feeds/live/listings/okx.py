"""OKX v5: spot and perpetual swaps. Source: OKX, `public/instruments` and `market/tickers`.

A swap's sizes are contracts. What traded, `volCcy24h`, is quote currency at spot and base currency at swaps.

`system/status` (once in 5 s) tells of maintenance that is scheduled, ongoing, or so far over that orders are
taken and nothing trades (`pre_open`); of what else is served, as of bots, it is no matter here. The channel
`status` says the same, but not where no connection can be made.
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
    ns_of_ms,
    product,
)

KINDS = ("SPOT", "SWAP")
_SWAP = "-SWAP"  # our names say PERP
STREAMS, TRADING = "0", "5"  # of what is served: WebSocket, and trading of all
PRODUCTION = "1"  # else it is of demo trading
COMING, UNDER_WAY = ("scheduled",), ("ongoing", "pre_open")
_INSTRUMENTS, _TRAFFIC = "/api/v5/public/instruments?instType=", "/api/v5/market/tickers?instType="


class _Listed(msgspec.Struct, rename="camel"):
    inst_id: str
    state: str
    tick_sz: str = ""
    lot_sz: str = ""


class _Traded(msgspec.Struct, rename="camel"):
    inst_id: str
    inst_type: str = ""
    vol_ccy_24h: str = msgspec.field(default="", name="volCcy24h")
    last: str = ""


class _Status(msgspec.Struct, rename="camel"):
    state: str
    begin: str = ""  # ms since 1970
    end: str = ""
    title: str = ""
    service_type: str = ""
    env: str = PRODUCTION


class _Statuses(msgspec.Struct):
    data: list[_Status]


class _Instruments(msgspec.Struct):
    data: list[_Listed]


class _Traffic(msgspec.Struct):
    data: list[_Traded]


def _read(page: Page, body: bytes) -> Found:
    if page.url_path.startswith(_TRAFFIC):
        traded = [each for each in decoded(body, _Traffic).data if each.vol_ccy_24h and each.last]
        return Found(
            volumes={
                each.inst_id: product(each.vol_ccy_24h, each.last if each.inst_type == "SWAP" else "1")
                for each in traded
            }
        )
    return Found(
        [
            instrument(
                f"{each.inst_id.removesuffix(_SWAP)}-PERP" if each.inst_id.endswith(_SWAP) else each.inst_id,
                each.inst_id,
                tick_size=each.tick_sz,
                size_step=each.lot_sz,
                state=each.state,
                is_open=each.state == "live",
            )
            for each in decoded(body, _Instruments).data
        ]
    )


def _announced(body: bytes) -> list[Notice]:
    return [
        Notice(
            "maintenance",
            ns_of_ms(each.begin),
            ns_of_ms(each.end),
            is_under_way=each.state in UNDER_WAY,
            halts=each.service_type == TRADING,
            title=each.title[:TITLE_CHARS_MAX],
        )
        for each in decoded(body, _Statuses).data
        if each.state in (*COMING, *UNDER_WAY)
        and each.service_type in (STREAMS, TRADING)
        and each.env == PRODUCTION
    ]


LISTING = Listing(
    "https://www.okx.com",
    tuple(Page(f"{path}{each}") for each in KINDS for path in (_INSTRUMENTS, _TRAFFIC)),
    _read,
    announcing=Announcing(Page("/api/v5/system/status"), _announced),
)
