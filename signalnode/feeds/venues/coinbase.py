"""Coinbase Advanced Trade: the channels `l2_data`, `market_trades` and `status`.

Formats: Coinbase, "Advanced Trade WebSocket Channels". A trade's `side` is the maker's: on the recordings 75
of 76 trades at the touch were SELL at the ask or BUY at the bid; so the other side took. Trades come newest
first, gathered over up to 250 ms; the list of past ones that opens the channel is no news and gives no event.

`sequence_num` counts every message of a connection, whatever its channel. A hole in it may have held book
updates, so the book is distrusted until its next snapshot, which Coinbase sends on subscribing. Quotes are
the top of that book.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from signalnode.book import Delta
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    Timestamp,
    time_ns_of,
    trade_row,
)
from signalnode.ladder import Level

SILENT_CHANNELS = frozenset({"subscriptions", "heartbeats", "candles", "ticker", "ticker_batch"})
OPEN_STATES = frozenset({"online"})  # of a product; offline, internal and delisted trade nothing


class _Frame(msgspec.Struct):
    channel: str
    timestamp: Timestamp
    sequence_num: int
    events: msgspec.Raw


class _Level(msgspec.Struct):
    side: Literal["bid", "offer"]
    price: float = msgspec.field(name="price_level")
    size: float = msgspec.field(name="new_quantity")


class _BookEvent(msgspec.Struct):
    type: Literal["snapshot", "update"]
    product_id: str
    updates: msgspec.Raw


class _Trade(msgspec.Struct):
    product_id: str
    trade_id: int
    price: float
    size: float
    time: Timestamp
    side: Literal["BUY", "SELL"]


class _TradeEvent(msgspec.Struct):
    type: Literal["snapshot", "update"]
    trades: list[_Trade]


class _Product(msgspec.Struct):
    id: str
    status: str = ""


class _StatusEvent(msgspec.Struct):
    products: list[_Product]


_frame = msgspec.json.Decoder(_Frame)
_books = msgspec.json.Decoder(list[_BookEvent])
_levels = msgspec.json.Decoder(list[_Level], strict=False)  # lax: numbers come as strings
_trades = msgspec.json.Decoder(list[_TradeEvent], strict=False)
_states = msgspec.json.Decoder(list[_StatusEvent])


class CoinbaseDecoder(MarketDecoder):
    """Decoder of one product; see `base.Decoder`."""

    loss_seen_by = "sequence"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._sequence = -1  # newest message of the connection
        self._book_messages = 0  # Coinbase numbers connections, not books; so we number the book's messages

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        head = _frame.decode(frame)
        self._on_sequence(head.sequence_num)
        if head.channel == "l2_data":
            return self._on_books(head, time_received_ns)
        if head.channel == "market_trades":
            return [
                row for one in _trades.decode(head.events) for row in self._on_trades(one, time_received_ns)
            ]
        if head.channel == "status":
            for told in _states.decode(head.events):
                for each in told.products:
                    self._hear_state(each.id, each.status, OPEN_STATES)
            return ()
        if head.channel in SILENT_CHANNELS:
            return ()
        raise FrameFault("frame_unknown", f"no channel known as {head.channel[:40]!r}")

    def _on_sequence(self, sequence: int) -> None:
        if sequence > self._sequence + 1 > 0:
            self._on_fault(
                "sequence_gap", f"{sequence - self._sequence - 1} messages missing before {sequence}"
            )
            self.watch.book.forget()
        elif sequence <= self._sequence:  # a new connection
            self.watch.book.forget()
        self._sequence = sequence

    def _on_books(self, head: _Frame, time_received_ns: int) -> Sequence[Row]:
        time_event_ns, rows = time_ns_of(head.timestamp), list[Row]()
        try:
            for event in _books.decode(head.events):
                rows += self._on_book(event, time_event_ns, time_received_ns)
        except ValueError:
            self.watch.distrust()  # it may have been an update of ours, and its number counts as seen
            raise
        return rows

    def _on_book(self, event: _BookEvent, time_event_ns: int, time_received_ns: int) -> Iterator[Row]:
        if not self._is_ours(event.product_id):
            return
        levels = _levels.decode(event.updates)  # read of our own product's alone
        bids: list[Level] = [(level.price, level.size) for level in levels if level.side == "bid"]
        asks: list[Level] = [(level.price, level.size) for level in levels if level.side == "offer"]
        self._book_messages += 1
        number, book = self._book_messages, self.watch.book
        if event.type == "snapshot":
            status = book.snapshot(number, bids, asks)
        else:
            status = book.apply(Delta(number, number, bids, asks))
        yield from self.watch.rows_and_quote_after(status, time_event_ns, time_received_ns)

    def _on_trades(self, event: _TradeEvent, time_received_ns: int) -> Iterator[Row]:
        for trade in reversed(event.trades):
            if not self._is_ours(trade.product_id):
                continue
            if event.type == "snapshot":
                self._trades.begin_at(trade.trade_id)
            elif self._trades.is_new(trade.trade_id):
                side = 1 if trade.side == "SELL" else -1
                yield trade_row(time_ns_of(trade.time), time_received_ns, side, trade.price, trade.size)


DECODER: DecoderClass = CoinbaseDecoder
