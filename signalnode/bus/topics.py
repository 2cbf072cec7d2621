"""Topics of the bus: pure text, no sockets.

ZeroMQ matches topics by prefix, so `score.BTC-USD` also hears `score.BTC-USDT`: whoever subscribes to one
market compares the whole topic afterwards. The library does.
"""

from __future__ import annotations

from collections.abc import Collection

SCORE, HEARTBEAT, END, DECISION = b"score.", b"heartbeat.", b"end.", b"decision."
STREAMS = (SCORE, HEARTBEAT, END)  # of one market
VIEW = b"view"
DIGEST = b"digest"
EVERYTHING = b""  # what the aggregator subscribes to


def subscribed_to(markets: Collection[str], kinds: Collection[str]) -> list[bytes]:
    """Topics to subscribe to for those markets (none: all) and kinds of message.

    Heartbeats and ends are always among them, for they carry the last `seq`.
    """
    topics = [prefix + market.encode() for prefix in STREAMS for market in markets or ("",)]
    return topics + [topic for kind, topic in (("view", VIEW), ("decision", DECISION)) if kind in kinds]
