"""Binance spot: see `binance_words.py`.

Limits by its documentation: 300 connects in five minutes from an address; 5 messages a second on a
connection, pongs included, so we send 3; 1,024 streams on one; REST 6,000 of weight a minute, of which a book
of 1,000 levels is 50. It pings each 20 seconds. We keep to a third of the streams, so that a connection that
is lost is no third of a day's news, and leave half of the REST to whoever else asks from this address.
"""

from __future__ import annotations

from signalnode.feeds.live.sessions.base import Limits, Venue
from signalnode.feeds.live.sessions.binance_words import DEPTH, QUOTES, TRADES, BinanceVenue


class Binance(BinanceVenue):
    """See `base.Venue`."""

    name = "binance"
    ws_url = "wss://stream.binance.com:9443/stream"
    rest_url = "https://api.binance.com"
    channels = (DEPTH, QUOTES, TRADES)
    image_path, image_weight = "/api/v3/depth", 50.0
    limits = Limits(
        markets_max=100,
        connects_max=150,
        connects_period_s=300.0,
        sends_per_s=3.0,
        asks_max=50,
        lifetime_s_max=86_400.0,
        requests_max=3_000.0,
        requests_period_s=60.0,
    )


VENUE: Venue = Binance()
