"""Coinbase Advanced Trade: the market data socket, for which no key is needed.

Source: Coinbase, "Advanced Trade WebSocket Overview", "... Channels", "... Rate Limits": the first request
within 5 s, else it closes; 8 connects and 8 requests a second of one address; most channels close after 60 to
90 s without an update unless `heartbeats`, one a second, is subscribed to. Connections are made so slowly
that those opened within a second spend 6 of the 8 requests.

`sequence_num` counts every frame of a connection, acknowledgements and heartbeats as well (1,029 of 1,029 on
a recording), so every market of a connection gets them all, and a hole costs each its book: hence few
markets on one. The whole book comes first, 4.8 MB for BTC-USD, and before the answer to its subscription.

Products in USDC share the book of those in USD, and their frames are called by those (ccxt resolves both; 400
of 405 on a recorded listing). Of the few that do not, a market's file names the `symbol`.

`status` says every so often which of the named products trade ("Sends all products and currencies on a preset
interval"); a market is heard without it, where it is not to be had.

An answer says no more than all that is subscribed to now; an error says neither channel nor product, and has
no number. Requests are answered in order, so it is about the oldest without an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import OLDEST, UNREADABLE, Heard, Limits, Venue

BOOK, TRADES, STATUS = "level2", "market_trades", "status"
DATA = {"l2_data": BOOK, "market_trades": TRADES}  # what a channel is called in its frames
FOR_GOOD = ("invalid", "unknown", "not found", "not supported", "does not exist", "authentication")


class _Product(msgspec.Struct):
    product_id: str = ""


class _Event(msgspec.Struct):
    product_id: str = ""
    trades: list[_Product] = []
    subscriptions: dict[str, list[str]] = {}


class _Head(msgspec.Struct):
    channel: str = ""
    type: str = ""
    message: str = ""
    events: list[_Event] = []


_head = msgspec.json.Decoder(_Head)


class Coinbase(Venue):
    """See `base.Venue`."""

    name = "coinbase"
    ws_url = "wss://advanced-trade-ws.coinbase.com"
    rest_url = "https://api.coinbase.com"
    is_counted = True
    channels: tuple[str, ...] = (BOOK, TRADES, STATUS)
    optional = frozenset({STATUS})
    standing: tuple[bytes, ...] = (b'{"type":"subscribe","channel":"heartbeats"}',)
    limits = Limits(
        markets_max=4,
        connects_max=2,
        connects_period_s=1.0,
        sends_per_s=3.0,
        asks_max=4,
        silence_s_max=10.0,
        frame_bytes_max=16_000_000,  # a recording bears 16 MiB a line
    )

    def symbol(self, market: str) -> str:
        """As ours: BTC-USD, which BTC-USDC is another name of."""
        return market.removesuffix("C") if market.endswith("-USDC") else market

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """One channel a request, as the venue wants it."""
        return msgspec.json.encode({"type": "subscribe", "product_ids": symbols, "channel": channel})

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return msgspec.json.encode({"type": "unsubscribe", "product_ids": symbols, "channel": channel})

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _head.decode(frame)
        except UNREADABLE:
            return Heard("torn")
        if head.type == "error":
            return self._error(head.message[:200], symbols)
        event = head.events[0] if head.events else _Event()
        if head.channel == "subscriptions":
            listed = [(each, of) for of, products in event.subscriptions.items() for each in products]
            return Heard("subscribed", listed=frozenset(listed))
        if head.channel == STATUS:
            return Heard("data", "", STATUS)
        if head.channel not in DATA:
            return Heard("data" if head.channel else "noise", detail=f"a frame of {head.channel[:40]!r}")
        symbol = event.product_id or (event.trades[0].product_id if event.trades else "")
        return Heard("data", symbol, DATA[head.channel])

    def _error(self, detail: str, symbols: Collection[str]) -> Heard:
        named = [symbol for symbol in symbols if symbol in detail]
        is_final = any(word in detail.lower() for word in FOR_GOOD)
        symbol = named[0] if len(named) == 1 else ""
        return Heard("refused" if is_final else "failed", symbol, detail=detail, number=OLDEST)


VENUE: Venue = Coinbase()
