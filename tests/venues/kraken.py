"""Kraken spot's socket, protocol v2: `symbol` is a list, a depth is one of five and a book is left with its
own; each symbol of a request has an answer; what leaves the window is not told; ten requests a second.
"""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Ticks, price
from tests.feeds.venues.made.kraken import changed, checksum, levels, size

from .listing import Listing, Numbered, iso
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES, INSTRUMENTS = "book", "trade", "instrument"
DEPTHS = (10, 25, 100, 500, 1_000)
REQUESTS_MAX = 10  # a second
BEAT = '{"channel":"heartbeat"}'
Shown = tuple[Ticks, Ticks]


class Kraken(Protocol):
    """See `Protocol`. A book's channel is kept with its depth: book.500."""

    name, path = "kraken", "/v2"
    symbols = ("BTC/USD", "ETH/USD", "SOL/USD")
    book, trades = BOOK, TRADES
    halt = "maintenance"
    ping_s, pong_s = None, None

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str], Shown] = {}  # the window as it was told last

    def on_open(self, peer: Peer) -> None:
        """It speaks first."""
        state = {"system": "online", "api_version": "v2", "connection_id": 2**62 + peer.number}
        peer.send({"channel": "status", "type": "update", "data": [{"version": "2.0.10", **state}]})

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe, unsubscribe, ping."""
        try:
            asked = json.loads(frame)
            method, number = asked["method"], asked.get("req_id", 0)
            params = asked.get("params", {})
        except (ValueError, KeyError, TypeError, AttributeError):
            peer.break_rule("a frame that makes no sense")
            peer.send({"error": "Malformed request", "success": False})
            return
        if method == "ping":
            peer.send({"method": "pong", "req_id": number})
        elif peer.is_too_often("requests", REQUESTS_MAX, 1.0):
            peer.break_rule("over ten requests in a second")
            peer.send({"Error": "Exceeded msg rate"})
        elif method == "subscribe" and params.get("channel") == INSTRUMENTS:
            told = {"channel": INSTRUMENTS, "snapshot": True, "warnings": ["tick_size is deprecated"]}
            peer.send({"method": method, "result": told, "success": True})
            peer.state[INSTRUMENTS] = states = {each: _state(of) for each, of in peer.venue.listings.items()}
            peer.send(_instruments("snapshot", states))
        elif method not in ("subscribe", "unsubscribe"):
            self._refuse(peer, method, "", number, "Unsupported method")
        elif not isinstance(params.get("symbol"), list):
            self._refuse(peer, method, "", number, "Symbol field must be an array")
        else:
            for symbol in params["symbol"]:
                self._take(peer, method, symbol, params, number)

    def _take(self, peer: Peer, method: str, symbol: str, params: dict[str, Any], number: int) -> None:
        channel, depth = params.get("channel"), params.get("depth", 10)
        key = (symbol, f"{BOOK}.{depth}" if channel == BOOK else str(channel))
        if symbol not in peer.venue.listings:
            self._refuse(peer, method, symbol, number, f"Currency pair not supported {symbol}")
        elif channel not in (BOOK, TRADES):
            self._refuse(peer, method, symbol, number, "Channel not supported")
        elif channel == BOOK and depth not in DEPTHS:
            self._refuse(peer, method, symbol, number, "Subscription depth not supported")
        elif (key in peer.subscribed) is (method == "subscribe"):
            doubled = "Already subscribed" if method == "subscribe" else "Subscription Not Found"
            self._refuse(peer, method, symbol, number, doubled)
        else:
            told: dict[str, Any] = {"channel": channel, "symbol": symbol}
            told |= {"depth": depth} if channel == BOOK else {}
            told |= {"snapshot": params.get("snapshot", True)} if method == "subscribe" else {}
            peer.send({"method": method, "req_id": number, "result": told, "success": True})
            if method == "unsubscribe":
                del peer.subscribed[key]
                return
            peer.subscribed[key] = None
            if told["snapshot"]:
                self._open(peer, peer.venue.listings[symbol], key[1])

    def _open(self, peer: Peer, listing: Listing, channel: str) -> None:
        if channel == TRADES:
            peer.send(_trades("snapshot", listing, list(listing.trades)))
            return
        self._shown[listing.symbol, channel] = listing.market.best(int(channel.rpartition(".")[2]))
        peer.send(self.image(listing, channel))

    def image(self, listing: Listing, channel: str) -> Message:
        """The book whole, as it comes in band."""
        image = listing.image(int(channel.rpartition(".")[2]))
        return _book("snapshot", listing, (image.bids, image.asks), (image.bids, image.asks))

    def _refuse(self, peer: Peer, method: str, symbol: str, number: int, error: str) -> None:
        peer.break_rule(f"{method} {symbol}: {error}")
        named = {"symbol": symbol} if symbol else {}
        peer.send({"error": error, "method": method, "success": False, "req_id": number, **named})

    def on_time(self, peer: Peer) -> None:
        """A heartbeat each second while anything is subscribed to, and what has halted or trades again."""
        states = peer.state.get(INSTRUMENTS)
        if states is not None:
            now = {each: _state(of) for each, of in peer.venue.listings.items()}
            if told := dict(now.items() - states.items()):
                states |= told
                peer.send(_instruments("update", told))
        if peer.subscribed and peer.now_s >= peer.state.get("beat_s", 0.0):
            peer.state["beat_s"] = peer.now_s + 1.0
            peer.send(BEAT)

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """One frame a change, one a trade."""
        if channel == TRADES:
            return [_trades("update", listing, [each]) for each in listing.new_trades]
        before = self._shown.get((listing.symbol, channel), ({}, {}))
        after = listing.market.best(int(channel.rpartition(".")[2]))
        self._shown[listing.symbol, channel] = after
        if before == after:
            return []
        bids, asks = (changed(*each) for each in zip(before, after, strict=True))
        return [_book("update", listing, (bids, asks), after)]

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """Its pairs, which REST calls by the older name, what they traded, and maintenance to come."""
        told = {"pair_decimals": 2, "lot_decimals": 8, "status": "online"}
        names = {each: each.replace("BTC", "XBT") for each in venue.listings}
        found: dict[str, Any] = {
            "/0/public/AssetPairs": {
                name.replace("/", ""): {"altname": name.replace("/", ""), "wsname": name, **told}
                for name in names.values()
            },
            "/0/public/Ticker": {},
            "/0/public/MaintenanceSchedule": {"events": _to_come(venue)},
        }
        if path not in found:
            return None
        return Answer(200, json.dumps({"error": [], "result": found[path]}).encode())


def _to_come(venue: Venue) -> list[dict[str, Any]]:
    """What is announced, for as long as it has not begun, and what nobody here hears."""
    told = venue.script.maintenance
    if told is None or next(iter(venue.listings.values())).time_ns >= told.begin_ns:
        return []
    begin, end = (f"{iso(each)[:19]}Z" for each in (told.begin_ns, told.end_ns))
    event = {"event_id": 21, "title": "Upgrade", "expected_start_utc": begin, "expected_end_utc": end}
    event |= {"phase": "approaching_30m", "recommended_action": "reduce_activity"}
    return [event | {"affected_services": each} for each in (["spot_fix"], ["spot_rest", "spot_ws"])]


def _state(listing: Listing) -> str:
    return "maintenance" if listing.halted else "online"


def _instruments(kind: str, states: dict[str, str]) -> Message:
    pairs = [{"symbol": symbol, "status": state} for symbol, state in states.items()]
    return {"channel": INSTRUMENTS, "type": kind, "data": {"assets": [], "pairs": pairs}}


def _book(kind: str, listing: Listing, told: Shown, shown: Shown) -> Message:
    sides = f'"bids":[{levels(told[0])}],"asks":[{levels(told[1])}]'
    what = f'"checksum":{checksum(*shown)},"timestamp":"{listing.iso_time}"'
    data = f'{{"symbol":"{listing.symbol}",{sides},{what}}}'
    return f'{{"channel":"book","type":"{kind}","data":[{data}]}}'


def _trades(kind: str, listing: Listing, trades: list[Numbered]) -> Message:
    data = ",".join(
        f'{{"symbol":"{listing.symbol}","side":"{"buy" if each.trade.side > 0 else "sell"}",'
        f'"price":{price(each.trade.tick)},"qty":{size(each.trade.lots)},"ord_type":"market",'
        f'"trade_id":{each.number},"timestamp":"{iso(each.time_ns)}"}}'
        for each in trades
    )
    return f'{{"channel":"trade","type":"{kind}","data":[{data}]}}'


PROTOCOL = Kraken
