"""Binance COIN-M futures: see `binance_words.py`.

One address for all streams. Single trades are not published, so `@aggTrade` it is. BTC-USD is the perpetual
contract BTCUSD_PERP; others are called by `symbol` in `[feed]`. Limits as USD-M's.
"""

from __future__ import annotations

from signalnode.feeds.live.sessions.base import Venue
from signalnode.feeds.live.sessions.binance_words import (
    FUTURES_CHANNELS,
    FUTURES_LIMITS,
    FUTURES_STANDING,
    BinanceVenue,
)


class BinanceCoinm(BinanceVenue):
    """See `base.Venue`."""

    name = "binance_coinm"
    ws_url = "wss://dstream.binance.com/stream"
    rest_url = "https://dapi.binance.com"
    channels = FUTURES_CHANNELS
    image_path, image_weight = "/dapi/v1/depth", 20.0
    standing = FUTURES_STANDING
    limits = FUTURES_LIMITS

    def symbol(self, market: str) -> str:
        """BTC-USD as BTCUSD_PERP; a delivery's own name, BTCUSD_270326, stays."""
        plain = market.replace("-", "").upper()
        return plain if "_" in plain else f"{plain}_PERP"


VENUE: Venue = BinanceCoinm()
