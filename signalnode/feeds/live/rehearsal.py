"""A live feed gone through once, without a socket, in the process that engines are forked from: what has run
there, a child finds ready in memory that it shares.
"""

from __future__ import annotations

import json
from typing import Any

from signalnode.clock import NS_PER_MS, NS_PER_S, utc_text
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.health import ChannelHealth
from signalnode.feeds.live import envelope
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.venues import decoder_of
from signalnode.settings import LIVE_VENUES

ROUNDS = 200  # enough that the interpreter has specialised the code
START_NS = 1_700_000_000 * NS_PER_S
MARKET = "BTC-USD"


def rehearse() -> None:
    """Import every live venue, and decode frames of one; the others share what is not their own."""
    for venue in LIVE_VENUES:
        venue_of(venue)
    decoder, health = decoder_of("dydx"), ChannelHealth()
    feed = LiveFeed("", "", MARKET, decoder, DEPTH_BPS, venue="dydx")
    levels = [{"price": str(price), "size": "1"} for price in range(1, 101)]
    image = {"bids": levels, "asks": [{"price": str(100 + price), "size": "1"} for price in range(1, 101)]}
    feed.take_in(_header(0, envelope.TOLD), b"heard ")
    feed.take_in(_header(1), _frame("subscribed", "v4_orderbook", 1, image))
    for number in range(2, ROUNDS, 2):
        time_ns = START_NS + number * 10 * NS_PER_MS
        trade = {"id": f"{number:08x}", "side": "BUY", "price": "100.5", "size": "1"}
        trade["createdAt"] = utc_text(time_ns - NS_PER_MS, "milliseconds")
        update = {
            "bids": [["100", str(number)]],
            "asks": [[str(150 + number % 7), "0"], ["101", str(number)]],
        }
        feed.take_in(_header(number), _frame("channel_data", "v4_orderbook", number, update))
        feed.take_in(_header(number + 1), _frame("channel_data", "v4_trades", number, {"trades": [trade]}))
        health.observe(feed.take(time_ns, ROUNDS))
        feed.losses()


def _header(number: int, kind: int = envelope.FRAME) -> envelope.Header:
    return envelope.Header(kind, START_NS + number * 10 * NS_PER_MS, 1, number + 1)


def _frame(kind: str, channel: str, number: int, contents: dict[str, Any]) -> bytes:
    head = {"type": kind, "channel": channel, "id": MARKET, "connection_id": "c", "message_id": number}
    return json.dumps({**head, "contents": contents}).encode()
