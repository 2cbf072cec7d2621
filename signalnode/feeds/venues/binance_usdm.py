"""Binance USD-M futures: sizes are in base units, and all symbols share one count of updates."""

from __future__ import annotations

from signalnode.feeds.venues.base import DecoderClass
from signalnode.feeds.venues.binance_streams import StreamsDecoder


class BinanceUsdmDecoder(StreamsDecoder):
    """Decoder of one symbol; see `base.Decoder`."""

    is_future = True

    def _contract_usd(self, symbol: str) -> float:  # noqa: ARG002
        return 0.0


DECODER: DecoderClass = BinanceUsdmDecoder
