"""Kraken spot, protocol v2.

Source: Kraken, "WebSocket API v2", and "Spot WebSocket Introduction" (about 150 connects in any ten minutes
of one address, by Cloudflare, then it is banned for ten; requests are limited by a rate that is not
published). A name is written BTC/USD; the XBT of the older protocol and of REST's `wsname` is not supported.
It greets with the channel `status`, sends a heartbeat each second while anything is subscribed to, and
answers `ping` always, so that a connection all of whose markets it refused is no silent one.

`instrument` is of all markets, a megabyte at first: each market gets what is said of it, byte for byte, as a
frame of its own.

Each symbol of a request has an answer of its own, with the request's `req_id`. An error names its symbol and
no channel; a depth that Kraken has not is refused so, while heartbeats go on. A book is left with the depth
it was asked for with.

The checksum covers the ten best levels, so at DEPTH a lost update shows when it has come among those. The
ten alone would be verified wholly, and reach 1 bps of BTC/USD where the band of depth is 10.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from signalnode.feeds.live.sessions.base import UNREADABLE, Heard, Limits, Ping, Venue, named_in

BOOK, TRADES, INSTRUMENTS = "book", "trade", "instrument"
DEPTH = 500  # levels a side: 10, 25, 100, 500 or 1,000
DOUBLED = "already subscribed"  # its answer was lost: it is left first, as one that is overdue
SOON = ("exceeded", "rate", "internal", "unavailable", "busy")  # of an error that may heal


class _Result(msgspec.Struct):
    channel: str = ""
    symbol: str = ""


class _Symbol(msgspec.Struct):
    symbol: str = ""


class _Instruments(msgspec.Struct):
    markets: list[msgspec.Raw] = msgspec.field(default_factory=list, name="pairs")


class _Head(msgspec.Struct):
    channel: str = ""
    data: list[_Symbol] | _Instruments = []
    method: str = ""
    success: bool = True
    error: str = ""
    symbol: str = ""
    req_id: int = 0
    result: _Result | None = None


_head = msgspec.json.Decoder(_Head)
_symbol = msgspec.json.Decoder(_Symbol)


class Kraken(Venue):
    """See `base.Venue`."""

    name = "kraken"
    ws_url = "wss://ws.kraken.com/v2"
    rest_url = "https://api.kraken.com"
    greets = True
    channels: tuple[str, ...] = (BOOK, TRADES)
    standing = (msgspec.json.encode({"method": "subscribe", "params": {"channel": INSTRUMENTS}}),)
    ping = Ping(b'{"method":"ping"}', 4.0)
    limits = Limits(
        markets_max=50,  # none is published
        connects_max=100,
        connects_period_s=600.0,
        sends_per_s=5.0,
        asks_max=10,
        silence_s_max=12.0,
    )

    def symbol(self, market: str) -> str:
        """BTC/USD for BTC-USD."""
        return market.replace("-", "/", 1)

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """Of trades no past ones are asked for."""
        return _request("subscribe", symbols, channel, number, snapshot=channel == BOOK)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("unsubscribe", symbols, channel, number)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _head.decode(frame)
        except UNREADABLE:
            return Heard("torn", named_in(frame, symbols))
        if head.channel == INSTRUMENTS:
            told = head.data.markets if isinstance(head.data, _Instruments) else []
            return Heard("data", "", INSTRUMENTS, parts=_parts(told, symbols))
        if head.channel in (BOOK, TRADES) and isinstance(head.data, list):
            named = {each.symbol for each in head.data}
            return Heard("data", named.pop() if len(named) == 1 else "", head.channel)
        if head.channel == "status":
            return Heard("greeting")
        if head.method in ("subscribe", "unsubscribe"):
            return _answer(head)
        return Heard("noise", detail=head.error[:200])


def _parts(told: Sequence[msgspec.Raw], symbols: Collection[str]) -> dict[str, bytes]:
    found = {}
    for each in told:
        try:
            symbol = _symbol.decode(each).symbol
        except UNREADABLE:
            continue
        if symbol in symbols:
            found[symbol] = b'{"channel":"instrument","data":{"pairs":[%b]}}' % bytes(each)
    return found


def _request(method: str, symbols: Sequence[str], channel: str, number: int, **more: Any) -> bytes:
    asked: dict[str, Any] = {"channel": channel, "symbol": symbols, **more}
    if channel == BOOK:
        asked["depth"] = DEPTH
    return msgspec.json.encode({"method": method, "params": asked, "req_id": number})


def _answer(head: _Head) -> Heard:
    result = head.result or _Result()
    if result.channel == INSTRUMENTS:
        return Heard("noise")
    symbol, detail = head.symbol or result.symbol, head.error[:200]
    if head.success and not detail:
        what = "subscribed" if head.method == "subscribe" else "unsubscribed"
        return Heard(what, symbol, result.channel, number=head.req_id)  # type: ignore[arg-type] # its values are
    if DOUBLED in detail.lower():
        return Heard("noise", detail=detail)
    said = (detail.replace(symbol, "") if symbol else detail).lower()  # such a word may be in the name
    may_heal = any(word in said for word in SOON)
    return Heard("failed" if may_heal else "refused", symbol, "", detail, head.req_id)


VENUE: Venue = Kraken()
