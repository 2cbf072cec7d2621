"""Deribit: futures and perpetuals, of all currencies. Source: Deribit, `public/get_instruments`.

It lists no volumes. Amounts of inverse contracts are USD.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument

_PERPETUAL = "-PERPETUAL"


class _Listed(msgspec.Struct):
    instrument_name: str
    is_active: bool
    tick_size: msgspec.Raw
    min_trade_amount: msgspec.Raw


class _Answer(msgspec.Struct):
    result: list[_Listed]


def _read(_page: Page, body: bytes) -> Found:
    return Found(
        [
            instrument(
                _name_of(each.instrument_name),
                each.instrument_name,
                tick_size=bytes(each.tick_size).decode(),
                size_step=bytes(each.min_trade_amount).decode(),
                state="active" if each.is_active else "inactive",
                is_open=each.is_active,
            )
            for each in decoded(body, _Answer).result
        ]
    )


def _name_of(instrument_name: str) -> str:
    """BTC-USD for BTC-PERPETUAL, BTC-USDC for BTC_USDC-PERPETUAL; a dated one is called as it is."""
    stem = instrument_name.removesuffix(_PERPETUAL)
    if stem == instrument_name:
        return instrument_name
    return stem.replace("_", "-") if "_" in stem else f"{stem}-USD"


LISTING = Listing(
    "https://www.deribit.com",
    (Page("/api/v2/public/get_instruments?currency=any&kind=future&expired=false"),),
    _read,
)
