"""Kraken spot, protocol v2: the channels `book`, `trade`, and `instrument`, which says what trades.

Formats: Kraken, "WebSocket API v2". A trade's `side` is the taker's, its number consecutive; a `snapshot` of
trades are past ones, and no news.

The book is the best so many levels a side, as subscribed to; what falls out of those is not told. It has no
sequence but a checksum in each message: CRC32 of the ten best asks and the ten best bids, each as the digits
of its price and of its size as they were sent, without the point and without leading zeros ("Book checksum
guide"). So numbers are taken as text. A book that does not give the venue's checksum waits for its next
snapshot, and a level behind the tenth is as good as the updates that did come.

How deep the book is says the answer to the subscription. Where that did not come it is the least of the
depths that Kraken has (DEPTHS) and that holds the snapshot.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
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
    plain_symbol,
    time_ns_of,
    trade_row,
)
from signalnode.ladder import Level

DEPTHS = (10, 25, 100, 500, 1_000)
CHECKED = 10  # best levels a side that the checksum covers
OPEN_STATES = frozenset({"online", "limit_only", "reduce_only"})  # of an instrument, and of the venue
SILENT_CHANNELS = frozenset({"heartbeat", "ticker", "ohlc"})
TEXT_MAX = 64  # characters of a number
NUMBERS_MAX = 4_096  # texts of them kept at hand, under 1 MB: prices and the size 0 come again and again
EMPTY = msgspec.Raw(b"")


class _Result(msgspec.Struct):
    channel: str = ""
    symbol: str = ""
    depth: int = 0


class _Frame(msgspec.Struct):
    channel: str = ""
    type: str = ""
    data: msgspec.Raw = EMPTY
    method: str = ""
    success: bool = True
    error: str = ""
    symbol: str = ""
    result: _Result | None = None


class _Status(msgspec.Struct):
    connection_id: int = 0
    system: str = ""


class _Market(msgspec.Struct):
    symbol: str
    status: str = ""


class _Instruments(msgspec.Struct):
    markets: list[_Market] = msgspec.field(default_factory=list, name="pairs")


class _Level(msgspec.Struct):
    price: msgspec.Raw
    qty: msgspec.Raw


class _Book(msgspec.Struct):
    symbol: str
    bids: list[_Level]
    asks: list[_Level]
    checksum: int
    timestamp: Timestamp | None = None


class _Trade(msgspec.Struct):
    symbol: str
    side: Literal["buy", "sell"]
    price: float
    qty: float
    trade_id: int
    timestamp: Timestamp


_frame = msgspec.json.Decoder(_Frame)
_statuses = msgspec.json.Decoder(list[_Status])
_instruments = msgspec.json.Decoder(_Instruments)
_books = msgspec.json.Decoder(list[_Book])
_trades = msgspec.json.Decoder(list[_Trade])


class KrakenDecoder(MarketDecoder):
    """Decoder of one symbol; see `base.Decoder`."""

    loss_seen_by = "checksum"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._connection = 0
        self._system_halt = self._market_halt = ""
        self._depth = 0  # levels a side, as subscribed to; 0 where that is not known
        self._number = 0  # of the book's messages, ours
        self._bid_digits: dict[float, bytes] = {}  # what the checksum takes of a level, by −price
        self._ask_digits: dict[float, bytes] = {}  # by price
        self._best: tuple[list[float], list[float]] = [], []  # levels that the last checksum was of
        self._bid_text = self._ask_text = b""  # and what it took of them

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        try:
            head = _frame.decode(frame)
        except ValueError:
            self.watch.distrust()  # it may have been an update of ours
            raise
        if head.channel == "book":
            return self._on_books(head, time_received_ns)
        if head.channel == "trade":
            return list(self._on_trades(head, time_received_ns))
        if head.channel == "status":
            self._on_status(head)
        elif head.channel == "instrument":
            self._on_instruments(head)
        elif head.method or head.error:
            self._on_answer(head)
        elif head.channel not in SILENT_CHANNELS:
            raise FrameFault("frame_unknown", f"no channel known as {head.channel[:40]!r}")
        return ()

    def _on_status(self, head: _Frame) -> None:
        for status in _statuses.decode(head.data):
            if status.connection_id != self._connection:
                self._connection = status.connection_id
                self.watch.distrust()
            if status.system:
                self._system_halt = "" if status.system in OPEN_STATES else status.system
        self.halt = self._system_halt or self._market_halt

    def _on_instruments(self, head: _Frame) -> None:
        self.halt = self._market_halt
        for market in _instruments.decode(head.data).markets:
            self._hear_state(market.symbol, market.status, OPEN_STATES)
        self._market_halt, self.halt = self.halt, self._system_halt or self.halt

    def _on_answer(self, head: _Frame) -> None:
        result = head.result or _Result()
        symbol = head.symbol or result.symbol
        if symbol and plain_symbol(symbol) != self.symbol:
            return
        if head.error or not head.success:
            raise FrameFault("subscription_refused" if head.method else "venue_error", head.error)
        if result.channel == "book":
            if head.method == "subscribe":
                self._depth = result.depth if result.depth in DEPTHS else 0
            elif head.method == "unsubscribe":
                self.watch.distrust()

    def _on_trades(self, head: _Frame, time_received_ns: int) -> Iterator[Row]:
        for t in _trades.decode(head.data):
            if not self._is_ours(t.symbol):
                continue
            if head.type == "snapshot":
                self._trades.begin_at(t.trade_id)
            elif self._trades.is_new(t.trade_id):
                side = 1 if t.side == "buy" else -1
                yield trade_row(time_ns_of(t.timestamp), time_received_ns, side, t.price, t.qty)

    def _on_books(self, head: _Frame, time_received_ns: int) -> Sequence[Row]:
        try:
            rows: list[Row] = []
            for book in _books.decode(head.data):
                if self._is_ours(book.symbol):
                    rows += self._on_book(book, head.type, time_received_ns)
        except ValueError:
            self.watch.distrust()  # what cannot be read may have been ours
            raise
        return rows

    def _on_book(self, message: _Book, kind: str, time_received_ns: int) -> Sequence[Row]:
        bids, bid_digits = _levels_of(message.bids, -1)
        asks, ask_digits = _levels_of(message.asks, 1)
        self._number += 1
        book = self.watch.book
        if kind == "snapshot":
            self._bid_digits, self._ask_digits = bid_digits, ask_digits
            self._best = [], []
            book.replace(self._number, bids, asks, max(self._depth, _depth_of(bids, asks)))
            self._check(message.checksum, bid_digits, ask_digits)
        elif book.status not in ("empty", "gap"):
            self._bid_digits.update(bid_digits)
            self._ask_digits.update(ask_digits)
            book.apply(Delta(0, self._number, bids, asks))
            self._check(message.checksum, bid_digits, ask_digits)
        else:
            book.apply(Delta(0, self._number, bids, asks))
        time_event_ns = time_ns_of(message.timestamp) if message.timestamp else time_received_ns
        return self.watch.rows_and_quote_after(book.status, time_event_ns, time_received_ns)

    def _check(self, checksum: int, newer_bids: dict[float, bytes], newer_asks: dict[float, bytes]) -> None:
        """Hold the book against the venue's checksum. Only a side whose best levels are others, or have news
        among `newer_…`, is put together anew.
        """
        (best_bids, best_asks), (bids, asks) = self._best, self.watch.book.best(CHECKED)
        if bids != best_bids or not newer_bids.keys().isdisjoint(bids):
            self._bid_text = b"".join([self._bid_digits[key] for key in bids])
        if asks != best_asks or not newer_asks.keys().isdisjoint(asks):
            self._ask_text = b"".join([self._ask_digits[key] for key in asks])
        self._best = bids, asks
        found = zlib.crc32(self._bid_text, zlib.crc32(self._ask_text))
        if found != checksum:
            self._on_fault("checksum_differs", f"the book gives {found}, the venue {checksum}")
            self.watch.distrust()
        elif max(len(self._bid_digits), len(self._ask_digits)) > 2 * DEPTHS[-1]:
            self._forget_what_is_gone()

    def _forget_what_is_gone(self) -> None:
        bids, asks = self.watch.book.levels()
        self._bid_digits = {-price: self._bid_digits[-price] for price, _ in bids}
        self._ask_digits = {price: self._ask_digits[price] for price, _ in asks}


def _depth_of(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    levels = max(len(bids), len(asks))
    return next((depth for depth in DEPTHS if depth >= levels), DEPTHS[-1])


def _levels_of(sent: Sequence[_Level], sign: int) -> tuple[list[Level], dict[float, bytes]]:
    """The levels as numbers, and by `sign` · price the digits that the checksum takes. Raises ValueError."""
    levels: list[Level] = []
    digits: dict[float, bytes] = {}
    for level in sent:
        (price, price_digits), (size, size_digits) = _number(bytes(level.price)), _number(bytes(level.qty))
        levels.append((price, size))
        digits[sign * price] = price_digits + size_digits
    return levels, digits


@lru_cache(NUMBERS_MAX)
def _number(text: bytes) -> tuple[float, bytes]:
    """What `text` is as a number, and the digits that the checksum takes of it. Raises ValueError."""
    if len(text) > TEXT_MAX:
        raise msgspec.ValidationError(f"a number of over {TEXT_MAX} characters")
    try:
        return float(text), text.replace(b".", b"").lstrip(b"0")
    except ValueError:
        raise msgspec.ValidationError(f"{text!r} is no number") from None


DECODER: DecoderClass = KrakenDecoder
