"""Bybit v5: the topics `publicTrade` and `orderbook`, of spot, linear and inverse.

Formats: Bybit, "V5 API, WebSocket Stream, Public". `S` is the taker's side: on a recording 120 of 120 trades
at the ask were `Buy`, 227 of 227 at the bid `Sell`. Block trades (`BT`), agreed upon elsewhere, are left out.

A book of 50, 200 or 1000 levels a side is kept to so many by the venue. Its snapshot comes in the stream, and
replaces the book whenever it comes, as after a restart of theirs, with `u` 1; an update has the `u` after the
one before. Where several books come, depth is of the deepest. Quotes are the top of `orderbook.1` where that
comes, which is sent anew after 3 s without a change, and of the book elsewhere, or once that is silent.

A frame does not say whose category its symbol is of: BTCUSDT is traded spot and linear. The address of the
connection says it. `linear:BTCUSDT` names one; BTCUSDT alone is what comes first, and frames of the other are
left out as `category_differs`. Sizes of inverse contracts are USD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from signalnode.book import Book, Top
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    TradeNames,
    base_units,
    plain_symbol,
    quote_row,
    trade_row,
)

Levels = list[tuple[float, float]]
EMPTY = msgspec.Raw(b"")
CATEGORIES = ("spot", "linear", "inverse")
TOUCH_SILENT_NS = 6 * NS_PER_S  # after which `orderbook.1` has died
WINDOWS = {"1": 1, "25": 25, "50": 50, "100": 100, "200": 200, "500": 500, "1000": 1000}  # levels a side
SILENT_TOPICS = frozenset(
    {
        *(
            "tickers",
            "kline",
            "liquidation",
            "allLiquidation",
            "priceLimit",
            "adlAlert",
            "insurance",
            "system",
        ),
        *("tickers_lt", "kline_lt", "lt"),
    }
)
LATE_MAX = 1_000  # updates behind the newest; further, their counting began anew
INVERSE = re.compile(r"[A-Z0-9]+USD([FGHJKMNQUVXZ]\d\d)?")  # BTCUSD, and BTCUSDH26 that expires


class _Frame(msgspec.Struct):
    topic: str = ""
    kind: str = msgspec.field(default="", name="type")
    time_ms: int = msgspec.field(default=0, name="ts")
    matched_ms: int = msgspec.field(default=0, name="cts")  # when the matching engine made it
    data: msgspec.Raw = EMPTY
    operation: str = msgspec.field(default="", name="op")
    success: bool = True
    said: str = msgspec.field(default="", name="ret_msg")


class _Book(msgspec.Struct):
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    update_id: int = msgspec.field(name="u")


class _Trade(msgspec.Struct):
    name: str = msgspec.field(name="i")
    time_ms: int = msgspec.field(name="T")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="v")
    side: Literal["Buy", "Sell"] = msgspec.field(name="S")
    is_block: bool = msgspec.field(default=False, name="BT")


_frame = msgspec.json.Decoder(_Frame)
_book = msgspec.json.Decoder(_Book, strict=False)  # lax: numbers come as strings
_trades = msgspec.json.Decoder(list[_Trade], strict=False)


class BybitDecoder(MarketDecoder):
    """Decoder of one symbol; see `base.Decoder`. The market may say its category: `linear:BTCUSDT`."""

    loss_seen_by = "sequence"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        category, _, symbol = market.rpartition(":")
        super().__init__(symbol, depth_bps, on_fault)
        self._on_fault = on_fault
        self._names = TradeNames(on_fault)
        self._is_named = bool(category)
        self._category = category  # the market's; "" until that is known
        self._heard = ""  # category of the connection
        self._window = 0  # levels a side of the deepest book
        self._touch: Book | None = None  # of `orderbook.1`
        self._touch_top: Top | None = None
        self._touched_ns = 0

    def on_address(self, address: str) -> None:
        """Learn the category: the address ends in it."""
        last = address.rpartition("/")[2]
        self._heard = last if last in CATEGORIES else ""

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        try:
            head = _frame.decode(frame)
            channel, _, rest = head.topic.partition(".")
            if channel == "orderbook":
                return self._on_book(head, rest, time_received_ns)
        except ValueError:
            self.watch.distrust()  # it may have been an update of ours
            raise
        if channel == "publicTrade":
            return self._on_trades(head, rest, time_received_ns)
        if channel in SILENT_TOPICS:
            return ()
        if not head.operation or channel:
            raise FrameFault("frame_unknown", f"no topic known as {head.topic[:40]!r}")
        if not head.success:
            raise FrameFault("subscription_refused", f"{head.operation[:20]}: {head.said[:100]}")
        return ()

    def _is_ours(self, symbol: str) -> bool:
        heard = self._heard
        is_alike = plain_symbol(symbol) == self.symbol
        if heard and not (is_alike and self._category in ("", heard)):
            if is_alike and not self._is_named:
                self._on_fault(
                    "category_differs", f"{symbol} is {heard} here: set `symbol` to {heard}:{symbol}"
                )
            return super()._is_ours(f"{heard}:{symbol}")
        if is_alike:
            self._category = self._category or heard
        return super()._is_ours(symbol)

    def _counts_usd(self, symbol: str) -> bool:
        if self._category:
            return self._category == "inverse"
        return INVERSE.fullmatch(symbol) is not None

    def _on_trades(self, head: _Frame, symbol: str, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(symbol):
            return ()
        in_usd, rows = self._counts_usd(symbol), []
        for t in _trades.decode(head.data):
            if t.is_block or not self._names.is_new(t.name):
                continue
            size = base_units(t.size, 1.0, t.price) if in_usd else t.size
            side = 1 if t.side == "Buy" else -1
            rows.append(trade_row(t.time_ms * NS_PER_MS, time_received_ns, side, t.price, size))
        return rows

    def _on_book(self, head: _Frame, rest: str, time_received_ns: int) -> Sequence[Row]:
        levels, _, symbol = rest.partition(".")
        if levels not in WINDOWS:
            raise FrameFault("frame_unknown", f"no topic known as {head.topic[:40]!r}")
        window, is_image = WINDOWS[levels], head.kind == "snapshot"
        if not self._is_ours(symbol) or (window > 1 and not self._is_deepest(window, is_image)):
            return ()
        d = _book.decode(head.data)
        if self._counts_usd(symbol):
            d.bids = [(price, base_units(size, 1.0, price)) for price, size in d.bids]
            d.asks = [(price, base_units(size, 1.0, price)) for price, size in d.asks]
        time_event_ns = (head.matched_ms or head.time_ms) * NS_PER_MS
        if window == 1:
            return self._on_touch(d, is_image, time_event_ns, time_received_ns)
        book = self.watch.book
        if is_image:
            status = book.replace(d.update_id, d.bids, d.asks, window)
        elif d.update_id == book.last_id:
            return ()
        else:
            status = book.follow(d.update_id - 1, d.update_id, d.bids, d.asks)
        if self._touch is not None and time_received_ns - self._touched_ns > TOUCH_SILENT_NS:
            self._touch = self._touch_top = None
            self.watch.forget_quote()
        if self._touch is not None:
            return self.watch.rows_after(status, time_event_ns, time_received_ns)
        return self.watch.rows_and_quote_after(status, time_event_ns, time_received_ns)

    def _is_deepest(self, window: int, is_image: bool) -> bool:
        if is_image:
            self._window = max(self._window, window)
        return window >= self._window

    def _on_touch(self, d: _Book, is_image: bool, time_event_ns: int, time_received_ns: int) -> Sequence[Row]:
        touch = self._touch = self._touch or Book()
        self._touched_ns = time_received_ns
        if 0 < touch.last_id - d.update_id <= LATE_MAX:
            self._on_fault("frame_late", f"update {d.update_id} behind {touch.last_id}")
            return ()
        if is_image:
            touch.replace(d.update_id, d.bids, d.asks, 1)
        else:
            touch.follow(d.update_id - 1, d.update_id, d.bids, d.asks)
        if touch.status != "synced":  # the deeper book tells until the next
            self._touch = None
        was, self._touch_top = self._touch_top, touch.top()
        if self._touch_top is None or self._touch_top == was:
            return ()
        return (quote_row(time_event_ns, time_received_ns, *self._touch_top),)


DECODER: DecoderClass = BybitDecoder
