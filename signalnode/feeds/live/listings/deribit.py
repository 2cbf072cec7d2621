"""Deribit: futures and perpetuals, of all currencies. Source: Deribit, `public/get_instruments`.

It lists no volumes. Amounts of inverse contracts are USD.

`public/status` names the indices that are locked; the channel `platform_state` tells of changes alone, so of
none that was locked before a connection was made.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Announcing, Found, Listing, Notice, Page, decoded, instrument
from signalnode.feeds.venues.deribit import index_of

_PERPETUAL = "-PERPETUAL"


class _Listed(msgspec.Struct):
    instrument_name: str
    is_active: bool
    tick_size: msgspec.Raw
    min_trade_amount: msgspec.Raw


class _Answer(msgspec.Struct):
    result: list[_Listed]


class _Status(msgspec.Struct):
    locked: str | bool  # true, partial, false
    locked_indices: list[str] = []
    locked_currencies: list[str] = []


class _StatusAnswer(msgspec.Struct):
    result: _Status


class Locked(frozenset[str]):
    """Whether an instrument is of one of these indices, or currencies in upper case."""

    def __call__(self, symbol: str) -> bool:
        index = index_of(symbol)
        return index in self or index.partition("_")[0].upper() in self


def _announced(body: bytes) -> list[Notice]:
    status = decoded(body, _StatusAnswer).result
    named = status.locked_indices or status.locked_currencies
    if named:
        return [Notice("locked", covers=Locked(named))]
    return [Notice("locked")] if str(status.locked).lower() == "true" else []


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
    announcing=Announcing(Page("/api/v2/public/status"), _announced),
)
