"""Binance COIN-M futures: sizes are contracts, and all symbols share one count of updates.

What a contract is worth, in USD, stands in the reply of `/dapi/v1/exchangeInfo`. Where a capture has none,
it is what Binance publishes of all: 100 USD for BTC and 10 for the others (36 of 36 contracts in July 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from signalnode.feeds.venues.base import DecoderClass, OnFault, Row, plain_symbol
from signalnode.feeds.venues.binance_streams import StreamsDecoder, contract_usd


class _Contract(msgspec.Struct):
    symbol: str
    size_usd: float = msgspec.field(name="contractSize")


class _Contracts(msgspec.Struct):
    symbols: list[_Contract]


_contracts = msgspec.json.Decoder(_Contracts, strict=False)


class BinanceCoinmDecoder(StreamsDecoder):
    """Decoder of one symbol; see `base.Decoder`."""

    is_future = True

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._told_usd = 0.0  # worth of a contract, by the venue's own list

    def decode_reply(self, url: str, body: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in what was fetched from `url`; see `base.Decoder`."""
        if not urlsplit(url).path.endswith("/exchangeInfo"):
            return super().decode_reply(url, body, time_received_ns)
        for each in _contracts.decode(body).symbols:
            if plain_symbol(each.symbol) == self.symbol:
                self._told_usd = each.size_usd
        return ()

    def _contract_usd(self, symbol: str) -> float:
        return self._told_usd or contract_usd(symbol)


DECODER: DecoderClass = BinanceCoinmDecoder
