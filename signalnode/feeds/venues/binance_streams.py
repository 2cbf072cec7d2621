"""What Binance's venues share: trades, `@bookTicker`, `@depth` frames and the REST depth snapshot.

Formats: Binance, "Web Socket Streams for Binance" (binance-spot-api-docs), and of its derivatives the USD-M
and COIN-M pages. `E` and `T` are in milliseconds; `m` says that the buyer was the maker, so the
seller took. A combined frame is `{"stream": …, "data": …}`; a raw one is the bare data. What differs is told
from the frames:

- spot `bookTicker` carries no time, so the receive time stands for both;
- book updates of futures name the one before them, `pu`, and their numbers are not consecutive;
- COIN-M symbols, `BTCUSD_PERP`, count contracts, of 100 USD for BTC and of 10 for all others;
- trades come as `@trade` or, merged by taker and price, as `@aggTrade`; where both come, `@trade` counts.

A REST snapshot names no symbol, unless it is COIN-M's or stands in a capture with the address it was asked
from; and a capture may hold those of several. Spot update numbers tell whose it is: they count each symbol's
changes without a hole, far apart from any other's. So a snapshot is the market's when its `lastUpdateId` lies
on the unbroken run of the market's own updates:

    before the run   a stranger's where others are about; else one that came too late, and the book has a gap
    on the run       the market's: the book starts over from it
    ahead            either: it waits until the updates reach it

All futures share one count, so there a snapshot without a name is believed only where no others are about.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import msgspec

from signalnode.book import Delta
from signalnode.clock import NS_PER_MS
from signalnode.feeds.venues.base import (
    OTHER_SYMBOLS_MAX,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    TradeNumbers,
    base_units,
    plain_symbol,
    quote_row,
    trade_row,
)

Levels = list[tuple[float, float]]
EMPTY = msgspec.Raw(b"")
CONTRACTS = "contractInfo"  # of all contracts of a future, with a state each
OPEN_STATES = frozenset({"TRADING"})
MARKET = "MARKET"  # the order type of a trade; others are the insurance fund's, say, and are no market's
CONTRACT_USD = 10.0  # worth of a COIN-M contract
BTC_CONTRACT_USD = 100.0
LIMIT_MIN = 5  # the fewest levels a side that anybody asks for; a book with fewer is whole
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
    order_type: str = msgspec.field(name="X", default=MARKET)


class _AggregateTrade(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    number: int = msgspec.field(name="a")
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
    time_ms: int = msgspec.field(name="T", default=0)


class _DepthUpdate(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    time_ms: int = msgspec.field(name="E")
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: Levels = msgspec.field(name="b")
    asks: Levels = msgspec.field(name="a")
    previous_id: int | None = msgspec.field(name="pu", default=None)


class _Contract(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    state: str = msgspec.field(name="cs")


class _Snapshot(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels
    symbol: str = ""
    limit: int = 0  # levels a side that were asked for; 0 where that is not known


# Lax, because Binance sends every number that matters as a string.
_frame = msgspec.json.Decoder(_Frame)
_trade = msgspec.json.Decoder(_Trade, strict=False)
_aggregate = msgspec.json.Decoder(_AggregateTrade, strict=False)
_best = msgspec.json.Decoder(_BestPrices, strict=False)
_depth = msgspec.json.Decoder(_DepthUpdate, strict=False)
_snapshot = msgspec.json.Decoder(_Snapshot, strict=False)
_contract = msgspec.json.Decoder(_Contract)


class StreamsDecoder(MarketDecoder):
    """Decoder of one symbol; see `base.Decoder`. A venue of its own may know more than frames tell."""

    is_future = False  # all share one count of updates
    loss_seen_by = "sequence"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._on_fault = on_fault
        self._aggregates = TradeNumbers(on_fault)
        self._has_trades = False  # of @trade
        self._before_run = 0  # newest update before the unbroken run of ours
        self._newest = 0  # update of ours; 0 before the first
        self._snapshots_ahead: deque[_Snapshot] = deque(maxlen=AHEAD_MAX)

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        head = _frame.decode(frame)
        name = ""
        if head.stream:
            name, _, channel = head.stream.partition("@")
            channel = channel or name.removeprefix("!")
            body: bytes | msgspec.Raw = head.data
        else:
            channel, body = _bare_channel(head), frame
        if channel == "bookTicker":
            return self._on_quote(body, time_received_ns)
        if channel == "trade":
            return self._on_trade(body, time_received_ns)
        if channel == "aggTrade":
            return self._on_aggregate(body, time_received_ns)
        if channel.partition("@")[0] == "depth":
            try:
                return self._on_depth(body, time_received_ns)
            except ValueError:
                self._doubt(name)
                raise
        if channel == "snapshot":
            return self._on_snapshot(_snapshot.decode(body), time_received_ns)
        if channel == CONTRACTS:
            told = _contract.decode(body)
            self._hear_state(told.symbol, told.state, OPEN_STATES)
        elif channel != "reply":
            raise FrameFault("frame_unknown", f"no channel known as {channel[:40]!r}")
        return ()

    def decode_reply(self, url: str, body: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in what was fetched from `url`; see `base.Decoder`."""
        parts = urlsplit(url)
        if not parts.path.endswith("/depth"):
            return ()
        asked = parse_qs(parts.query)
        s = _snapshot.decode(body)
        s.symbol = asked.get("symbol", [s.symbol])[0]
        s.limit = int(asked.get("limit", ["0"])[0])
        return self._on_snapshot(s, time_received_ns)

    def _on_quote(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        t = _best.decode(body)
        if not self._is_ours(t.symbol):
            return ()
        time_event_ns = t.time_ms * NS_PER_MS or time_received_ns
        bid_size = self._base_size(t.bid_size, t.bid, t.symbol)
        ask_size = self._base_size(t.ask_size, t.ask, t.symbol)
        return (quote_row(time_event_ns, time_received_ns, t.bid, bid_size, t.ask, ask_size),)

    def _on_trade(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        t = _trade.decode(body)
        if not self._is_ours(t.symbol):
            return ()
        self._has_trades = True
        if not self._trades.is_new(t.number) or t.order_type != MARKET:
            return ()
        return (self._trade_row(t, time_received_ns),)

    def _on_aggregate(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        t = _aggregate.decode(body)
        if not self._is_ours(t.symbol) or self._has_trades or not self._aggregates.is_new(t.number):
            return ()
        return (self._trade_row(t, time_received_ns),)

    def _on_depth(self, body: bytes | msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        d = _depth.decode(body)
        if not self._is_ours(d.symbol):
            return ()
        first_id = d.first_id
        if d.previous_id is not None:
            self.is_future = True
            first_id = d.previous_id + 1
        if first_id > self._newest + 1:
            self._before_run = first_id - 1
        self._newest = max(self._newest, d.last_id)
        for _ in range(len(self._snapshots_ahead)):
            self._join(self._snapshots_ahead.popleft())
        bids, asks = self._base_levels(d.bids, d.symbol), self._base_levels(d.asks, d.symbol)
        status = self.watch.book.apply(Delta(first_id, d.last_id, bids, asks))
        return self.watch.rows_after(status, d.time_ms * NS_PER_MS, time_received_ns)

    def _on_snapshot(self, s: _Snapshot, time_received_ns: int) -> Sequence[Row]:
        if s.symbol and plain_symbol(s.symbol) != self.symbol:
            return ()
        levels = max(len(s.bids), len(s.asks))
        s.limit = s.limit or (levels if levels >= LIMIT_MIN else 0)
        if self._join(s):
            return self.watch.rows_after(self.watch.book.status, time_received_ns, time_received_ns)
        if self._newest or self.others or not self.matched:
            return ()
        # No updates yet, maybe none ever.
        return self.watch.rows_of_snapshot(*self._levels_of(s), s.limit, time_received_ns)

    def _join(self, s: _Snapshot) -> bool:
        """Start the book over from a snapshot that is ours; keep one that is ahead. Whether it was ours."""
        if s.last_update_id > self._newest:
            self._snapshots_ahead.append(s)
            return False
        if not s.symbol:
            if self.is_future and self.others:
                self._on_fault("snapshot_unnamed", "a book without a symbol, and frames of several")
                return False
            # Behind the run: a stranger's, or one of ours that came too late. The book then tells of a gap.
            if s.last_update_id < self._before_run and (self.others or self._snapshots_ahead):
                return False
        self.watch.book.snapshot(s.last_update_id, *self._levels_of(s), s.limit)
        return True

    def _contract_usd(self, symbol: str) -> float:
        """USD a contract of `symbol`; 0 where sizes are in base units."""
        return contract_usd(symbol)

    def _trade_row(self, t: _Trade | _AggregateTrade, time_received_ns: int) -> Row:
        side = -1 if t.buyer_is_maker else 1
        size = self._base_size(t.size, t.price, t.symbol)
        return trade_row(t.time_ms * NS_PER_MS, time_received_ns, side, t.price, size)

    def _base_size(self, size: float, price: float, symbol: str) -> float:
        usd = self._contract_usd(symbol)
        return base_units(size, usd, price) if usd else size

    def _base_levels(self, levels: Levels, symbol: str) -> Levels:
        usd = self._contract_usd(symbol)
        return [(price, base_units(size, usd, price)) for price, size in levels] if usd else levels

    def _levels_of(self, s: _Snapshot) -> tuple[Levels, Levels]:
        return self._base_levels(s.bids, self._spelling), self._base_levels(s.asks, self._spelling)


@lru_cache(OTHER_SYMBOLS_MAX)
def contract_usd(symbol: str) -> float:
    """USD a contract, 0 where sizes are in base units: BTCUSD_PERP and ETHUSD_240927 count contracts,
    BTCUSDT and BTCUSDT_240927 do not.
    """
    underlying, _, delivery = symbol.upper().partition("_")
    if not delivery or not underlying.endswith("USD"):
        return 0.0
    return BTC_CONTRACT_USD if underlying == "BTCUSD" else CONTRACT_USD


def _bare_channel(head: _Frame) -> str:
    if head.last_update_id:
        return "snapshot"
    if head.event:
        return "depth" if head.event == "depthUpdate" else head.event
    if head.update_id:
        return "bookTicker"
    return "reply" if head.request_id is not None else ""
