"""Bitstamp: the channels `live_trades`, `diff_order_book` and `order_book`.

Formats: Bitstamp, "WebSocket API v2". `type` of a trade is the taker's: 0 bought, 1 sold (10 of 10 by the
newer order's number). Prices and sizes come as number and as text; the text is the exact one.

`diff_order_book` needs the book from REST, `/api/v2/order_book/btcusd/`, which is about a second behind the
socket: changes are kept meanwhile, and those newer than its `microtimestamp` join it. Nothing shows a loss
but a book that crosses, and then for good: so a crossed book is distrusted until the next one from REST.
`order_book` sends the best 100 levels a side, whole each time; where it comes, it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from signalnode.book import Delta
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    TradeNames,
    plain_symbol,
    trade_row,
)

EMPTY = msgspec.Raw(b"")
WINDOW = 100  # levels a side of `order_book`
NS_PER_MICROSECOND = 1_000
# So little behind the newest a book is late; further behind, the newest one's time was wild.
LATE_US_MAX = 60_000_000
SILENT_CHANNELS = frozenset({"live_orders", "detail_order_book"})
BUY = 0


class _Frame(msgspec.Struct):
    event: str
    channel: str = ""
    data: msgspec.Raw = EMPTY


class _Error(msgspec.Struct):
    message: str = ""


class _Book(msgspec.Struct):
    time_us: int = msgspec.field(name="microtimestamp")
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class _Trade(msgspec.Struct):
    number: int = msgspec.field(name="id")
    time_us: int = msgspec.field(name="microtimestamp")
    side: int = msgspec.field(name="type")
    price: float = msgspec.field(name="price_str")
    size: float = msgspec.field(name="amount_str")


_frame = msgspec.json.Decoder(_Frame)
_error = msgspec.json.Decoder(_Error)
_book = msgspec.json.Decoder(_Book, strict=False)  # lax: numbers come as strings
_trade = msgspec.json.Decoder(_Trade, strict=False)


class BitstampDecoder(MarketDecoder):
    """Decoder of one pair; see `base.Decoder`."""

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._names = TradeNames(on_fault)
        self._has_images = False

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        head = _frame.decode(frame)
        channel, _, symbol = head.channel.rpartition("_")
        if head.event == "bts:error":
            raise FrameFault("subscription_refused", _error.decode(head.data).message[:100])
        if head.event.startswith("bts:") or channel in SILENT_CHANNELS:
            return ()
        try:
            if channel == "diff_order_book":
                return self._on_changes(symbol, head.data, time_received_ns)
            if channel == "order_book":
                return self._on_image(symbol, head.data, time_received_ns)
        except ValueError:
            self._doubt(symbol)
            raise
        if channel == "live_trades":
            return self._on_trade(symbol, head.data, time_received_ns)
        raise FrameFault("frame_unknown", f"no channel known as {head.channel[:40]!r}")

    def decode_reply(self, url: str, body: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in what was fetched from `url`; see `base.Decoder`."""
        before, _, symbol = urlsplit(url).path.rstrip("/").rpartition("/")
        if not before.endswith("/order_book") or self._has_images or plain_symbol(symbol) != self.symbol:
            return ()
        d = _book.decode(body)
        self.watch.book.snapshot(d.time_us, d.bids, d.asks)
        return self._rows(time_received_ns, time_received_ns)

    def _on_changes(self, symbol: str, data: msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(symbol) or self._has_images:
            return ()
        d = _book.decode(data)
        self.watch.book.apply(Delta(0, d.time_us, d.bids, d.asks))
        return self._rows(d.time_us * NS_PER_MICROSECOND, time_received_ns)

    def _on_image(self, symbol: str, data: msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(symbol):
            return ()
        d = _book.decode(data)
        newest_us = self.watch.book.last_id
        if newest_us - LATE_US_MAX <= d.time_us < newest_us:
            self._on_fault("frame_late", f"a book of {d.time_us} behind one of {newest_us}")
            return ()
        self._has_images = True
        self.watch.book.replace(d.time_us, d.bids, d.asks, WINDOW)
        return self._rows(d.time_us * NS_PER_MICROSECOND, time_received_ns)

    def _rows(self, time_event_ns: int, time_received_ns: int) -> Sequence[Row]:
        watch, status = self.watch, self.watch.book.status
        rows = watch.rows_and_quote_after(status, time_event_ns, time_received_ns)
        if status == "crossed" and not self._has_images:  # else the next one is another
            watch.distrust()
        return rows

    def _on_trade(self, symbol: str, data: msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(symbol):
            return ()
        t = _trade.decode(data)
        if not self._names.is_new(str(t.number)):
            return ()
        side = 1 if t.side == BUY else -1
        return (trade_row(t.time_us * NS_PER_MICROSECOND, time_received_ns, side, t.price, t.size),)


DECODER: DecoderClass = BitstampDecoder
