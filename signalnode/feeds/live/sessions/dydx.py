"""dYdX v4: the indexer's socket.

Source: dYdX, `indexer/services/socks` (subscription.ts, config.ts). It greets with `connected`; a connection
bears 32 subscriptions a channel; the same channel and market may be asked for twice a second, else it closes
with 1008, so each subscription waits `session.RENEW_S_MIN`. Other messages it does not count, but for those
that make no sense, two a second (config.ts: RATE_LIMIT_SUBSCRIBE_POINTS, keyed by channel and market, and
RATE_LIMIT_INVALID_MESSAGE_POINTS). It pings by protocol, each 30 s. The answer to a
subscription brings the book's image, so a new image is asked for by leaving and asking again.

`v4_markets` is of all markets, and has no id: what it says of their states goes to each.

An error mostly says neither channel nor market; those two that name them in their text are told apart here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import SOMEBODY, UNREADABLE, Heard, Limits, Venue, named_in

BOOK, TRADES, MARKETS = "v4_orderbook", "v4_trades", "v4_markets"
DOUBLED, BLOCKED = "already subscribed", "been blocked"  # in errors' texts; the latter names nothing else


class _Head(msgspec.Struct):
    type: str
    channel: str = ""
    id: str = ""
    message: str = ""


_head = msgspec.json.Decoder(_Head)
_WHATS = {
    "connected": "greeting",
    "subscribed": "subscribed",
    "unsubscribed": "unsubscribed",
    "channel_data": "data",
    "channel_batch_data": "data",
    "pong": "noise",
}


class Dydx(Venue):
    """See `base.Venue`."""

    name = "dydx"
    ws_url = "wss://indexer.dydx.trade/v4/ws"
    rest_url = "https://indexer.dydx.trade"
    greets = True
    answer_is_image = True
    channels: tuple[str, ...] = (BOOK, TRADES)
    standing = (msgspec.json.encode({"type": "subscribe", "channel": MARKETS, "batched": False}),)
    limits = Limits(
        markets_max=32,
        connects_max=10,  # none is published; it runs behind Cloudflare
        connects_period_s=60.0,
        sends_per_s=100.0,
        sends_at_once=65,  # all that a connection can be subscribed to
        refresh_s=300.0,
    )

    def symbol(self, market: str) -> str:
        """As ours: BTC-USD."""
        return market

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """Unbatched: a batch holds updates back for 250 ms. An answer names market and channel."""
        asked = {"type": "subscribe", "channel": channel, "id": symbols[0], "batched": False}
        return msgspec.json.encode(asked)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return msgspec.json.encode({"type": "unsubscribe", "channel": channel, "id": symbols[0]})

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _head.decode(frame)
        except UNREADABLE:
            return Heard("torn", named_in(frame, symbols))
        if head.type == "error":
            return self._error(head, symbols)
        if head.channel == MARKETS:  # of prices as well, several a second
            return Heard("data" if b'"status"' in frame else "noise", "", MARKETS)
        what = _WHATS.get(head.type)
        if what is None or (what not in {"greeting", "noise"} and not head.id):
            return Heard("noise", detail=f"a frame of type {head.type[:40]!r}")
        return Heard(what, head.id, head.channel)  # type: ignore[arg-type] # its values are

    def _error(self, head: _Head, symbols: Collection[str]) -> Heard:
        detail, symbol, channel = head.message[:200], head.id, head.channel
        if not symbol:  # "Invalid subscription id for channel: (v4_trades-XYZ-USD)"
            named = [
                (each, of) for each in self.channels for of in symbols if f"({each}-{of})" in head.message
            ]
            if BLOCKED in detail.lower():
                return Heard("refused", detail=detail, number=SOMEBODY)
            if len(named) != 1:
                return Heard("noise", detail=detail)
            channel, symbol = named[0]
        if DOUBLED in detail:  # the answer came while we were leaving, or asking again
            return Heard("subscribed", symbol, channel, detail)
        if "Invalid" not in detail:
            return Heard("failed", symbol, channel, detail)
        has_none = detail.startswith("Invalid subscription id")
        return Heard(
            "refused", symbol, channel, f"dydx has no such market ({detail})" if has_none else detail
        )


VENUE: Venue = Dydx()
