"""Hyperliquid: its one socket.

Source: Hyperliquid, "WebSocket" and "Rate limits": of one address 10 connections (one copy of the page says
100, those of 2026 10), 30 new ones a minute, 1000 subscriptions and 2000 messages a minute; REST 1,200 of
weight a minute, of which what it lists is 20. What has been sent nothing for 60 s is closed, so `ping` is
sent, which is answered by `pong`. One subscription may die while the others go on (sonirico/go-hyperliquid
#111): a book comes each 5 s at least, so one that is silent for longer is asked for anew.

An answer repeats the subscription, with fields that were not asked for; an error has it in its text. A coin
that there is not has none: the connection is closed within 0.16 s, without a close frame (others measured it
in September 2026; so is a coin in small letters, or one of another dex without its prefix).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import UNREADABLE, Heard, Limits, Ping, Venue, named_in
from signalnode.feeds.venues.hyperliquid import GREETING, coin_of

BOOK, TRADES, BEST = "l2Book", "trades", "bbo"
# In an error's text, before the subscription: what it means.
ERRORS = {
    "Already subscribed": "subscribed",
    "Already unsubscribed": "unsubscribed",
    "Invalid subscription": "refused",
}


class _Head(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"")


class _Coin(msgspec.Struct):
    coin: str


class _Subscription(msgspec.Struct):
    type: str
    coin: str = ""


class _Answer(msgspec.Struct):
    method: str
    subscription: _Subscription


_head = msgspec.json.Decoder(_Head)
_coin = msgspec.json.Decoder(_Coin)
_coins = msgspec.json.Decoder(list[_Coin])
_answer = msgspec.json.Decoder(_Answer)
_subscription = msgspec.json.Decoder(_Subscription)
_text = msgspec.json.Decoder(str)


class Hyperliquid(Venue):
    """See `base.Venue`."""

    name = "hyperliquid"
    ws_url = "wss://api.hyperliquid.xyz/ws"
    closes_on_unknown = True
    channels: tuple[str, ...] = (BOOK, TRADES, BEST)
    ping = Ping(b'{"method":"ping"}', 15.0)
    limits = Limits(
        markets_max=40,  # with `connections_max`, heirs included, 960 subscriptions
        connects_max=25,
        connects_period_s=60.0,
        connections_max=8,  # of 10: who looks by other means needs one as well
        sends_per_s=10.0,
        sends_at_once=30,
        requests_max=600.0,
        requests_period_s=60.0,
        book_silence_s_max=20.0,
        silence_s_max=40.0,  # two pings without an answer
    )

    def symbol(self, market: str) -> str:
        """The coin of a market: BTC for BTC-USD, or BTC-USD-PERP."""
        return coin_of(market.removesuffix("-PERP"))

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return _request("subscribe", symbols[0], channel)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return _request("unsubscribe", symbols[0], channel)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        if frame.strip() == GREETING:
            return Heard("noise")
        try:
            return self._hear(_head.decode(frame))
        except UNREADABLE:
            return Heard("torn", named_in(frame, symbols))

    def _hear(self, head: _Head) -> Heard:
        if head.channel == TRADES:
            coins = _coins.decode(head.data)
            return Heard("data", coins[0].coin, TRADES) if coins else Heard("noise")
        if head.channel in self.channels:
            return Heard("data", _coin.decode(head.data).coin, head.channel)
        if head.channel == "subscriptionResponse":
            answer = _answer.decode(head.data)
            what = "subscribed" if answer.method == "subscribe" else "unsubscribed"
            return Heard(what, answer.subscription.coin, answer.subscription.type)  # type: ignore[arg-type]
        if head.channel == "error":
            return _error(_text.decode(head.data))
        return Heard("noise", detail=f"a frame of channel {head.channel[:40]!r}")


def _error(said: str) -> Heard:
    cause, brace, rest = said.partition("{")
    try:
        asked = _subscription.decode(brace + rest)
    except UNREADABLE:
        return Heard("noise", detail=said[:200])
    what = next((what for text, what in ERRORS.items() if cause.startswith(text)), "failed")
    return Heard(what, asked.coin, asked.type, said[:200])  # type: ignore[arg-type] # one of those


def _request(method: str, symbol: str, channel: str) -> bytes:
    return msgspec.json.encode({"method": method, "subscription": {"type": channel, "coin": symbol}})


VENUE: Venue = Hyperliquid()
