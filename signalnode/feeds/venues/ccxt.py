"""Any exchange that ccxt knows, by the frames that a gateway makes of what ccxt.pro says: `book`, `trades`.

Each `book` is the whole of what ccxt holds, cut to the best levels; nothing tells how far its exchange's own
goes, so depth is known as far as the shorter side reaches. Trades are known by their `id` where they have
one. Sizes of contracts are in those, and become base units here: so many of base, or of quote, each.

Source of the fields: ccxt manual, "Order Book Structure", "Trade Structure", "Contract Naming Conventions".
"""

from __future__ import annotations

from collections.abc import Sequence

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
from signalnode.ladder import Level

SIDES = {"buy": 1, "sell": -1}


class BookFrame(msgspec.Struct, tag="book"):
    """Levels are price and size, best first; `time_ms` of the exchange, None where it says none."""

    symbol: str
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    time_ms: int | None = None
    contract_size: float = 1.0
    is_inverse: bool = False


class Trade(msgspec.Struct):
    """`side` is the aggressor's; None where the exchange does not say."""

    price: float
    size: float
    side: str | None
    time_ms: int | None
    id: str | None


class TradesFrame(msgspec.Struct, tag="trades"):
    """Trades that are new, in order."""

    symbol: str
    trades: list[Trade]
    contract_size: float = 1.0
    is_inverse: bool = False


Frame = BookFrame | TradesFrame
_frame = msgspec.json.Decoder(Frame)


class CcxtDecoder(MarketDecoder):
    """Decoder of one symbol, as ccxt spells it; see `base.Decoder`."""

    loss_seen_by = "whole books"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._names = TradeNames(on_fault)
        self._number = 0  # of images, ours

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        try:
            told = _frame.decode(frame)
        except ValueError:
            self.watch.distrust()  # it may have been a book of ours
            raise
        if not self._is_ours(told.symbol):
            return ()
        if isinstance(told, BookFrame):
            return self._on_book(told, time_received_ns)
        return [row for each in told.trades for row in self._on_trade(told, each, time_received_ns)]

    def _on_book(self, told: BookFrame, time_received_ns: int) -> Sequence[Row]:
        if not told.bids or not told.asks:
            raise FrameFault("book_empty", "a side of the book without a level")
        self._number += 1
        bids, asks = _sized(told, told.bids), _sized(told, told.asks)
        book = self.watch.book
        book.forget()
        status = book.snapshot(self._number, bids, asks, min(len(bids), len(asks)))
        return self.watch.rows_and_quote_after(
            status, _event_ns(told.time_ms, time_received_ns), time_received_ns
        )

    def _on_trade(self, told: TradesFrame, trade: Trade, time_received_ns: int) -> Sequence[Row]:
        if trade.side not in SIDES:
            self._on_fault("side_unknown", f"a trade of {trade.size:g} at {trade.price:g}")
            return ()
        if trade.id and not self._names.is_new(trade.id):
            return ()
        ((price, size),) = _sized(told, [(trade.price, trade.size)])
        time_event_ns = _event_ns(trade.time_ms, time_received_ns)
        return (trade_row(time_event_ns, time_received_ns, SIDES[trade.side], price, size),)


def _sized(told: Frame, levels: list[tuple[float, float]]) -> list[Level]:
    """The same in base units."""
    if told.is_inverse:
        return [(price, base_units(size, told.contract_size, price)) for price, size in levels]
    if told.contract_size == 1.0:
        return levels
    return [(price, size * told.contract_size) for price, size in levels]


def _event_ns(time_ms: int | None, time_received_ns: int) -> int:
    return time_received_ns if time_ms is None else time_ms * NS_PER_MS


DECODER: DecoderClass = CcxtDecoder
