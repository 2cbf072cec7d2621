"""OKX v5: spot and perpetual swaps. Source: OKX, `public/instruments` and `market/tickers`.

A swap's sizes are contracts. What traded, `volCcy24h`, is quote currency at spot and base currency at swaps.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument, product

KINDS = ("SPOT", "SWAP")
_SWAP = "-SWAP"  # our names say PERP
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


LISTING = Listing(
    "https://www.okx.com",
    tuple(Page(f"{path}{each}") for each in KINDS for path in (_INSTRUMENTS, _TRAFFIC)),
    _read,
)
