"""Hyperliquid: the channels `l2Book`, `bbo` and `trades`.

Formats: Hyperliquid, "WebSocket subscriptions". A trade's `side` is the aggressor's, `B` for a buyer and `A`
for a seller; `tid` is one of its block's, so it is known by that and the block's time.

Every `l2Book` is the whole of what is shown of the book, 20 levels a side or, with `fast`, 5: nothing can be
lost, and depth is known as far as they reach. `bbo` is the top of the book, sent more often; both carry the
time of their block, and of the two the later one is the quote. A side that is empty makes no quote.

Nothing tells past trades from new ones but their place: the first message behind an answer to a subscription
holds the last 30 there were. So it gives no events, and neither does the first message of all, nor a trade
of a block before the newest one seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from signalnode.clock import NS_PER_MS
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    TradeNames,
    plain_symbol,
    quote_row,
    trade_row,
)
from signalnode.ladder import Level

LEVELS, LEVELS_FAST = 20, 5  # a side
# So little behind the newest block a frame is late; further behind, the newest one's time was wild.
LATE_MS_MAX = 60_000
QUOTES = ("USDC", "USD")  # what a coin is priced in, where a market's name says it
GREETING = b"Websocket connection established."  # old servers'; it is no JSON
SILENT_CHANNELS = frozenset(
    {"pong", "allMids", "candle", "activeAssetCtx", "activeSpotAssetCtx", "notification", "webData2"}
)


class _Head(msgspec.Struct):
    channel: str
    data: msgspec.Raw


class _Level(msgspec.Struct):
    px: float
    sz: float


class _Book(msgspec.Struct):
    coin: str
    time: int
    levels: tuple[list[_Level], list[_Level]]
    fast: bool = False


class _Best(msgspec.Struct):
    coin: str
    time: int
    bbo: Annotated[list[_Level | None], msgspec.Meta(max_length=2)]


class _Trade(msgspec.Struct):
    coin: str
    side: Literal["A", "B"]
    px: float
    sz: float
    time: int
    tid: int


class _Subscription(msgspec.Struct):
    type: str
    coin: str = ""


class _Answer(msgspec.Struct):
    method: str
    subscription: _Subscription


# Lax, because Hyperliquid sends every number that matters as a string.
_head = msgspec.json.Decoder(_Head)
_book = msgspec.json.Decoder(_Book, strict=False)
_best = msgspec.json.Decoder(_Best, strict=False)
_trades = msgspec.json.Decoder(list[_Trade], strict=False)
_answer = msgspec.json.Decoder(_Answer)
_text = msgspec.json.Decoder(str)


class HyperliquidDecoder(MarketDecoder):
    """Decoder of one coin; see `base.Decoder`. A market named `BTC-USD` is the coin `BTC`."""

    loss_seen_by = "whole books"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(coin_of(market), depth_bps, on_fault)
        self._on_fault = on_fault
        self._names = TradeNames(on_fault)
        self._are_past = True  # the trades of the next message
        self._trade_ms = self._book_ms = self._quote_ms = 0  # newest block of each
        self._number = 0  # of images, ours
        self._quote: Row | None = None

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        if frame.strip() == GREETING:
            return ()
        try:
            head = _head.decode(frame)
            if head.channel == "l2Book":
                return self._on_book(_book.decode(head.data), time_received_ns)
            if head.channel == "bbo":
                return self._on_best(_best.decode(head.data), time_received_ns)
        except ValueError:
            self.watch.distrust()  # it may have been a book of ours
            raise
        if head.channel == "trades":
            return self._on_trades(_trades.decode(head.data), time_received_ns)
        if head.channel == "subscriptionResponse":
            self._on_answer(_answer.decode(head.data))
        elif head.channel == "error":
            raise FrameFault("venue_error", _text.decode(head.data))
        elif head.channel not in SILENT_CHANNELS:
            raise FrameFault("frame_unknown", f"no channel known as {head.channel[:40]!r}")
        return ()

    def _on_answer(self, answer: _Answer) -> None:
        asked = answer.subscription
        if plain_symbol(asked.coin) != self.symbol:
            return
        if asked.type == "trades" and answer.method == "subscribe":
            self._are_past = True
        elif asked.type == "l2Book" and answer.method == "unsubscribe":
            self.watch.distrust()  # it stands still until it is asked for anew

    def _on_book(self, image: _Book, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(image.coin):
            return ()
        if _is_behind(image.time, self._book_ms):
            self._on_fault("frame_late", f"a book of {image.time} behind one of {self._book_ms}")
            return ()
        self._book_ms = image.time
        self._number += 1
        bids, asks = ([(level.px, level.sz) for level in side] for side in image.levels)
        book = self.watch.book
        book.replace(self._number, bids, asks, LEVELS_FAST if image.fast else LEVELS)
        depth = self.watch.rows_after(book.status, image.time * NS_PER_MS, time_received_ns)
        top = book.top()
        return (
            (*self._quotes(image.time, time_received_ns, (*top[:2],), (*top[2:],)), *depth) if top else depth
        )

    def _on_best(self, best: _Best, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(best.coin):
            return ()
        bid, ask = (*best.bbo, None, None)[:2]
        if bid is None or ask is None:
            if not _is_behind(best.time, self._quote_ms):
                self._quote_ms, self._quote = best.time, None
            return ()
        return self._quotes(best.time, time_received_ns, (bid.px, bid.sz), (ask.px, ask.sz))

    def _quotes(self, time_ms: int, time_received_ns: int, bid: Level, ask: Level) -> Sequence[Row]:
        """The quote of a block, unless a later one is known or nothing in it is new."""
        if _is_behind(time_ms, self._quote_ms):
            return ()
        row = quote_row(time_ms * NS_PER_MS, time_received_ns, *bid, *ask)
        is_new = self._quote is None or row[4:] != self._quote[4:]
        self._quote_ms, self._quote = time_ms, row
        return (row,) if is_new else ()

    def _on_trades(self, trades: Sequence[_Trade], time_received_ns: int) -> Sequence[Row]:
        ours = [t for t in trades if self._is_ours(t.coin)]
        if not ours:
            return ()
        newest_ms, last_ms = self._trade_ms, max(t.time for t in ours)
        if last_ms < newest_ms - LATE_MS_MAX:
            newest_ms = 0
        self._trade_ms = max(newest_ms, last_ms)
        were_past, self._are_past = self._are_past, False
        if were_past:
            return ()
        return list(self._news(ours, newest_ms, time_received_ns))

    def _news(self, trades: Sequence[_Trade], newest_ms: int, time_received_ns: int) -> Iterator[Row]:
        for t in trades:
            if t.time >= newest_ms and self._names.is_new(f"{t.time}:{t.tid}"):
                side = 1 if t.side == "B" else -1
                yield trade_row(t.time * NS_PER_MS, time_received_ns, side, t.px, t.sz)


def _is_behind(time_ms: int, newest_ms: int) -> bool:
    return newest_ms - LATE_MS_MAX <= time_ms < newest_ms


def coin_of(market: str) -> str:
    """The coin that a market's name is of."""
    coin, dash, quote = market.rpartition("-")
    return coin if dash and coin and quote.upper() in QUOTES else market


DECODER: DecoderClass = HyperliquidDecoder
