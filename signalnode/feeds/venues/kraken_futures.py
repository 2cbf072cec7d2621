"""Kraken Futures: the feeds `trade` and `book`.

Formats: Kraken, "Futures WebSocket API, Public Feeds". `side` of a trade is the taker's (3 of 3 on a
recording). `trade_snapshot` lists past trades: no news. `book_snapshot` replaces the book; each `book`
message after it is one level, with the `seq` after the one before, no trade's. `ticker` says whether a
product is suspended.

`PI_` and `FI_` products, inverse, count contracts of 1 USD; sizes of all others are in base units. The names
come in upper case: PI_XBTUSD.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from signalnode.clock import NS_PER_MS
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    TradeNames,
    base_units,
    trade_row,
)

FLOW = ("fill", "liquidation")  # types of a trade; blocks and assignments are no order flow
SILENT_FEEDS = frozenset({"ticker_lite", "heartbeat", "trade_snapshot"})
INVERSE = ("PI_", "FI_")
CONTRACT_USD = 1.0


class _Head(msgspec.Struct):
    feed: str = ""
    event: str = ""
    message: str = ""
    product: str = msgspec.field(default="", name="product_id")


class _Level(msgspec.Struct):
    price: float
    size: float = msgspec.field(name="qty")


class _Snapshot(msgspec.Struct):
    product: str = msgspec.field(name="product_id")
    time_ms: int = msgspec.field(name="timestamp")
    number: int = msgspec.field(name="seq")
    bids: list[_Level]
    asks: list[_Level]


class _Update(msgspec.Struct):
    product: str = msgspec.field(name="product_id")
    time_ms: int = msgspec.field(name="timestamp")
    number: int = msgspec.field(name="seq")
    side: Literal["buy", "sell"]
    price: float
    size: float = msgspec.field(name="qty")


class _Trade(msgspec.Struct):
    product: str = msgspec.field(name="product_id")
    time_ms: int = msgspec.field(name="time")
    name: str = msgspec.field(name="uid")
    side: Literal["buy", "sell"]
    price: float
    size: float = msgspec.field(name="qty")
    kind: str = msgspec.field(default="fill", name="type")


class _State(msgspec.Struct):
    product: str = msgspec.field(default="", name="product_id")
    suspended: bool = False


_head = msgspec.json.Decoder(_Head)
_snapshot = msgspec.json.Decoder(_Snapshot)
_update = msgspec.json.Decoder(_Update)
_trade = msgspec.json.Decoder(_Trade)
_state = msgspec.json.Decoder(_State)


class KrakenFuturesDecoder(MarketDecoder):
    """Decoder of one product; see `base.Decoder`."""

    loss_seen_by = "sequence"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._names = TradeNames(on_fault)

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        head = _head.decode(frame)
        if head.event in ("error", "alert"):
            raise FrameFault("subscription_refused", f"{head.event}: {head.message[:100]}")
        if head.event or head.feed in SILENT_FEEDS:
            return ()
        try:
            if head.feed == "book":
                return self._on_update(_update.decode(frame), time_received_ns)
            if head.feed == "book_snapshot":
                return self._on_snapshot(_snapshot.decode(frame), time_received_ns)
        except ValueError:
            self._doubt(head.product)
            raise
        if head.feed == "trade":
            return self._on_trade(_trade.decode(frame), time_received_ns)
        if head.feed == "ticker":
            told = _state.decode(frame)
            self._hear_state(told.product, "suspended" if told.suspended else "open", ("open",))
            return ()
        raise FrameFault("frame_unknown", f"no feed known as {head.feed[:40]!r}")

    def _on_snapshot(self, s: _Snapshot, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(s.product):
            return ()
        bids, asks = (
            [(level.price, _size(level.size, level.price, s.product)) for level in side]
            for side in (s.bids, s.asks)
        )
        status = self.watch.book.replace(s.number, bids, asks)
        return self.watch.rows_and_quote_after(status, s.time_ms * NS_PER_MS, time_received_ns)

    def _on_update(self, u: _Update, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(u.product):
            return ()
        level = [(u.price, _size(u.size, u.price, u.product))]
        bids, asks = (level, []) if u.side == "buy" else ([], level)
        status = self.watch.book.follow(u.number - 1, u.number, bids, asks)
        return self.watch.rows_and_quote_after(status, u.time_ms * NS_PER_MS, time_received_ns)

    def _on_trade(self, t: _Trade, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(t.product) or t.kind not in FLOW or not self._names.is_new(t.name):
            return ()
        side = 1 if t.side == "buy" else -1
        size = _size(t.size, t.price, t.product)
        return (trade_row(t.time_ms * NS_PER_MS, time_received_ns, side, t.price, size),)


def _size(size: float, price: float, product: str) -> float:
    return base_units(size, CONTRACT_USD, price) if product.upper().startswith(INVERSE) else size


DECODER: DecoderClass = KrakenFuturesDecoder
