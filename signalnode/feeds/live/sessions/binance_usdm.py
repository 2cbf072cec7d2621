"""Binance USD-M futures: see `binance_words.py`.

Since April 2026 its streams come from two addresses ("Important WebSocket Change Notice"): books and quotes
from `/public`, trades from `/market`; a stream at the wrong one is silent. So a market needs two
connections. Single trades are not published, so `@aggTrade` it is.

Limits by its documentation: 10 messages a second on a connection, 1,024 streams (200 on some pages), 300
connects in five minutes; REST 2,400 of weight a minute, of which a book of 1,000 levels is 20. It pings each
three minutes.
"""

from __future__ import annotations

from signalnode.feeds.live.sessions.base import Limits, Route, Venue
from signalnode.feeds.live.sessions.binance_words import AGGREGATES, DEPTH, QUOTES, BinanceVenue


class BinanceUsdm(BinanceVenue):
    """See `base.Venue`."""

    name = "binance_usdm"
    ws_url = "wss://fstream.binance.com"
    rest_url = "https://fapi.binance.com"
    channels = (DEPTH, QUOTES, AGGREGATES)
    image_path, image_weight = "/fapi/v1/depth", 20.0
    limits = Limits(
        markets_max=100,
        connects_max=150,
        connects_period_s=300.0,
        sends_per_s=5.0,
        asks_max=50,
        lifetime_s_max=86_400.0,
        requests_max=1_200.0,
        requests_period_s=60.0,
    )

    def routes(self, symbol: str) -> tuple[Route, ...]:  # noqa: ARG002
        """Two; see the module."""
        return (Route("/public/stream", (DEPTH, QUOTES)), Route("/market/stream", (AGGREGATES,)))


VENUE: Venue = BinanceUsdm()
