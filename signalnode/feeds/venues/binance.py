"""Binance spot: `@trade`, `@bookTicker`, `@depth` frames and the REST depth snapshot.

Formats: Binance, "Web Socket Streams for Binance" (binance-spot-api-docs). `E` and `T` are in milliseconds;
`m` says that the buyer was the maker, so the seller took. `bookTicker` carries no time, so the receive time
stands for both. A combined frame is `{"stream": …, "data": …}`; a raw one is the bare data.

A REST snapshot names no symbol, and a capture may hold those of several. Update numbers tell whose it is:
they count each symbol's changes without a hole, far apart from any other's. So a snapshot is the market's
when its `lastUpdateId` lies on the unbroken run of the market's own updates:

    before the run   a stranger's where others are about; else one that came too late, and the book has a gap
    on the run       the market's: the book starts over from it
    ahead            either: it waits until the updates reach it
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from signalnode.book import Delta
from signalnode.clock import NS_PER_MS
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    quote_row,
    trade_row,
)

Levels = list[tuple[float, float]]
EMPTY = msgspec.Raw(b"")
AHEAD_MAX = 32  # snapshots that wait for updates to reach them, one a symbol as a rule; 0.3 MB each


class _Frame(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = EMPTY
    event: str = msgspec.field(default="", name="e")
    update_id: int = msgspec.field(default=0, name="u")
    last_update_id: int = msgspec.field(default=0, name="lastUpdateId")
    request_id: int | str | None = msgspec.field(default=None, name="id")


class _Trade(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    number: int = msgspec.field(name="t")
    price: float = msgspec.field(name="p")
    size: float = msgspec.field(name="q")
    time_ms: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


class _BestPrices(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    bid: float = msgspec.field(name="b")
    bid_size: float = msgspec.field(name="B")
    ask: float = msgspec.field(name="a")
    ask_size: float = msgspec.field(name="A")


class _DepthUpdate(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    time_ms: int = msgspec.field(name="E")
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")


class _Snapshot(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels


# Lax, because Binance sends every number that matters as a string.
_frame = msgspec.json.Decoder(_Frame)
_trade = msgspec.json.Decoder(_Trade, strict=False)
_best = msgspec.json.Decoder(_BestPrices, strict=False)
_depth = msgspec.json.Decoder(_DepthUpdate, strict=False)
_snapshot = msgspec.json.Decoder(_Snapshot, strict=False)


class BinanceDecoder(MarketDecoder):
    """Decoder of one spot symbol; see `base.Decoder`."""

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._before_run = 0  # newest update before the unbroken run of ours
        self._newest = 0  # update of ours; 0 before the first
        self._snapshots_ahead: deque[_Snapshot] = deque(maxlen=AHEAD_MAX)

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        head = _frame.decode(frame)
        if head.stream:
            channel = head.stream.partition("@")[2]
            body: bytes | msgspec.Raw = head.data
        else:
            channel, body = _bare_channel(head), frame
        if channel == "bookTicker":
            return self._on_quote(body, time_received_ns)
        if channel == "trade":
            return self._on_trade(body, time_received_ns)
        if channel.partition("@")[0] == "depth":
            return self._on_depth(body, time_received_ns)
        if channel == "snapshot":
            return self._on_snapshot(body, time_received_ns)
        if channel == "reply":
            return ()
        raise FrameFault("frame_unknown", f"no channel known as {channel[:40]!r}")

    def _on_quote(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        t = _best.decode(body)
        if not self._is_ours(t.symbol):
            return ()
        return (quote_row(time_received_ns, time_received_ns, t.bid, t.bid_size, t.ask, t.ask_size),)

    def _on_trade(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        t = _trade.decode(body)
        if not self._is_ours(t.symbol) or not self._trades.is_new(t.number):
            return ()
        side = -1 if t.buyer_is_maker else 1
        return (trade_row(t.time_ms * NS_PER_MS, time_received_ns, side, t.price, t.size),)

    def _on_depth(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        d = _depth.decode(body)
        if not self._is_ours(d.symbol):
            return ()
        if d.first_id > self._newest + 1:
            self._before_run = d.first_id - 1
        self._newest = max(self._newest, d.last_id)
        for _ in range(len(self._snapshots_ahead)):
            self._join(self._snapshots_ahead.popleft())
        status = self.watch.book.apply(Delta(d.first_id, d.last_id, d.bids, d.asks))
        return self.watch.rows_after(status, d.time_ms * NS_PER_MS, time_received_ns)

    def _on_snapshot(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        s = _snapshot.decode(body)
        if self._join(s):
            return self.watch.rows_after(self.watch.book.status, time_received_ns, time_received_ns)
        if self._newest or self.others or not self.matched:
            return ()
        # No updates yet, maybe none ever.
        return self.watch.rows_of_snapshot(s.bids, s.asks, time_received_ns)

    def _join(self, s: _Snapshot) -> bool:
        """Start the book over from a snapshot that is ours; keep one that is ahead. Whether it was ours."""
        if s.last_update_id > self._newest:
            self._snapshots_ahead.append(s)
            return False
        # Behind the run: a stranger's, or one of ours that came too late. The book then tells of a gap.
        if s.last_update_id < self._before_run and (self.others or self._snapshots_ahead):
            return False
        self.watch.book.snapshot(s.last_update_id, s.bids, s.asks)
        return True


def _bare_channel(head: _Frame) -> str:
    if head.last_update_id:
        return "snapshot"
    if head.event:
        return "depth" if head.event == "depthUpdate" else head.event
    if head.update_id:
        return "bookTicker"
    return "reply" if head.request_id is not None else ""


DECODER: DecoderClass = BinanceDecoder
