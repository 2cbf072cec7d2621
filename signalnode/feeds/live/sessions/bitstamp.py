"""Bitstamp: WebSocket API v2.

Source: Bitstamp, "WebSocket API v2". A channel is named with its market, `live_trades_btcusd`; an answer
names it, an error nothing. A market that there is not is agreed to as well, and brings nothing; only a
channel that is spelt otherwise is an error (others measured it in September 2026). The client may send
`bts:heartbeat`, and gets one back; `bts:request_reconnect` says that the connection is about to go. One lives
90 days and bears 1,024 channels, and frames of 512 bytes. Of how often one may ask nothing is published; REST
400 requests a second, and 10,000 in ten minutes.

Of its books we hear `order_book`, the best 100 levels a side, whole each time. `diff_order_book` numbers
nothing, wants a book from REST that is a second behind, and is wrong for good after a loss that nobody sees.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import OLDEST, UNREADABLE, Heard, Limits, Ping, Venue, What
from signalnode.feeds.venues.base import plain_symbol

BOOK, TRADES = "order_book", "live_trades"
SECONDS_PER_DAY = 86_400.0
DOUBLED = "already subscribed"
_WHATS: dict[str, What] = {
    "data": "data",
    "trade": "data",
    "bts:subscription_succeeded": "subscribed",
    "bts:unsubscription_succeeded": "unsubscribed",
}


class _Said(msgspec.Struct):
    message: str = ""


class _Frame(msgspec.Struct):
    event: str = ""
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


_frame = msgspec.json.Decoder(_Frame)
_said = msgspec.json.Decoder(_Said)


class Bitstamp(Venue):
    """See `base.Venue`."""

    name = "bitstamp"
    ws_url = "wss://ws.bitstamp.net"
    rest_url = "https://www.bitstamp.net"
    channels: tuple[str, ...] = (BOOK, TRADES)
    ping = Ping(b'{"event":"bts:heartbeat"}', 15.0)
    limits = Limits(
        markets_max=25,
        connects_max=10,
        connects_period_s=60.0,
        sends_per_s=10.0,
        sends_at_once=50,  # all of one connection; its REST bears 400 a second
        silence_s_max=40.0,  # two heartbeats without an answer
        lifetime_s_max=90 * SECONDS_PER_DAY,
    )

    def symbol(self, market: str) -> str:
        """BTC-USD as btcusd."""
        return plain_symbol(market).lower()

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return _request("bts:subscribe", symbols[0], channel)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return _request("bts:unsubscribe", symbols[0], channel)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _frame.decode(frame)
        except UNREADABLE:
            return Heard("torn", _named_in(frame, symbols))
        channel, _, symbol = head.channel.rpartition("_")
        what = _WHATS.get(head.event)
        if what is not None and channel in self.channels:
            return Heard(what, symbol, channel)
        if head.event == "bts:request_reconnect":
            return Heard("retiring", detail="Bitstamp asks for a new connection")
        if head.event == "bts:error":
            detail = _message(head.data)
            what = "subscribed" if DOUBLED in detail.lower() else "refused"
            return Heard(what, symbol, channel, detail, 0 if symbol else OLDEST)
        return Heard("noise", detail=f"an event {head.event[:40]!r}")


def _request(event: str, symbol: str, channel: str) -> bytes:
    return msgspec.json.encode({"event": event, "data": {"channel": f"{channel}_{symbol}"}})


def _message(data: msgspec.Raw) -> str:
    try:
        return _said.decode(data).message[:200] if data else ""
    except UNREADABLE:
        return ""


def _named_in(frame: bytes, symbols: Collection[str]) -> str:
    """The one market whose channel stands in a frame that cannot be read; "" for none, or several."""
    found = [symbol for symbol in symbols if b"_" + symbol.encode() + b'"' in frame]
    return found[0] if len(found) == 1 else ""


VENUE: Venue = Bitstamp()
