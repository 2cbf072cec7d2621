"""Deribit: JSON-RPC 2.0 over one socket.

Source: Deribit, "API v2", "Rate Limits", "Connection Management": 32 connections of one address, each request
of HTTP while it lasts among them, and the next is refused; requests cost credits, `public/subscribe` 3,000 of
30,000 that come back at 10,000 a second, and who has none left is closed after an error 10028. So requests
are few, and each asks for many instruments. `public/set_heartbeat` makes the venue ask `test_request`, which
must be answered at once, else it closes. Channels that are `raw` want a key, so the book comes gathered over
100 ms.

`platform_state` tells of indices that are locked, `instrument.state` of instruments that end; both are of
all, and go to each market.

The answer to a request has its `id` and lists what was accepted; what it does not know is just not there.

A market of ours, BTC-USD, is the inverse perpetual, BTC-PERPETUAL, and with another quote the linear one,
BTC_USDC-PERPETUAL; dated futures and options are called by the venue's own name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from signalnode.feeds.live.sessions.base import UNREADABLE, Heard, Limits, Venue, named_in

BOOK, TRADES = "book", "trades"
EVERY = "100ms"
HEARTBEAT_S = 10  # the least there is
# too_many_requests, retry, settlement_in_progress, matching_engine_queue_full, system_maintenance, timed_out
HEALING = frozenset({10028, 10040, 10041, 10047, 11051, 13888})
EMPTY = msgspec.Raw(b"")
STATES = ("platform_state", "instrument.state.any.any")
_OURS = re.compile(r"([A-Z0-9]+)-([A-Z]{3,5})")


def _asked(method: str, number: int, **params: Any) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


TEST = _asked("public/test", 0).decode()


class _Parameters(msgspec.Struct):
    channel: str = ""
    type: str = ""


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Head(msgspec.Struct):
    method: str = ""
    params: _Parameters = msgspec.field(default_factory=_Parameters)
    id: int = 0
    result: msgspec.Raw = EMPTY
    error: _Error | None = None


_head = msgspec.json.Decoder(_Head)
_channels = msgspec.json.Decoder(list[str])


class Deribit(Venue):
    """See `base.Venue`."""

    name = "deribit"
    ws_url = "wss://www.deribit.com/ws/api/v2"
    rest_url = "https://www.deribit.com"
    channels: tuple[str, ...] = (BOOK, TRADES)
    standing: tuple[bytes, ...] = (
        _asked("public/set_heartbeat", 0, interval=HEARTBEAT_S),
        _asked("public/subscribe", 0, channels=STATES),
    )
    limits = Limits(
        markets_max=100,  # none is published
        connects_max=30,  # nor here
        connects_period_s=60.0,
        connections_max=30,
        sends_per_s=3.0,
        sends_at_once=4,  # of ten: credits are the address's, and another connection may be starting
        asks_max=50,
        silence_s_max=25.0,
    )

    def symbol(self, market: str) -> str:
        """BTC-PERPETUAL for BTC-USD."""
        ours = _OURS.fullmatch(market)
        if ours is None or market.endswith("-PERPETUAL"):
            return market
        base, quote = ours.groups()
        return f"{base}-PERPETUAL" if quote == "USD" else f"{base}_{quote}-PERPETUAL"

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("public/subscribe", symbols, channel, number)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("public/unsubscribe", symbols, channel, number)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _head.decode(frame)
            if head.params.channel:
                return _data(head.params.channel)
            if head.method == "heartbeat":
                is_test = head.params.type == "test_request"
                return Heard("asks", detail=TEST) if is_test else Heard("noise")
            if not head.id:
                return Heard("noise", detail=head.error.message[:200] if head.error else "")
            if head.error is not None:
                detail = f"{head.error.code}: {head.error.message[:200]}"
                may_heal = head.error.code in HEALING
                return Heard("failed" if may_heal else "refused", detail=detail, number=head.id)
            listed = frozenset(_key(each) for each in _channels.decode(head.result))
        except UNREADABLE:
            return Heard("torn", named_in(frame, symbols))
        return Heard("subscribed", detail="no such instrument", number=head.id, listed=listed)


def _request(method: str, symbols: Sequence[str], channel: str, number: int) -> bytes:
    return _asked(method, number, channels=[f"{channel}.{symbol}.{EVERY}" for symbol in symbols])


def _key(name: str) -> tuple[str, str]:
    """Symbol and channel of a channel as Deribit writes it: book.BTC-PERPETUAL.100ms."""
    channel, _, rest = name.partition(".")
    return rest.rpartition(".")[0], channel


def _data(name: str) -> Heard:
    if name in STATES:
        return Heard("data", "", name)
    symbol, channel = _key(name)
    return Heard("data", symbol, channel) if channel in (BOOK, TRADES) and symbol else Heard("noise")


VENUE: Venue = Deribit()
