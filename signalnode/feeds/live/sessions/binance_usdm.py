"""Binance USD-M futures: see `binance_words.py`.

Since April 2026 its streams come from two addresses ("Important WebSocket Change Notice"): books and quotes
from `/public`, trades from `/market`; a stream at the wrong one is silent. So a market needs two
connections. Single trades are not published, so `@aggTrade` it is.
"""

from __future__ import annotations

from signalnode.feeds.live.sessions.base import Route, Venue
from signalnode.feeds.live.sessions.binance_words import (
    AGGREGATES,
    DEPTH,
    FUTURES_CHANNELS,
    FUTURES_LIMITS,
    FUTURES_STANDING,
    QUOTES,
    BinanceVenue,
)


class BinanceUsdm(BinanceVenue):
    """See `base.Venue`."""

    name = "binance_usdm"
    ws_url = "wss://fstream.binance.com"
    rest_url = "https://fapi.binance.com"
    channels = FUTURES_CHANNELS
    image_path, image_weight = "/fapi/v1/depth", 20.0
    standing = FUTURES_STANDING
    limits = FUTURES_LIMITS

    def routes(self, symbol: str) -> tuple[Route, ...]:  # noqa: ARG002
        """Two; see the module."""
        return (Route("/public/stream", (DEPTH, QUOTES)), Route("/market/stream", (AGGREGATES,)))


VENUE: Venue = BinanceUsdm()
