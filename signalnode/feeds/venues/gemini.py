"""Gemini, market data version 2: `l2_updates` and `trade`.

Formats: Gemini, "Market Data v2". `side` of a trade is the taker's (18 of 18 at the ask on a recording);
block and auction trades, which have sides of their own, are left out. The first `l2_updates` of a
subscription is the whole book, told by its lists of past `trades` and `auction_events`, which are no news;
those after it lack both. They carry no number and no time: nothing shows a loss, and the receive time stands
for both. So a live book is asked for anew now and then; of the past trades with it, those that happened while
nobody was subscribed for that moment are news.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    TradeNames,
    trade_row,
)

SILENT_TYPES = frozenset(
    {
        *("heartbeat", "subscription_ack", "auction_open", "auction_indicative", "auction_result"),
        *("auction_outcome", "candles_1m_updates"),
    }
)
AWAY_NS_MAX = 10 * NS_PER_S  # after more the past is too old to be heard now
SIDES = {"buy": 1, "sell": -1}


class _Head(msgspec.Struct):
    type: str = ""
    result: str = ""
    reason: str = ""


class _Book(msgspec.Struct):
    symbol: str
    changes: list[tuple[Literal["buy", "sell"], float, float]]
    trades: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    auctions: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="auction_events")


class _Trade(msgspec.Struct):
    symbol: str
    number: int = msgspec.field(name="event_id")
    time_ms: int = msgspec.field(name="timestamp")
    price: float
    size: float = msgspec.field(name="quantity")
    side: str


_head = msgspec.json.Decoder(_Head)
_past = msgspec.json.Decoder(list[_Trade], strict=False)
_book = msgspec.json.Decoder(_Book, strict=False)  # lax: numbers come as strings
_trade = msgspec.json.Decoder(_Trade, strict=False)


class GeminiDecoder(MarketDecoder):
    """Decoder of one symbol; see `base.Decoder`."""

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._names = TradeNames(on_fault)
        self._newest = 0  # number of a trade
        self._heard_ns = 0  # when the newest frame of ours came

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        try:
            head = _head.decode(frame)
            if head.type == "l2_updates":
                return self._on_book(_book.decode(frame), time_received_ns)
        except ValueError:
            self.watch.distrust()  # it may have been an update of ours
            raise
        if head.type == "trade":
            return self._on_trade(_trade.decode(frame), time_received_ns)
        if head.result == "error":
            raise FrameFault("subscription_refused", head.reason[:100])
        if head.type in SILENT_TYPES:
            return ()
        raise FrameFault("frame_unknown", f"no type known as {head.type[:40]!r}")

    def _on_book(self, d: _Book, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(d.symbol):
            return ()
        bids = [(price, size) for side, price, size in d.changes if side == "buy"]
        asks = [(price, size) for side, price, size in d.changes if side == "sell"]
        book, number = self.watch.book, self.watch.book.last_id
        is_soon = time_received_ns - self._heard_ns <= AWAY_NS_MAX
        self._heard_ns = time_received_ns
        missed = self._missed(d.trades, time_received_ns) if is_soon else ()
        if d.trades is not msgspec.UNSET or d.auctions is not msgspec.UNSET:
            status = book.replace(number + 1, bids, asks)
        else:
            status = book.follow(number, number + 1, bids, asks)
        return (*missed, *self.watch.rows_and_quote_after(status, time_received_ns, time_received_ns))

    def _missed(self, past: msgspec.Raw | msgspec.UnsetType, time_received_ns: int) -> Sequence[Row]:
        newest = self._newest
        if not newest or isinstance(past, msgspec.UnsetType):
            return ()
        try:
            news = [t for t in _past.decode(past) if t.number > newest]
        except ValueError as error:  # the book beside them may be sound
            self._on_fault("frame_malformed", f"past trades: {error}")
            return ()
        news.sort(key=lambda t: t.number)
        return [row for t in news for row in self._on_trade(t, time_received_ns)]

    def _on_trade(self, t: _Trade, time_received_ns: int) -> Sequence[Row]:
        if not self._is_ours(t.symbol):
            return ()
        self._heard_ns, self._newest = time_received_ns, max(self._newest, t.number)
        if t.side not in SIDES or not self._names.is_new(str(t.number)):
            return ()
        return (trade_row(t.time_ms * NS_PER_MS, time_received_ns, SIDES[t.side], t.price, t.size),)


DECODER: DecoderClass = GeminiDecoder
