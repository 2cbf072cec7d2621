"""What Binance's venues share: combined streams, subscribed to by name and answered by number.

Source: Binance, "WebSocket Streams" and "How to manage a local order book correctly" (binance-spot-api-docs);
of the futures the USD-M and COIN-M pages. A combined frame is `{"stream": …, "data": …}`; an answer
`{"result": null, "id": …}`, or `{"error": {"code", "msg"}, "id": …}`. A stream that does not exist is agreed
to all the same, and silent. Binance pings by protocol, closes after 24 hours, and says `serverShutdown`
before it closes by its own will. The book comes by REST: of 100 levels the market leaves the window, and the
book is wrong under a clean chain of updates; of 1,000 it does not.

Of data the stream's name is read, which a frame begins with, and nothing else. The futures' `!contractInfo`
is of all contracts, whenever one's state changes, and goes to that one ("Contract Info Stream"; USD-M has it
at `/market`, and at another address it is silent).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import Heard, Limits, Request, Venue, named_in

DEPTH, QUOTES, TRADES, AGGREGATES = "depth@100ms", "bookTicker", "trade", "aggTrade"
IMAGE_LEVELS = 1_000
CONTRACTS = "!contractInfo"
EMPTY = msgspec.Raw(b"")
MARK = b'{"stream":"'  # that a frame of data begins with
STREAM_BYTES_MAX = 128
FUTURES_CHANNELS = (DEPTH, QUOTES, AGGREGATES)  # single trades are not published
# Of both futures, by their documentation: 10 messages a second on a connection, 1,024 streams (200 on some
# pages), 300 connects in five minutes; REST 2,400 of weight a minute, of which a book of 1,000 levels is 20.
FUTURES_STANDING = (msgspec.json.encode({"method": "SUBSCRIBE", "params": [CONTRACTS], "id": 0}),)
FUTURES_LIMITS = Limits(
    markets_max=100,
    connects_max=150,
    connects_period_s=300.0,
    sends_per_s=5.0,
    sends_at_once=3,
    asks_max=50,
    lifetime_s_max=86_400.0,
    requests_max=1_200.0,
    requests_period_s=60.0,
)


class _Fault(msgspec.Struct):
    code: int = 0
    message: str = msgspec.field(default="", name="msg")


class _Frame(msgspec.Struct):
    stream: str = ""
    event: str = msgspec.field(default="", name="e")
    number: int | str | None = msgspec.field(default=None, name="id")
    error: _Fault | None = None
    data: msgspec.Raw = EMPTY


class _Event(msgspec.Struct):
    event: str = msgspec.field(default="", name="e")
    symbol: str = msgspec.field(default="", name="s")


_frame = msgspec.json.Decoder(_Frame)
_event = msgspec.json.Decoder(_Event)


class BinanceVenue(Venue):
    """See `base.Venue`. `image_path` and `image_weight` are a venue's own."""

    image_path: str
    image_weight: float

    def symbol(self, market: str) -> str:
        """BTC-USDT as BTCUSDT."""
        return market.replace("-", "").upper()

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("SUBSCRIBE", symbols, channel, number)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("UNSUBSCRIBE", symbols, channel, number)

    def image(self, symbol: str) -> Request | None:
        """IMAGE_LEVELS a side."""
        return Request(f"{self.image_path}?symbol={symbol}&limit={IMAGE_LEVELS}", self.image_weight)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        stream = _stream_of(frame)
        try:
            if not stream:
                head = _frame.decode(frame)
                stream = head.stream
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Heard("torn", named_in(frame, symbols))
        symbol, at, channel = stream.partition("@")
        if at:
            return Heard("data", symbol.upper(), channel)
        return _word(head)


def _word(head: _Frame) -> Heard:
    """What is no data of a stream that a market asked for."""
    event = _event_in(head.data)
    if head.stream == CONTRACTS:
        return Heard("data" if event.symbol else "noise", event.symbol, CONTRACTS)
    if "serverShutdown" in (head.event, event.event):
        return Heard("retiring", detail="Binance is about to restart")
    number = head.number if isinstance(head.number, int) else 0
    if head.error is not None:
        return Heard("refused", detail=f"{head.error.message} ({head.error.code})"[:200], number=number)
    if number:
        return Heard("subscribed", number=number)
    return Heard("noise", detail="a frame without a stream")


def _request(method: str, symbols: Sequence[str], channel: str, number: int) -> bytes:
    streams = [f"{symbol.lower()}@{channel}" for symbol in symbols]
    return msgspec.json.encode({"method": method, "params": streams, "id": number})


def _stream_of(frame: bytes) -> str:
    """The stream's name, where a frame begins with it as they do; "" otherwise."""
    if not frame.startswith(MARK):
        return ""
    name = frame[len(MARK) : len(MARK) + STREAM_BYTES_MAX].partition(b'"')[0]
    return name.decode(errors="replace") if b"@" in name else ""


def _event_in(data: msgspec.Raw) -> _Event:
    try:
        return _event.decode(data) if data else _Event()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Event()
