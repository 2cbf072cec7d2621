"""OKX v5: the public socket.

Source: OKX, "API v5, WebSocket": 3 connects a second of one address; 480 requests to subscribe and
unsubscribe an hour and connection, so books are not mended by asking again and again; what has heard nothing
for 30 s is closed with 4004, so the text `ping` is sent, which is answered by `pong` and is no JSON.
About a minute before a connection is closed for an upgrade of theirs it says so, by a notice of code 64008.

`books` come each 100 ms and give the depth, `bbo-tbt` each 10 ms and give the quotes. An answer names channel
and instrument; an error mostly in its text alone, else by the number of the request. All but spot counts
contracts, whose worth is fetched before a market is asked for. `instruments` is of all of a kind, and goes to
each market where it names one of them: what it says of their states.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec

from signalnode.feeds.live.sessions.base import UNREADABLE, Heard, Limits, Ping, Request, Venue, named_in
from signalnode.feeds.venues.okx import INSTRUMENTS, SPOT_PARTS

BOOK, TRADES, BEST = "books", "trades", "bbo-tbt"
KINDS = {3: "FUTURES", 5: "OPTION"}  # by the parts of a name
STANDING = [{"channel": INSTRUMENTS, "instType": kind} for kind in ("SPOT", "SWAP", "FUTURES")]
LISTING_BYTES_MAX = 65_536  # more is the whole list, which comes first: half a megabyte for each market
RETIRING = "64008"
PONG = b"pong"
# Of errors: service unavailable, too often (twice), an error of theirs (twice).
HEALING = frozenset({"50001", "50011", "60014", "63999", "64007"})
NAMED = re.compile(r"channel:([\w-]+),\s*instId:([\w-]+)")


class _Argument(msgspec.Struct):
    channel: str = ""
    symbol: str = msgspec.field(default="", name="instId")


class _Head(msgspec.Struct):
    event: str = ""
    argument: _Argument = msgspec.field(default_factory=_Argument, name="arg")
    code: str = ""
    said: str = msgspec.field(default="", name="msg")
    request: str = msgspec.field(default="", name="id")


_head = msgspec.json.Decoder(_Head)


class Okx(Venue):
    """See `base.Venue`."""

    name = "okx"
    ws_url = "wss://ws.okx.com:8443/ws/v5/public"
    rest_url = "https://www.okx.com"
    channels: tuple[str, ...] = (BOOK, TRADES, BEST)
    standing = (msgspec.json.encode({"op": "subscribe", "args": STANDING}),)
    ping = Ping(b"ping", 15.0)
    limits = Limits(
        markets_max=50,
        connects_max=3,
        connects_period_s=1.0,
        sends_per_s=3.0,  # none is published but that of an hour
        sends_at_once=8,
        asks_max=25,
        asks_hourly_max=480,
        requests_max=15.0,  # of 20
        requests_period_s=2.0,
        silence_s_max=40.0,  # two pings without an answer
    )

    def symbol(self, market: str) -> str:
        """As ours, but that a perpetual is a swap: BTC-USDT-SWAP for BTC-USDT-PERP."""
        named = market.upper()
        return f"{named.removesuffix('-PERP')}-SWAP" if named.endswith("-PERP") else named

    def facts(self, symbol: str) -> Request | None:
        """What a contract is worth, of all but spot."""
        parts = symbol.split("-")
        if len(parts) <= SPOT_PARTS:
            return None
        kind = "SWAP" if parts[-1] == "SWAP" else KINDS.get(len(parts), "")
        family = f"&instFamily={'-'.join(parts[:2])}" if kind == "OPTION" else ""
        return Request(f"/api/v5/public/instruments?instType={kind}{family}&instId={symbol}")

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("subscribe", symbols, channel, number)

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        """See `base.Venue`."""
        return _request("unsubscribe", symbols, channel, number)

    def hear(self, frame: bytes, symbols: Collection[str]) -> Heard:
        """See `base.Venue`."""
        if frame == PONG:
            return Heard("noise")
        try:
            head = _head.decode(frame)
        except UNREADABLE:
            return Heard("torn", named_in(frame, symbols))
        channel, symbol = head.argument.channel, head.argument.symbol
        if head.event:
            return _word(head)
        if channel == INSTRUMENTS and len(frame) <= LISTING_BYTES_MAX:
            is_ours = any(b'"%s"' % each.encode() in frame for each in symbols)
            return Heard("data" if is_ours else "noise", "", channel)
        return Heard("data" if symbol else "noise", symbol, channel)


def _word(head: _Head) -> Heard:
    channel, symbol = head.argument.channel, head.argument.symbol
    if head.event == "error":
        return _error(head)
    if head.event in ("subscribe", "unsubscribe"):
        return Heard("subscribed" if head.event == "subscribe" else "unsubscribed", symbol, channel)
    is_retiring = head.event == "notice" and head.code == RETIRING
    return Heard("retiring" if is_retiring else "noise", detail=f"{head.event} {head.said}"[:200])


def _error(head: _Head) -> Heard:
    detail = f"{head.code}: {head.said}"[:200]
    named = NAMED.search(head.said)
    what = "failed" if head.code in HEALING else "refused"
    if named is not None:
        return Heard(what, named[2], named[1], detail)  # type: ignore[arg-type] # one of the two
    if head.request.isdecimal():
        return Heard(what, number=int(head.request), detail=detail)  # type: ignore[arg-type]
    return Heard("noise", detail=detail)


def _request(operation: str, symbols: Sequence[str], channel: str, number: int) -> bytes:
    asked = [{"channel": channel, "instId": symbol} for symbol in symbols]
    return msgspec.json.encode({"id": str(number), "op": operation, "args": asked})


VENUE: Venue = Okx()
