"""OKX v5: the channels `trades` and `trades-all`, `books` and its kin, `bbo-tbt`.

Formats: OKX, "API v5, WebSocket, Public Channel". `side` is the taker's: on recordings 46 of 46 trades at
the ask were `buy`, 25 of 25 at the bid `sell`. The trade that is pushed on subscribing may be hours old: it
is no news. `trades` merges the fills of one taker at one price, `count` of them up to `tradeId`; where
`trades-all` comes, which merges none, that counts.

`books` is kept to 400 levels a side by the venue, `books50-l2-tbt` to 50; `books5` sends 5 anew each time.
Its snapshot comes in the stream and replaces the book. An update names the one before, `prevSeqId`: numbers
jump, and may fall after a maintenance. Captures of before have no numbers and a CRC32 instead, of the best
25 levels a side as text, bid and ask by turns; today it is 0. Where several books come, depth is of the
deepest. Quotes are `bbo-tbt` where that comes, else the top of the book; and where that has changed and
`bbo-tbt` does not say so.

Swaps, futures and options count contracts. What one is worth stands in the reply of `/public/instruments`;
sizes are not known before that came, so those markets give nothing but `size_unknown`. The channel
`instruments` says the same where an instrument changes, and whether it trades.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal
from urllib.parse import urlsplit
from zlib import crc32

import msgspec

from signalnode.book import Book, Top
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    base_units,
    plain_symbol,
    quote_row,
    trade_row,
)

EMPTY = msgspec.Raw(b"")
BBO = "bbo-tbt"
BBO_SILENT_NS = 2 * NS_PER_S  # behind a book whose best it does not have it has died
WINDOWS = {"books": 400, "books-l2-tbt": 400, "books50-l2-tbt": 50, "books5": 5}  # levels a side
TRADES, INSTRUMENTS = ("trades", "trades-all"), "instruments"
OPEN_STATES = frozenset({"live", "post_only"})  # of an instrument; suspend, preopen, expired, … trade nothing
SILENT_CHANNELS = (
    "tickers",
    "candle",
    "funding-rate",
    "open-interest",
    "mark-price",
    "index-",
    "price-limit",
)
CHECKED_LEVELS = 25
SPOT_PARTS = 2  # of an instrument's name: BTC-USDT; those of BTC-USDT-SWAP are three

Price = tuple[float, float, msgspec.Raw, msgspec.Raw]  # price, size, and what nobody reads
Text = tuple[str, str, msgspec.Raw, msgspec.Raw]
Levels = list[tuple[float, float]]


class _Argument(msgspec.Struct):
    channel: str = ""
    symbol: str = msgspec.field(default="", name="instId")


class _Frame(msgspec.Struct):
    argument: _Argument = msgspec.field(default_factory=_Argument, name="arg")
    action: Literal["snapshot", "update", ""] = ""
    data: msgspec.Raw = EMPTY
    event: str = ""
    code: str = ""
    said: str = msgspec.field(default="", name="msg")


class _Book(msgspec.Struct):
    time_ms: int = msgspec.field(name="ts")
    bids: msgspec.Raw
    asks: msgspec.Raw
    checksum: int = 0
    update_id: int | None = msgspec.field(default=None, name="seqId")
    previous_id: int | None = msgspec.field(default=None, name="prevSeqId")


class _Trade(msgspec.Struct):
    number: int = msgspec.field(name="tradeId")
    price: float = msgspec.field(name="px")
    size: float = msgspec.field(name="sz")
    side: Literal["buy", "sell"]
    time_ms: int = msgspec.field(name="ts")
    merged: int = msgspec.field(default=1, name="count")


class _Instrument(msgspec.Struct):
    symbol: str = msgspec.field(name="instId")
    contract: str = msgspec.field(default="", name="ctVal")
    multiplier: str = msgspec.field(default="", name="ctMult")
    currency: str = msgspec.field(default="", name="ctValCcy")
    state: str = ""


class _Instruments(msgspec.Struct):
    data: list[_Instrument] = []


_frame = msgspec.json.Decoder(_Frame)
_books = msgspec.json.Decoder(list[_Book], strict=False)  # lax: numbers come as strings
_levels = msgspec.json.Decoder(list[Price], strict=False)
_texts = msgspec.json.Decoder(list[Text])
_trades = msgspec.json.Decoder(list[_Trade], strict=False)
_instruments = msgspec.json.Decoder(_Instruments)
_rows = msgspec.json.Decoder(list[_Instrument])


class OkxDecoder(MarketDecoder):
    """Decoder of one instrument; see `base.Decoder`."""

    loss_seen_by = "sequence"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._is_old = False  # the next trade, for it was pushed on subscribing
        self._trades_channel = TRADES[0]
        self._best: Top | None = None  # newest of `bbo-tbt`; None where that does not come
        self._best_ns = 0
        self._window = 0  # levels a side of the deepest book
        self._texts: dict[float, tuple[str, str]] = {}  # by price: a level as sent, where a checksum came
        self._contract = 0.0  # what one is worth; 0 until that is known
        self._in_usd = False  # is it worth USD, or base units

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        if frame == b"pong":
            return ()
        try:
            head = _frame.decode(frame)
            channel = head.argument.channel
            if channel in WINDOWS and not head.event:
                return self._on_book(head, time_received_ns)
            if channel == BBO and not head.event:
                return self._on_bbo(head, time_received_ns)
        except ValueError:
            self.watch.distrust()  # it may have been an update of ours
            raise
        if head.event:
            return self._on_answer(head)
        if channel in TRADES:
            return self._on_trades(head, time_received_ns)
        if channel == INSTRUMENTS:
            self._hear_of(_rows.decode(head.data))
        elif not channel.startswith(SILENT_CHANNELS):
            raise FrameFault("frame_unknown", f"no channel known as {channel[:40]!r}")
        return ()

    def decode_reply(self, url: str, body: bytes, time_received_ns: int) -> Sequence[Row]:  # noqa: ARG002
        """None, but it may say what a contract is worth, and whether it trades; see `base.Decoder`."""
        if urlsplit(url).path.endswith("/public/instruments"):
            self._hear_of(_instruments.decode(body).data)
        return ()

    def _hear_of(self, instruments: Sequence[_Instrument]) -> None:
        for each in instruments:
            self._hear_state(each.symbol, each.state, OPEN_STATES)
            if each.contract and plain_symbol(each.symbol) == self.symbol:
                self._contract = float(each.contract) * float(each.multiplier or 1)
                self._in_usd = each.currency == "USD"

    def _on_answer(self, head: _Frame) -> Sequence[Row]:
        if head.event == "error":
            raise FrameFault("subscription_refused", f"{head.code[:10]}: {head.said[:100]}")
        is_ours = plain_symbol(head.argument.symbol) == self.symbol
        if head.event == "subscribe" and is_ours and head.argument.channel in TRADES:
            self._is_old = True
        elif head.event == "unsubscribe" and is_ours and head.argument.channel in WINDOWS:
            self.watch.distrust()  # it stands still until it is asked for anew
        return ()

    def _can_size(self, symbol: str) -> bool:
        if self._contract or symbol.count("-") < SPOT_PARTS:
            return True
        self._on_fault(
            "size_unknown",
            f"{symbol} counts contracts: the reply of /api/v5/public/instruments, which tells their worth, "
            "must come before them",
        )
        return False

    def _sized(self, levels: Levels) -> Levels:
        if not self._contract:
            return levels
        return [(price, self._size(size, price)) for price, size in levels]

    def _size(self, size: float, price: float) -> float:
        if not self._contract:
            return size
        return base_units(size, self._contract, price) if self._in_usd else size * self._contract

    def _on_trades(self, head: _Frame, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(head.argument.symbol) or not self._can_size(head.argument.symbol):
            return ()
        channel = head.argument.channel
        trades = _trades.decode(head.data)
        if channel == TRADES[1]:
            self._trades_channel = channel
        if channel != self._trades_channel:
            return ()
        if self._is_old:
            self._is_old = False
            for t in trades:
                self._trades.begin_at(t.number)
            return ()
        return [
            trade_row(
                t.time_ms * NS_PER_MS,
                time_received_ns,
                1 if t.side == "buy" else -1,
                t.price,
                self._size(t.size, t.price),
            )
            for t in trades
            if self._trades.is_new(t.number, max(1, t.merged))
        ]

    def _on_bbo(self, head: _Frame, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(head.argument.symbol) or not self._can_size(head.argument.symbol):
            return ()
        rows = []
        for d in _books.decode(head.data):
            image = Book()
            image.replace(0, self._sized(_floats(d.bids)), self._sized(_floats(d.asks)))
            top = image.top()
            if top is not None:
                rows.append(quote_row(d.time_ms * NS_PER_MS, time_received_ns, *top))
                self._best, self._best_ns = top, time_received_ns
        return rows

    def _on_book(self, head: _Frame, time_received_ns: int) -> Sequence[Row]:
        symbol, window = head.argument.symbol, WINDOWS[head.argument.channel]
        is_image = head.action != "update"
        if not self._is_ours(symbol) or not self._can_size(symbol):
            return ()
        messages = _books.decode(head.data)
        if is_image:
            self._window = max(self._window, window)
        if window < self._window:
            return ()
        return [row for d in messages for row in self._on_message(d, is_image, window, time_received_ns)]

    def _on_message(self, d: _Book, is_image: bool, window: int, time_received_ns: int) -> Sequence[Row]:
        bids, asks = _floats(d.bids), _floats(d.asks)
        watch, book = self.watch, self.watch.book
        own = book.last_id + 1 if d.update_id is None else d.update_id
        if is_image:
            self._texts.clear()
            status = book.replace(own, self._sized(bids), self._sized(asks), window)
        else:
            previous = book.last_id if d.previous_id is None else d.previous_id
            status = book.follow(previous, own, self._sized(bids), self._sized(asks))
        if d.checksum and status != "gap" and not self._agrees(d, is_image):
            self._on_fault(
                "checksum_differs", f"the book is not as {d.checksum} says; waiting for a snapshot"
            )
            watch.distrust()
            return ()
        time_event_ns = d.time_ms * NS_PER_MS
        is_late = time_received_ns - self._best_ns > BBO_SILENT_NS
        if self._best is not None and is_late and book.top() not in (None, self._best):
            self._best = None
            watch.forget_quote()
        if self._best is not None:
            return watch.rows_after(status, time_event_ns, time_received_ns)
        return watch.rows_and_quote_after(status, time_event_ns, time_received_ns)

    def _agrees(self, d: _Book, is_image: bool) -> bool:
        """Whether the book is the one that the venue took the checksum of."""
        texts = self._texts
        if not texts and not is_image:
            return True  # it has no text of the levels before
        for raw in (d.bids, d.asks):
            for price, size, *_ in _texts.decode(raw):
                texts[float(price)] = (price, size)
        bids, asks = self.watch.book.levels(WINDOWS["books"])
        if len(texts) > 2 * (len(bids) + len(asks)):
            self._texts = texts = {price: texts[price] for price, _ in (*bids, *asks) if price in texts}
        best = zip_longest(bids[:CHECKED_LEVELS], asks[:CHECKED_LEVELS])
        levels = [texts.get(level[0]) for two in best for level in two if level is not None]
        parts = [":".join(text) for text in levels if text is not None]
        if len(parts) < len(levels):
            texts.clear()  # some came in a message without a checksum
            return True
        return crc32(":".join(parts).encode()) == d.checksum & 0xFFFFFFFF


def _floats(raw: msgspec.Raw) -> Levels:
    return [level[:2] for level in _levels.decode(raw)]


DECODER: DecoderClass = OkxDecoder
