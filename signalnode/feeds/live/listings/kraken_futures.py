"""Kraken Futures: contracts, and what they traded. Source: Kraken, derivatives REST `instruments`, `tickers`.

Its symbols stand for themselves, PF_XBTUSD. Sizes are contracts: USD at inverse ones, else base units.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument, step_of

_ROOT = "/derivatives/api/v3"
_INSTRUMENTS = Page(f"{_ROOT}/instruments")


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    tradeable: bool = False
    tick_size: msgspec.Raw = msgspec.Raw(b"")
    contract_value_trade_precision: int = 0


class _Traded(msgspec.Struct, rename="camel"):
    symbol: str
    volume_quote: float | None = None


class _Instruments(msgspec.Struct):
    instruments: list[_Listed]


class _Traffic(msgspec.Struct):
    rows: list[_Traded] = msgspec.field(name="tickers")


def _read(page: Page, body: bytes) -> Found:
    if page != _INSTRUMENTS:
        traded = [each for each in decoded(body, _Traffic).rows if each.volume_quote is not None]
        return Found(volumes={each.symbol.upper(): each.volume_quote for each in traded})
    return Found(
        [
            instrument(
                each.symbol.upper(),
                each.symbol.upper(),
                tick_size=bytes(each.tick_size).decode(),
                size_step=step_of(each.contract_value_trade_precision),
                state="tradeable" if each.tradeable else "not tradeable",
                is_open=each.tradeable,
            )
            for each in decoded(body, _Instruments).instruments
        ]
    )


LISTING = Listing("https://futures.kraken.com", (_INSTRUMENTS, Page(f"{_ROOT}/tickers")), _read)
