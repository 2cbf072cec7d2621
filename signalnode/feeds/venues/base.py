"""What the decoders of all venues share: rows, symbols, and the watch over books and trade numbers.

A decoder eats frames exactly as they came off the socket, with the time each was received, and gives event
rows; so the same one serves captures and live connections. It keeps out nothing but what it cannot read:
implausible values are the sieve's business.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal, Protocol

import msgspec

from signalnode.book import Book, BookStatus, Top
from signalnode.clock import NS_PER_S
from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.ladder import Level

Row = tuple[int, int, int, int, float, float, float, float, float, float, float, float]  # fields of EVENT
OnFault = Callable[[str, str], None]  # fault name, what was seen
# What shows that an update of the book was lost: numbers, a checksum, or nothing; or each message is whole.
LossSeenBy = Literal["sequence", "checksum", "nothing", "whole books"]
Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]  # ISO; one without a zone could be any

NO_VALUES, NO_QUOTE = (0.0, 0.0), (0.0, 0.0, 0.0, 0.0)  # of a trade or a depth, and of a quote
ROW = struct.Struct("<qqBb8d")  # packs a Row into the memory layout of EVENT
_pack = ROW.pack
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
OTHER_SYMBOLS_MAX = 100
TIME_REACH_NS = 2**63 - 1  # the furthest from 1970, either way, that an event's field can hold
PLAIN_MAX = 1_024  # symbols whose plain form is kept at hand
BELIEVED_NS = 4 * NS_PER_S  # a book that so long after its first thin image has another is as thin as that
TRADE_NAMES_MAX = 4_096  # newest trades whose names are kept: a busy minute, 0.5 MB
TRADE_REPEAT_MAX = 10_000  # so little behind the newest a number is a repeat; further, counting began anew


class FrameFault(Exception):  # noqa: N818 - it is what our words call it
    """A frame that cannot be used; `name` is the fault to count."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


class Decoder(Protocol):
    """One market's frames of one venue, in the order received."""

    symbol: str  # of the market, plain
    matched: int  # frames of that symbol so far (Coinbase: events and trades)
    others: dict[str, int]  # frames of other symbols, as the venue spells them; OTHER_SYMBOLS_MAX of them
    watch: BookWatch
    halt: str  # why the venue does not trade the market, in its own word; "" while it does, or says nothing

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in `frame`. Raises FrameFault, or ValueError (msgspec.DecodeError is one) where it is no
        JSON of the shape.
        """
        ...

    def decode_reply(self, url: str, body: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in what was fetched from `url` over HTTP. Raises as `decode`."""
        ...

    def on_address(self, address: str) -> None:
        """The frames from here on came over a connection to `address` (a URL), where that is known."""
        ...


DecoderClass = Callable[[str, float, OnFault], Decoder]  # market, depth_bps, on_fault


@lru_cache(PLAIN_MAX)
def plain_symbol(market: str) -> str:
    """`BTC-USDT`, `btc/usdt` or `BTCUSDT` as BTCUSDT."""
    return "".join(letter for letter in market if letter.isalnum()).upper()


def base_units(contracts: float, usd: float, price: float) -> float:
    """The size of contracts of so many USD each, in base units, at a price in USD."""
    return contracts * usd / price if price else contracts


