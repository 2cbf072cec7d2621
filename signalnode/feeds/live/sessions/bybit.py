"""Bybit v5: the public sockets of spot, linear and inverse, an address each.

Source: Bybit, "V5 API, WebSocket Stream" and "Rate Limit Rules": at most 500 connects in 5 minutes, 1,000
connections, and 21,000 characters of topics on one; REST 600 requests in 5 s of one address, over which it
answers 403 for ten minutes; on spot 10 topics a request; `ping` each 20 s, and after 10 minutes without it is
cut. Books of 1 level come each 10 ms and give the quotes, those of 1000 each 200 ms and give the depth.

A market is told with its category, `linear:BTCUSDT`, for a frame does not say it: the connection does. An
answer names its request's number, a refusal not always: then the topic in its text is looked at. A request of
several topics is refused as a whole where one is not known (`handler not found`; ccxt #16378).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import UNREADABLE, Heard, Limits, Ping, Route, Venue
from signalnode.feeds.venues.bybit import CATEGORIES, INVERSE

BOOK, TRADES, TOUCH = "orderbook.1000", "publicTrade", "orderbook.1"
LINEAR_USDC = "USDC"  # whose perpetuals are called BTCPERP
PERPETUAL = ("PERP", "SWAP")
TOPIC = re.compile(r"(orderbook\.\d+|publicTrade)\.([\w-]+)")
HEALING = ("too many", "frequen", "busy", "timeout", "time out", "internal")  # in a refusal, lower case


class _Head(msgspec.Struct):
    topic: str = ""
    operation: str = msgspec.field(default="", name="op")
    success: bool = True
    said: str = msgspec.field(default="", name="ret_msg")
    request: str = msgspec.field(default="", name="req_id")


_head = msgspec.json.Decoder(_Head)


class Bybit(Venue):
    """See `base.Venue`."""

    name = "bybit"
    ws_url = "wss://stream.bybit.com/v5/public"
    channels: tuple[str, ...] = (BOOK, TRADES, TOUCH)
    ping = Ping(b'{"op":"ping"}', 15.0)
    limits = Limits(
        markets_max=100,  # of 3 topics: half of the 21,000 characters at most
        connects_max=400,
        connects_period_s=300.0,
        sends_per_s=10.0,  # none is published
        sends_at_once=10,
        asks_max=10,
        requests_max=60.0,
        requests_period_s=5.0,
        silence_s_max=40.0,  # two pings without an answer
    )

    def symbol(self, market: str) -> str:
        """BTC-USDT is spot, BTC-USDT-PERP linear, and BTC-USD, with or without PERP, inverse."""
        category, colon, named = market.rpartition(":")
        if colon and category in CATEGORIES:
            return market
        *parts, last = named.upper().split("-")
        if last not in PERPETUAL or not parts:
            plain = "".join((*parts, last))
            return f"{'inverse' if INVERSE.fullmatch(plain) else 'spot'}:{plain}"
        if parts[-1] == LINEAR_USDC:
            return f"linear:{''.join(parts[:-1])}PERP"
        plain = "".join(parts)
        return f"{'inverse' if INVERSE.fullmatch(plain) else 'linear'}:{plain}"

    def routes(self, symbol: str) -> tuple[Route, ...]:
        """By its category."""
        return (Route(f"/{self.symbol(symbol).partition(':')[0]}", self.channels),)

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("subscribe", symbols, channel, number)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("unsubscribe", symbols, channel, number)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _head.decode(frame)
        except UNREADABLE:
            return Heard("torn", _named_in(frame, symbols))
        if head.topic:
            channel, _, named = head.topic.rpartition(".")
            return Heard("data", _spelled(named, symbols), channel)
        if head.operation not in ("subscribe", "unsubscribe"):
            return Heard("noise")  # a pong: its `op` is `ping`, or `pong`
        return self._answer(head, symbols)

    def _answer(self, head: _Head, symbols: Collection[str]) -> Heard:
        number = int(head.request) if head.request.isdecimal() else 0
        if head.operation == "unsubscribe":
            return Heard("unsubscribed", number=number)  # if it is refused there was nothing to leave
        if head.success or "already subscribed" in head.said:
            return Heard("subscribed", number=number)
        detail, said = head.said[:200], head.said.lower()
        what = "failed" if any(word in said for word in HEALING) else "refused"
        if number:
            return Heard(what, number=number, detail=detail)  # type: ignore[arg-type] # one of the two
        topic = TOPIC.search(head.said)
        if topic is None:
            return Heard("noise", detail=detail)
        return Heard(what, _spelled(topic[2], symbols), topic[1], detail)  # type: ignore[arg-type]


def _request(operation: str, symbols: Sequence[str], channel: str, number: int) -> bytes:
    topics = [f"{channel}.{symbol.rpartition(':')[2]}" for symbol in symbols]
    return msgspec.json.encode({"op": operation, "args": topics, "req_id": str(number)})


def _spelled(named: str, symbols: Collection[str]) -> str:
    """The one of a connection's markets that a frame calls so; all are of one category."""
    category = next(iter(symbols), "").rpartition(":")[0]
    spelled = f"{category}:{named}" if category else named
    if spelled in symbols:
        return spelled
    return next((each for each in symbols if each.rpartition(":")[2] == named), named)


def _named_in(frame: bytes, symbols: Collection[str]) -> str:
    named = ((symbol, symbol.rpartition(":")[2].encode() + b'"') for symbol in symbols)
    found = [symbol for symbol, name in named if b'"' + name in frame or b"." + name in frame]
    return found[0] if len(found) == 1 else ""


VENUE: Venue = Bybit()
