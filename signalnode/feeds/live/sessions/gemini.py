"""Gemini: market data version 2.

Source: Gemini, "Market Data v2", and a recording: one channel, `l2`, brings book and trades. No request is
answered: the first `l2_updates`, known by its list of past trades or auctions, is the yes and the book at
once; a request none of whose markets is known gets `NoValidTradingPairs`, which names none; leaving is over
when it is said. A heartbeat comes each 5 s. Nothing shows a loss, so a book is asked for anew each few
minutes. Of its sockets no limit is published; REST bears 120 requests a minute ("Rate Limits").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import SOMEBODY, UNREADABLE, Heard, Limits, Venue, named_in
from signalnode.feeds.venues.base import plain_symbol

CHANNEL = "l2"
DATA = frozenset({"l2_updates", "trade"})
UNKNOWN = "NoValidTradingPairs"


class _Head(msgspec.Struct):
    type: str = ""
    symbol: str = ""
    trades: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    auctions: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="auction_events")
    result: str = ""
    reason: str = ""
    message: str = ""


_head = msgspec.json.Decoder(_Head)


class Gemini(Venue):
    """See `base.Venue`."""

    name = "gemini"
    ws_url = "wss://api.gemini.com/v2/marketdata"
    answers_leaving = False
    answer_is_image = True
    channels: tuple[str, ...] = (CHANNEL,)
    limits = Limits(
        markets_max=25,
        connects_max=10,
        connects_period_s=60.0,
        sends_per_s=5.0,
        requests_max=60.0,
        requests_period_s=60.0,
        silence_s_max=15.0,  # three heartbeats
        refresh_s=300.0,
    )

    def symbol(self, market: str) -> str:
        """BTCUSD for BTC-USD."""
        return plain_symbol(market)

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return _request("subscribe", symbols, channel)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:  # noqa: ARG002
        """See `base.Venue`."""
        return _request("unsubscribe", symbols, channel)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        try:
            head = _head.decode(frame)
        except UNREADABLE:
            return Heard("torn", named_in(frame, symbols))
        if head.reason == UNKNOWN:
            return Heard("refused", detail=f"{head.reason} {head.message}".strip()[:200], number=SOMEBODY)
        if head.type not in DATA or not head.symbol:
            return Heard("noise", detail=f"{head.type or head.result} {head.reason} {head.message}"[:200])
        is_image = head.trades is not msgspec.UNSET or head.auctions is not msgspec.UNSET
        return Heard("subscribed" if is_image else "data", head.symbol, CHANNEL)


def _request(kind: str, symbols: Sequence[str], channel: str) -> bytes:
    asked = [{"name": channel, "symbols": list(symbols)}]
    return msgspec.json.encode({"type": kind, "subscriptions": asked})


VENUE: Venue = Gemini()