def trade_row(time_event_ns: int, time_received_ns: int, side: int, price: float, size: float) -> Row:
    """A trade; `side` is +1 where the buyer took, −1 where the seller did."""
    return (time_event_ns, time_received_ns, TRADE, side, price, size, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def quote_row(  # noqa: PLR0917 - the fields of a quote, in order of EVENT
    time_event_ns: int, time_received_ns: int, bid: float, bid_size: float, ask: float, ask_size: float
) -> Row:
    """A best bid and ask."""
    return (time_event_ns, time_received_ns, QUOTE, 0, 0.0, 0.0, bid, bid_size, ask, ask_size, 0.0, 0.0)


def depth_row(time_event_ns: int, time_received_ns: int, bid_depth: float, ask_depth: float) -> Row:
    """Base units within the depth band on either side."""
    return (time_event_ns, time_received_ns, DEPTH, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, bid_depth, ask_depth)


def pack_rows(rows: Sequence[Row]) -> bytearray:
    """Rows behind each other, as dtype EVENT. Times beyond its fields become ones that the sieve refuses."""
    packed = bytearray()
    for row in rows:
        try:
            packed += _pack(*row)
        except struct.error:
            event_ns, received_ns = (max(-TIME_REACH_NS, min(each, TIME_REACH_NS)) for each in row[:2])
            packed += _pack(event_ns, received_ns, *row[2:])
    return packed


class BookWatch:
    """A market's book together with what went wrong with it; `in_gap` while updates of it are missing."""

    def __init__(self, depth_bps: float, on_fault: OnFault) -> None:
        self.book = Book()
        self.in_gap = False
        self.gaps = 0  # times that updates were found missing
        self.gives_quotes = False  # the market's, rather than a channel of their own
        self._depth_bps = depth_bps
        self._on_fault = on_fault
        self._refused = 0
        self._is_shallow = False
        self._thin_ns = 0  # when the first image came that was too thin; 0 while none is
        self._thin_images = 0  # taken by then
        self._top: Top | None = None

    def rows_and_quote_after(
        self, status: BookStatus, time_event_ns: int, time_received_ns: int
    ) -> tuple[Row, ...]:
        """As `rows_after`, behind a quote where the best of the book is not what it was."""
        self.gives_quotes = True
        book, was = self.book, self._top
        top, depth = book.top_and_depth(self._depth_bps)
        self._top = top
        is_as_ever = status == "synced" and book.levels_refused == self._refused
        if depth is None or not is_as_ever or self.in_gap or self._is_shallow or self._thin_ns:
            rows = self.rows_after(status, time_event_ns, time_received_ns)
        else:  # as nearly always
            rows = ((time_event_ns, time_received_ns, DEPTH, 0, *NO_VALUES, *NO_QUOTE, *depth),)
        if top is None or top == was:
            return rows
        return ((time_event_ns, time_received_ns, QUOTE, 0, *NO_VALUES, *top, *NO_VALUES), *rows)

    def forget_quote(self) -> None:
        """Have the best of the book told again: what was told since came from elsewhere."""
        self._top = None

    def rows_after(self, status: BookStatus, time_event_ns: int, time_received_ns: int) -> tuple[Row, ...]:
        """Note that a message left the book in `status`; the depth event that makes, if it can be trusted."""
        was_in_gap, self.in_gap = self.in_gap, status == "gap"
        if self.in_gap and not was_in_gap:
            self.gaps += 1
            self._on_fault(
                "book_gap", f"updates after {self.book.last_id} are missing; waiting for a snapshot"
            )
        if self.book.levels_refused > self._refused:
            self._refused = self.book.levels_refused
            self._on_fault("level_absurd", "a book level with a price or size that cannot be")
        if status == "crossed":
            self._on_fault("book_crossed", "the best bid is not below the best ask")
        elif status == "thin":
            self._weigh(time_received_ns)
        elif status == "synced":
            self._thin_ns = 0
        return self._depth_of(self.book, time_event_ns, time_received_ns)

    def _weigh(self, time_ns: int) -> None:
        """Believe a thin book when another image has said the same, BELIEVED_NS later or more."""
        if not self._thin_ns:
            self._thin_ns, self._thin_images = time_ns, self.book.snapshots
            self._on_fault("book_thin", "an image with too few of the levels before it; waiting for another")
        elif self.book.snapshots > self._thin_images and time_ns - self._thin_ns >= BELIEVED_NS:
            self._thin_ns = 0
            self.book.believe()

    def rows_now(self, time_ns: int) -> tuple[Row, ...]:
        """Quote and depth as they are: of somebody else was told last."""
        self._top = self.book.top()
        depth = self._depth_of(self.book, time_ns, time_ns)
        if self._top is None or not self.gives_quotes:
            return depth
        return (quote_row(time_ns, time_ns, *self._top), *depth)

    def distrust(self) -> None:
        """Wait for a snapshot from now on, as where an update was lost; an empty book waits already."""
        self.book.forget()
        self._top = None
        self.rows_after(self.book.status, 0, 0)

    def rows_of_snapshot(
        self, bids: Iterable[Level], asks: Iterable[Level], limit: int, time_received_ns: int
    ) -> tuple[Row, ...]:
        """The depth event of an image that is joined to no updates; the book stays as it is."""
        image = Book()
        image.snapshot(0, bids, asks, limit)
        return self._depth_of(image, time_received_ns, time_received_ns)

    def _depth_of(self, book: Book, time_event_ns: int, time_received_ns: int) -> tuple[Row, ...]:
        top, depth = book.top_and_depth(self._depth_bps)
        is_shallow = depth is None and top is not None
        if top is not None and is_shallow and not self._is_shallow:
            self._on_fault(
                "book_shallow",
                f"not all levels within {self._depth_bps:g} bps of {top.bid:g} are known: a deeper snapshot",
            )
        self._is_shallow = is_shallow
        return () if depth is None else (depth_row(time_event_ns, time_received_ns, *depth),)


class MarketDecoder:
    """What the decoder of every venue holds: whose frames came, the book, and the trade numbers; `Decoder`
    tells what each is.
    """

    loss_seen_by: LossSeenBy = "nothing"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        self.symbol = plain_symbol(market)
        self.matched = 0
        self.others: dict[str, int] = {}
        self.watch = BookWatch(depth_bps, on_fault)
        self.halt = ""
        self._identity = ""  # by which the venue knows the instrument
        self._trades = TradeNumbers(on_fault)
        self._spelling = self.symbol  # the newest spelling that was found to be ours

    def decode_reply(self, url: str, body: bytes, time_received_ns: int) -> Sequence[Row]:  # noqa: ARG002
        """None: a venue that sends all over its socket has nothing in its replies."""
        return ()

    def on_address(self, address: str) -> None:
        """Nothing: at most venues a frame says all of what it is about."""

    def _hear_state(self, symbol: str, state: str, open_states: Container[str], identity: str = "") -> None:
        """Note the state of an instrument, as its venue says it; "" where it does not. `identity`: what it
        keeps when it is called otherwise, where there is such a thing.
        """
        if plain_symbol(symbol) == self.symbol:
            self._identity = identity or self._identity
            if state:
                self.halt = "" if state in open_states else state.lower()
        elif identity and identity == self._identity:
            self.halt = f"renamed to {symbol}"

    def _doubt(self, symbol: str) -> None:
        """An update of a book could not be read; `symbol`: whose it was, "" where that is not said."""
        if plain_symbol(symbol) in ("", self.symbol):
            self.watch.distrust()

    def _is_ours(self, symbol: str) -> bool:
        """Count a frame of `symbol`, however the venue spells it, and say whether it is the market's."""
        if symbol != self._spelling:
            if symbol in self.others:
                self.others[symbol] += 1
                return False
            if plain_symbol(symbol) != self.symbol:
                if len(self.others) < OTHER_SYMBOLS_MAX:
                    self.others[symbol] = 1
                return False
            self._spelling = symbol
        self.matched += 1
        return True


def time_ns_of(moment: datetime) -> int:
    """Nanoseconds since 1970 of a venue's ISO time stamp, exact to the microsecond it was parsed to."""
    return (moment - _EPOCH) // _MICROSECOND * 1_000


class TradeNames:
    """Watches the names of a venue's trades where they are no numbers: repeats are dropped, as a second
    connection brings them. Holes cannot be seen.
    """

    def __init__(self, on_fault: OnFault) -> None:
        self._order: deque[str] = deque(maxlen=TRADE_NAMES_MAX)
        self._seen: set[str] = set()
        self._on_fault = on_fault

    def is_new(self, name: str) -> bool:
        """Whether none of the newest TRADE_NAMES_MAX trades has this name."""
        if name in self._seen:
            self._on_fault("trade_repeated", f"trade {name[:40]} again")
            return False
        if len(self._order) == TRADE_NAMES_MAX:
            self._seen.discard(self._order[0])
        self._order.append(name)
        self._seen.add(name)
        return True


class TradeNumbers:
    """Watches a venue's consecutive trade numbers: repeats are dropped, holes are counted, and what comes
    late into one is news.
    """

    def __init__(self, on_fault: OnFault) -> None:
        self._newest = 0
        self._missing: set[int] = set()  # of the newest TRADE_NAMES_MAX or so
        self._on_fault = on_fault

    def begin_at(self, number: int) -> None:
        """Take `number` for the newest seen, as after a list of past trades: none before it is missing. One
        that lags a little ends before trades that were told, and has none told twice.
        """
        if not self._newest - TRADE_REPEAT_MAX < number <= self._newest:
            self._newest = number
        self._missing.clear()

    def is_new(self, number: int, merged: int = 1) -> bool:
        """Whether the trade with this number was not seen before; it may be the last of several merged."""
        newest = self._newest
        merged = min(merged, TRADE_NAMES_MAX)  # whatever a venue says
        if number in self._missing:
            self._missing.difference_update(range(number - merged + 1, number + 1))
            return True
        if newest - TRADE_REPEAT_MAX < number <= newest:
            self._on_fault("trade_repeated", f"trade {number} again")
            return False
        missing = number - merged - newest
        if newest and missing > 0:
            self._on_fault("trade_gap", f"{missing} trades missing before {number}")
            if missing + len(self._missing) > TRADE_NAMES_MAX:
                self._missing.clear()
            self._missing.update(
                range(max(newest, number - merged - TRADE_NAMES_MAX) + 1, number - merged + 1)
            )
        self._newest = number
        return True
