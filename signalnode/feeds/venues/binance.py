"""Binance: spot, and whatever else a capture of its streams holds, told from the frames."""

from __future__ import annotations

from signalnode.feeds.venues.base import DecoderClass
from signalnode.feeds.venues.binance_streams import StreamsDecoder


class BinanceDecoder(StreamsDecoder):
    """Decoder of one symbol; see `base.Decoder`."""


DECODER: DecoderClass = BinanceDecoder
