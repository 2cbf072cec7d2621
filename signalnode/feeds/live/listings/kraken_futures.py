"""Kraken Futures: contracts, and what they traded. Source: Kraken, derivatives REST `instruments`, `tickers`.

PF_XBTUSD is BTC-USD, as its session has it; other kinds are called as they are. Sizes are contracts: USD at
inverse ones, else base units.
"""

from __future__ import annotations

import msgspec

from signalnode.feeds.live.listings.base import Found, Listing, Page, decoded, instrument, step_of

_ROOT = "/derivatives/api/v3"
_PERPETUAL, _QUOTE = "PF_", "USD"
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
                _name_of(each.symbol.upper()),
                each.symbol.upper(),
                tick_size=bytes(each.tick_size).decode(),
                size_step=step_of(each.contract_value_trade_precision),
                state="tradeable" if each.tradeable else "not tradeable",
                is_open=each.tradeable,
            )
            for each in decoded(body, _Instruments).instruments
        ]
    )


def _name_of(symbol: str) -> str:
    base = symbol.removeprefix(_PERPETUAL).removesuffix(_QUOTE)
    if f"{_PERPETUAL}{base}{_QUOTE}" != symbol:
        return symbol
    return f"{'BTC' if base == 'XBT' else base}-{_QUOTE}"


LISTING = Listing("https://futures.kraken.com", (_INSTRUMENTS, Page(f"{_ROOT}/tickers")), _read)
