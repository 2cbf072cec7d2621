"""dYdX v4: the channels `v4_orderbook`, `v4_trades` and `v4_markets` of its indexer.

Formats: dYdX, "Indexer WebSocket API". A trade's `side` is the taker's. A deleveraging moves positions and is
no order flow, so it is left out; a liquidation is a trade. Trades listed in the answer to a subscription are
past ones, and no news. `v4_markets` says of each instrument whether it trades.

The book has no sequence, no checksum and no time, so its receive time stands for both, and a lost update
shows nowhere. What can be known is kept:

- an answer to a subscription is an image of the best SNAPSHOT_LEVELS a side, and replaces the book;
- updates of a connection that never sent an image, an update out of order (`message_id` rises; holes in it
  are other channels'), one that cannot be read: the book waits for its next image.

A book that crosses is normal here: there is no central one, and levels that are gone may stay for ever. The
venue's own rule ("How to uncross the orderbook") is to drop, of the two that cross, the one that was set
first. Each frame leaves the book uncrossed, so of two that cross one at least is of the newest frame; a batch
holds many updates, which are numbered in their order, and what the frame did not set is older than all of
them. Where both were set by one update, or were in one image, the larger is reduced by the smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec

from signalnode.book import BookStatus
from signalnode.clock import NS_PER_S
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    Timestamp,
    TradeNames,
    plain_symbol,
    time_ns_of,
    trade_row,
)
from signalnode.ladder import Level

SNAPSHOT_LEVELS = 100  # a side, at most, in the answer to a subscription
DROPS_MAX = 100  # crossing levels dropped in a minute; more, and the image is worth asking for again
DROPS_PERIOD_NS = 60 * NS_PER_S
BOOK, TRADES, MARKETS = "v4_orderbook", "v4_trades", "v4_markets"
OPEN_STATES = frozenset({"ACTIVE"})  # of an instrument; PAUSED, CANCEL_ONLY, FINAL_SETTLEMENT … trade nothing
SILENT_CHANNELS = frozenset({"", "v4_candles", "v4_block_height", "v4_subaccounts", "v4_parent_subaccounts"})
EMPTY = msgspec.Raw(b"")


class _Frame(msgspec.Struct):
    type: Literal[
        "connected", "subscribed", "unsubscribed", "channel_data", "channel_batch_data", "error", "pong"
    ]
    channel: str = ""
    id: str = ""
    connection_id: str = ""
    message_id: int = 0
    message: str = ""
    contents: msgspec.Raw = EMPTY


class _Level(msgspec.Struct):
    price: float
    size: float


class _Image(msgspec.Struct):
    bids: list[_Level]
    asks: list[_Level]


class _Update(msgspec.Struct):
    bids: list[Level] = []
    asks: list[Level] = []


class _Trade(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    side: Literal["BUY", "SELL"]
    price: float
    size: float
    created_at: Timestamp = msgspec.field(name="createdAt")
    type: str = "LIMIT"


class _Trades(msgspec.Struct):
    trades: list[_Trade]


class _Market(msgspec.Struct):
    status: str = ""
    number: str = msgspec.field(default="", name="clobPairId")


class _Markets(msgspec.Struct):
    markets: dict[str, _Market] = {}  # all there are, in the answer to a subscription
    trading: dict[str, _Market] = {}  # what has changed


# Lax, because dYdX sends every number that matters as a string.
_frame = msgspec.json.Decoder(_Frame)
_image = msgspec.json.Decoder(_Image, strict=False)
_update = msgspec.json.Decoder(_Update, strict=False)
_updates = msgspec.json.Decoder(list[_Update], strict=False)
_trades = msgspec.json.Decoder(_Trades, strict=False)
_markets = msgspec.json.Decoder(_Markets)
_market_lists = msgspec.json.Decoder(list[_Markets])
_trade_lists = msgspec.json.Decoder(list[_Trades], strict=False)


class DydxDecoder(MarketDecoder):
    """Decoder of one market; see `base.Decoder`."""

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._names = TradeNames(on_fault)
        self._connection: str | None = None  # that the book came over
        self._former: str | None = None  # the one before it
        self._message_id = 0  # newest of the book's
        self._number = 0  # of images and frames of updates of the book, ours
        self._drops = 0  # since `_drops_since_ns`
        self._drops_since_ns = 0

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        try:
            head = _frame.decode(frame)
        except ValueError:
            self.watch.distrust()  # it may have been an update of ours
            raise
        if head.type == "error":
            if head.id and plain_symbol(head.id) != self.symbol:
                return ()
            raise FrameFault("venue_error", head.message)
        if head.channel == BOOK and self._is_ours(head.id):
            try:
                return self._on_book(head, time_received_ns)
            except ValueError:
                self.watch.distrust()
                raise
        if head.channel == TRADES and self._is_ours(head.id):
            return list(self._on_trades(head, time_received_ns))
        if head.channel == MARKETS:
            self._on_markets(head)
            return ()
        if head.channel in SILENT_CHANNELS or head.channel in (BOOK, TRADES):
            return ()
        raise FrameFault("frame_unknown", f"no channel known as {head.channel[:40]!r}")

    def _on_markets(self, head: _Frame) -> None:
        is_image = head.type == "subscribed"
        said = [_markets.decode(head.contents)] if is_image else _lists_of(head, _markets, _market_lists)
        for one in said:
            for symbol, market in (*one.markets.items(), *one.trading.items()):
                self._hear_state(symbol, market.status, OPEN_STATES, market.number)

    def _on_trades(self, head: _Frame, time_received_ns: int) -> Iterator[Row]:
        for one in _lists_of(head, _trades, _trade_lists):
            for t in one.trades:
                if self._names.is_new(t.id) and t.type != "DELEVERAGED":
                    side = 1 if t.side == "BUY" else -1
                    yield trade_row(time_ns_of(t.created_at), time_received_ns, side, t.price, t.size)

    def _on_book(self, head: _Frame, time_received_ns: int) -> Sequence[Row]:
        if head.type == "subscribed":
            self._on_image(head)
            status = self.watch.book.status
        elif head.type == "unsubscribed":
            self.watch.distrust()
            return ()
        else:
            if head.connection_id == self._connection and head.message_id > self._message_id:
                self._message_id = head.message_id  # as nearly always
            elif head.connection_id == self._former or not self._is_first(head):
                return ()
            status = self._on_updates(head, time_received_ns)
        return self.watch.rows_and_quote_after(status, time_received_ns, time_received_ns)

    def _is_first(self, head: _Frame) -> bool:
        """Whether an update that does not go on from the one before is the first of its connection; distrust
        the book where one is missing.
        """
        if head.connection_id != self._connection:
            self.watch.distrust()
            return True
        if head.message_id == self._message_id:
            self._on_fault("frame_repeated", f"message {head.message_id} again")
            return False
        self._on_fault("frame_late", f"message {head.message_id} behind {self._message_id}")
        self.watch.distrust()
        return False

    def _on_image(self, head: _Frame) -> None:
        image = _image.decode(head.contents)
        if head.connection_id != self._connection:
            self._former, self._connection = self._connection, head.connection_id
        self._message_id = head.message_id
        self._number += 1
        bids, asks = ([(level.price, level.size) for level in side] for side in (image.bids, image.asks))
        self.watch.book.snapshot(self._number, bids, asks, SNAPSHOT_LEVELS)

    def _on_updates(self, head: _Frame, time_received_ns: int) -> BookStatus:
        if head.type == "channel_batch_data":  # as nearly always
            updates = _updates.decode(head.contents)
        else:
            updates = _lists_of(head, _update, _updates)
        bids: list[Level] = []
        asks: list[Level] = []
        for update in updates:
            bids += update.bids
            asks += update.asks
        self._number += 1
        status = self.watch.book.join(self._number, bids, asks)
        return self._uncross(updates, time_received_ns) if status == "crossed" else status

    def _uncross(self, updates: list[_Update], time_received_ns: int) -> BookStatus:
        """A book is left uncrossed by each frame, so what one has not set was there before, and alike."""
        book = self.watch.book
        bids_set = {price: number for number, one in enumerate(updates, 1) for price, _ in one.bids}
        asks_set = {price: number for number, one in enumerate(updates, 1) for price, _ in one.asks}
        while (crossed := book.crossing()) is not None:
            bid_set = bids_set.get(crossed.bid, 0)
            ask_set = asks_set.get(crossed.ask, 0)
            less = min(crossed.bid_size, crossed.ask_size)
            bid: list[Level] = [(crossed.bid, 0.0 if bid_set < ask_set else crossed.bid_size - less)]
            ask: list[Level] = [(crossed.ask, 0.0 if ask_set < bid_set else crossed.ask_size - less)]
            self._number += 1
            book.join(self._number, bid if bid_set <= ask_set else [], ask if ask_set <= bid_set else [])
            self._count_drop(time_received_ns)
        return book.status

    def _count_drop(self, time_received_ns: int) -> None:
        if time_received_ns - self._drops_since_ns >= DROPS_PERIOD_NS:
            self._drops, self._drops_since_ns = 0, time_received_ns
        self._drops += 1
        if self._drops == DROPS_MAX + 1:
            self._on_fault("book_drifted", f"over {DROPS_MAX} levels that crossed in a minute; a new image")


def _lists_of(head: _Frame, one: msgspec.json.Decoder[Any], many: msgspec.json.Decoder[Any]) -> list[Any]:
    """What the contents of a data frame hold, in order; an answer to a subscription holds no news."""
    if head.type == "channel_data":
        return [one.decode(head.contents)]
    return many.decode(head.contents) if head.type == "channel_batch_data" else []


DECODER: DecoderClass = DydxDecoder
