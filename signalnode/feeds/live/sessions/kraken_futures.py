"""Kraken Futures: the public feeds of protocol v1.

Source: Kraken, "Futures WebSocket API", "Public Feeds" and "Rate limits": 100 requests a second, 100
connections; a ping at least each 60 s, for which those of WebSocket's own protocol do (`connection.PING_S`).
It greets with the event `info`. The feed `heartbeat` tells a quiet connection from a dead one, and `ticker`,
once a second, whether a product is suspended.

Each product of a request has an answer of its own; an error says neither feed nor product. Requests are
answered in order, so it is about the oldest without an answer, and each asks for one product. Who asks for
what he has is told so, and gets a new image.

A market of ours, BTC-USD, is the linear perpetual, PF_XBTUSD, which has most of the volume; the others, as
PI_XBTUSD and FI_XBTUSD_261225, are called by the venue's own name. Names come back in upper case.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import OLDEST, UNREADABLE, Heard, Limits, Venue, named_in

BOOK, TRADES, STATES = "book", "trade", "ticker"
DATA = {
    "book_snapshot": BOOK,
    "book": BOOK,
    "trade_snapshot": TRADES,
    "trade": TRADES,
    "ticker": STATES,
}
KINDS = ("PF_", "PI_", "FF_", "FI_", "PV_")  # perpetual or dated; linear, inverse, vanilla
ANSWERS = {
    "subscribed": "subscribed",
    "unsubscribed": "unsubscribed",
    "unsubscribed_failed": "unsubscribed",  # there is nothing to leave
    "subscribed_failed": "refused",
}


class _Head(msgspec.Struct):
    feed: str = ""
    event: str = ""
    message: str = ""
    product_id: str = ""
    product_ids: list[str] = []


_head = msgspec.json.Decoder(_Head)


class KrakenFutures(Venue):
    """See `base.Venue`."""

    name = "kraken_futures"
    ws_url = "wss://futures.kraken.com/ws/v1"
    rest_url = "https://futures.kraken.com"
    greets = True
    channels: tuple[str, ...] = (BOOK, TRADES, STATES)
    standing: tuple[bytes, ...] = (b'{"event":"subscribe","feed":"heartbeat"}',)
    limits = Limits(
        markets_max=50,  # none is published
        connects_max=30,  # nor here; 100 may stand
        connects_period_s=60.0,
        connections_max=90,
        sends_per_s=20.0,
        sends_at_once=60,
        silence_s_max=30.0,
    )

    def symbol(self, market: str) -> str:
        """PF_XBTUSD for BTC-USD."""
        name = market.upper()
        if name.startswith(KINDS):
            return name
        base, _, quote = name.partition("-")
        return f"PF_{'XBT' if base == 'BTC' else base}{quote}"

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return msgspec.json.encode({"event": "subscribe", "feed": channel, "product_ids": symbols})

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return msgspec.json.encode({"event": "unsubscribe", "feed": channel, "product_ids": symbols})

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _head.decode(frame)
        except UNREADABLE:
            return Heard("torn", named_in(frame, symbols))
        if not head.event:
            known = head.feed in DATA and head.product_id
            return Heard("data", head.product_id, DATA[head.feed]) if known else Heard("noise")
        if head.event == "info":
            return Heard("greeting")
        if head.event in ANSWERS and len(head.product_ids) == 1:
            what, detail = ANSWERS[head.event], head.message[:200]
            return Heard(what, head.product_ids[0], head.feed, detail)  # type: ignore[arg-type] # its values are
        return _error(head.message[:200]) if head.event in ("error", "alert") else Heard("noise")


def _error(detail: str) -> Heard:
    told = detail.lower()
    if "already subscribed" in told:
        return Heard("subscribed", detail=detail, number=OLDEST)
    if "invalid product" in told or "not subscribed" in told:
        return Heard("refused", detail=detail, number=OLDEST)
    return Heard("failed", detail=detail, number=OLDEST)


VENUE: Venue = KrakenFutures()
