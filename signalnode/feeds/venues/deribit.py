"""Deribit: the channels `trades` and `book`.

Formats: Deribit, "API v2, Subscriptions". `direction` is the taker's; `trade_seq` counts an instrument's
trades without a hole; trades of blocks (`block_trade_id`) are agreed upon elsewhere and left out. The book's
snapshot comes in the stream and replaces it; a change names the one before, `prev_change_id` (36 of 36 on a
recording). `book.*.raw` and `.100ms` bring the whole book; grouped ones of so many levels, each an image of
its own, are kept to those.

Amounts of inverse contracts (BTC-PERPETUAL, BTC-27MAR26) are USD; those of options (BTC-27MAR26-90000-C),
and of linear contracts (BTC_USDC-PERPETUAL), are base units. Where a book comes in several channels, that
whose snapshot comes first counts.

`platform_state` says whether an instrument's index is locked, and of the whole platform whether it is in
maintenance; `instrument.state` what becomes of an instrument. None of these ends what another has said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from signalnode.clock import NS_PER_MS
from signalnode.feeds.venues.base import (
    DecoderClass,
    FrameFault,
    MarketDecoder,
    OnFault,
    Row,
    base_units,
    plain_symbol,
    trade_row,
)

EMPTY = msgspec.Raw(b"")
SILENT_CHANNELS = (
    *("ticker", "quote", "chart", "deribit_", "incremental_ticker", "markprice", "instrument", "perpetual"),
)
OPEN_STATES = ("created", "started", "open")
GROUPED_PARTS = 5  # of a channel's name: book.BTC-PERPETUAL.none.20.100ms
WINDOWS = {"1": 1, "10": 10, "20": 20}  # levels a side of those


class _Parameters(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = EMPTY


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Frame(msgspec.Struct):
    method: str = ""
    params: _Parameters = msgspec.field(default_factory=_Parameters)
    error: _Error | None = None
    request_id: int | str | None = msgspec.field(default=None, name="id")


class _Book(msgspec.Struct):
    instrument: str = msgspec.field(name="instrument_name")
    time_ms: int = msgspec.field(name="timestamp")
    change_id: int
    bids: list[tuple[Literal["new", "change", "delete"], float, float]]
    asks: list[tuple[Literal["new", "change", "delete"], float, float]]
    type: Literal["snapshot", "change"]
    previous_id: int = msgspec.field(default=0, name="prev_change_id")


class _Image(msgspec.Struct):
    instrument: str = msgspec.field(name="instrument_name")
    time_ms: int = msgspec.field(name="timestamp")
    change_id: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class _Trade(msgspec.Struct):
    instrument: str = msgspec.field(name="instrument_name")
    time_ms: int = msgspec.field(name="timestamp")
    number: int = msgspec.field(name="trade_seq")
    direction: Literal["buy", "sell"]
    price: float
    amount: float
    block: str | None = msgspec.field(default=None, name="block_trade_id")


class _Platform(msgspec.Struct):
    index: str = msgspec.field(default="", name="price_index")
    locked: bool = False
    maintenance: bool | None = None  # of the whole platform, whatever the index


class _State(msgspec.Struct):
    instrument: str = msgspec.field(name="instrument_name")
    state: str


_frame = msgspec.json.Decoder(_Frame)
_platform = msgspec.json.Decoder(_Platform)
_state = msgspec.json.Decoder(_State)
_book = msgspec.json.Decoder(_Book)
_image = msgspec.json.Decoder(_Image)
_trades = msgspec.json.Decoder(list[_Trade])


class DeribitDecoder(MarketDecoder):
    """Decoder of one instrument; see `base.Decoder`."""

    loss_seen_by = "sequence"

    def __init__(self, market: str, depth_bps: float, on_fault: OnFault) -> None:
        super().__init__(market, depth_bps, on_fault)
        self._channel = ""  # of the book
        self._ended = ""  # the instrument's own state, unless it is open
        self._is_locked = self._is_maintained = False
        self._index = index_of(market)

    def decode(self, frame: bytes, time_received_ns: int) -> Sequence[Row]:
        """The events in one frame; see `base.Decoder`."""
        head = _frame.decode(frame)
        if head.error is not None:
            raise FrameFault("subscription_refused", f"{head.error.code}: {head.error.message[:100]}")
        channel = head.params.channel
        parts = channel.split(".", GROUPED_PARTS)
        try:
            if parts[0] == "book" and len(parts) < GROUPED_PARTS:
                return self._on_book(head.params, time_received_ns)
            if parts[0] == "book" and parts[3] in WINDOWS:
                return self._on_image(head.params, WINDOWS[parts[3]], time_received_ns)
        except ValueError:
            self._doubt(parts[1])
            raise
        if parts[0] == "trades":
            return self._on_trades(head.params.data, time_received_ns)
        if channel == "platform_state" or channel.startswith("instrument.state."):
            return self._on_state(head.params)
        is_answer = not channel and (head.method or head.request_id is not None)
        if is_answer or channel.startswith(SILENT_CHANNELS):
            return ()
        raise FrameFault("frame_unknown", f"no channel known as {channel[:40]!r}")

    def _on_state(self, sent: _Parameters) -> Sequence[Row]:
        if sent.channel == "platform_state":
            self._on_platform(_platform.decode(sent.data))
        else:
            told = _state.decode(sent.data)
            if plain_symbol(told.instrument) == self.symbol:
                self._hear_state(told.instrument, told.state, OPEN_STATES)
                self._ended = self.halt
                self._work_out_halt()
        return ()

    def _on_platform(self, platform: _Platform) -> None:
        if platform.maintenance is not None:
            self._is_maintained = platform.maintenance
        elif platform.index != self._index:
            return
        if platform.index == self._index:
            self._is_locked = platform.locked
        self._work_out_halt()

    def _work_out_halt(self) -> None:
        of_platform = "maintenance" if self._is_maintained else "locked" if self._is_locked else ""
        self.halt = self._ended or of_platform

    def _on_book(self, sent: _Parameters, time_received_ns: int) -> Sequence[Row]:
        d = _book.decode(sent.data)
        if not self._is_ours(d.instrument) or not self._counts(sent.channel, d.type == "snapshot"):
            return ()
        bids, asks = (
            [
                (price, 0.0 if what == "delete" else _size(amount, price, d.instrument))
                for what, price, amount in side
            ]
            for side in (d.bids, d.asks)
        )
        if d.type == "snapshot":
            status = self.watch.book.replace(d.change_id, bids, asks)
        else:
            status = self.watch.book.follow(d.previous_id, d.change_id, bids, asks)
        return self.watch.rows_and_quote_after(status, d.time_ms * NS_PER_MS, time_received_ns)

    def _counts(self, channel: str, is_image: bool) -> bool:
        """Whether the book is that of `channel`; the first to send an image is."""
        if is_image and not self._channel:
            self._channel = channel
        return self._channel in ("", channel)

    def _on_image(self, sent: _Parameters, window: int, time_received_ns: int) -> Sequence[Row]:
        d = _image.decode(sent.data)
        if not self._is_ours(d.instrument) or not self._counts(sent.channel, is_image=True):
            return ()
        bids, asks = (
            [(price, _size(amount, price, d.instrument)) for price, amount in side]
            for side in (d.bids, d.asks)
        )
        status = self.watch.book.replace(d.change_id, bids, asks, window)
        return self.watch.rows_and_quote_after(status, d.time_ms * NS_PER_MS, time_received_ns)

    def _on_trades(self, data: msgspec.Raw, time_received_ns: int) -> Sequence[Row]:
        rows = []
        for t in _trades.decode(data):
            if not self._is_ours(t.instrument) or not self._trades.is_new(t.number) or t.block:
                continue
            side, size = 1 if t.direction == "buy" else -1, _size(t.amount, t.price, t.instrument)
            rows.append(trade_row(t.time_ms * NS_PER_MS, time_received_ns, side, t.price, size))
        return rows


def index_of(instrument: str) -> str:
    """The index of its price: btc_usd of BTC-PERPETUAL, sol_usdc of SOL_USDC-PERPETUAL."""
    underlying = instrument.partition("-")[0].lower()
    return underlying if "_" in underlying else f"{underlying}_usd"


def _size(amount: float, price: float, instrument: str) -> float:
    """`amount` in base units: of an inverse future it is USD."""
    underlying, _, rest = instrument.partition("-")
    return base_units(amount, 1.0, price) if rest and "_" not in underlying and "-" not in rest else amount


DECODER: DecoderClass = DeribitDecoder
