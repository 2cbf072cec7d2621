"""Hyperliquid's socket, as strict as its own: 10 connections, 1000 subscriptions and 2000 messages a minute
of an address; what it has sent nothing for 60 s is closed.
"""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Ticks, Trade, price, size
from tests.feeds.venues.made.hyperliquid import HASH

from .listing import Listing, Numbered
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES, BEST = "l2Book", "trades", "bbo"
LEVELS = 20  # a side
CONNECTIONS_MAX, SUBSCRIPTIONS_MAX, MESSAGES_MAX = 10, 1_000, 2_000
SILENT_S = 60.0
OLD = Numbered(1, 1_000_000_000_000_000_000, Trade(1, 9_000, 1))  # a trade of long ago


class Hyperliquid(Protocol):
    """See `Protocol`."""

    name, path = "hyperliquid", "/ws"
    symbols = ("BTC", "ETH", "kPEPE")
    book, trades = BOOK, TRADES
    halt, tells_halts = "delisted", False
    ping_s = None

    def on_open(self, peer: Peer) -> None:
        """It says nothing."""
        peer.state["sent_s"] = peer.now_s
        if len(peer.venue.peers) > CONNECTIONS_MAX:
            peer.break_rule("over 10 connections", 1008)

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe, unsubscribe, ping."""
        try:
            asked = json.loads(frame)
            method, wanted = asked["method"], asked.get("subscription", {})
            key = (str(wanted.get("coin", "")), str(wanted.get("type", "")))
        except (ValueError, KeyError, TypeError, AttributeError):
            method, key, wanted = "", ("", ""), {}
        if peer.is_too_often("messages", MESSAGES_MAX, 60.0):
            peer.break_rule("over 2000 messages a minute", 1008)
        elif method == "ping":
            peer.send({"channel": "pong"})
        elif method not in ("subscribe", "unsubscribe"):
            self._refuse(peer, "Error parsing JSON into valid websocket request", frame.decode())
        elif method == "subscribe":
            self._subscribe(peer, key, wanted)
        elif key not in peer.subscribed:
            self._refuse(peer, "Already unsubscribed", json.dumps(wanted))
        else:
            del peer.subscribed[key]
            peer.send(_response(method, wanted))

    def on_time(self, peer: Peer) -> None:
        """Close who has nothing sent to him."""
        if peer.now_s - peer.state["sent_s"] > SILENT_S:
            peer.break_rule("nothing was sent for 60 s", 1000)

    def posted(self, venue: Venue, path: str, body: bytes) -> Answer | None:
        """What it lists, in its own list alone."""
        if path != "/info":
            return None
        asked = json.loads(body)
        if asked.get("type") != "metaAndAssetCtxs" or asked.get("dex"):
            return Answer(422, b"Failed to deserialize the JSON body into the target type")
        coins = [
            {"name": symbol, "szDecimals": 3, **({"isDelisted": True} if listing.halted else {})}
            for symbol, listing in venue.listings.items()
        ]
        contexts = [{"markPx": "100.0", "dayNtlVlm": "1000.0"} for _ in coins]
        return Answer(200, json.dumps([{"universe": coins}, contexts]).encode())

    def seal(self, peer: Peer, message: Message) -> bytes:
        """Note that something is sent."""
        peer.state["sent_s"] = peer.now_s
        return super().seal(peer, message)

    def _subscribe(self, peer: Peer, key: tuple[str, str], wanted: dict[str, Any]) -> None:
        if key in peer.subscribed:
            self._refuse(peer, "Already subscribed", json.dumps(wanted))
        elif key[1] not in (BOOK, TRADES, BEST):
            self._refuse(peer, "Error parsing JSON into valid websocket request", json.dumps(wanted))
        elif key[0] not in peer.venue.listings:
            peer.break_rule(f"{key[0]} is not known", 1006)
        elif sum(len(each.subscribed) for each in peer.venue.peers) >= SUBSCRIPTIONS_MAX:
            self._refuse(peer, "Cannot track more subscriptions", json.dumps(wanted))
        else:
            peer.subscribed[key] = None
            peer.send(_response("subscribe", wanted))
            for message in self._opening(peer.venue.listings[key[0]], key[1]):
                peer.send(message)

    def _refuse(self, peer: Peer, cause: str, what: str) -> None:
        peer.break_rule(cause)
        peer.send({"channel": "error", "data": f"{cause}: {what}"})

    def _opening(self, listing: Listing, channel: str) -> list[Message]:
        if channel == TRADES:
            return [_traded(listing, list(listing.trades) or [OLD])]
        return [self.image(listing, channel)]

    def image(self, listing: Listing, channel: str) -> Message:
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS)
        return _told(listing, channel, image.time_ns, image.bids, image.asks)

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """The whole of what is shown, with each change."""
        if channel == TRADES:
            return [_traded(listing, listing.new_trades)] if listing.new_trades else []
        if not listing.step.bids and not listing.step.asks:
            return []
        return [_told(listing, channel, listing.time_ns, *listing.market.best(LEVELS))]


def _response(method: str, wanted: dict[str, Any]) -> Message:
    """With fields that were not asked for."""
    more = {"nSigFigs": None, "mantissa": None} if wanted["type"] == BOOK else {}
    data = {"method": method, "subscription": {"type": wanted["type"], "coin": wanted["coin"], **more}}
    return {"channel": "subscriptionResponse", "data": data}


def _told(listing: Listing, channel: str, time_ns: int, bids: Ticks, asks: Ticks) -> Message:
    sides = [
        [{"px": price(tick), "sz": size(lots), "n": 1} for tick, lots in each.items()]
        for each in (bids, asks)
    ]
    told = {"levels": sides} if channel == BOOK else {"bbo": [side[0] if side else None for side in sides]}
    return {"channel": channel, "data": {"coin": listing.symbol, "time": time_ns // 10**6, **told}}


def _traded(listing: Listing, trades: list[Numbered]) -> Message:
    rows = [
        {
            "coin": listing.symbol,
            "side": "B" if each.trade.side > 0 else "A",
            "px": price(each.trade.tick),
            "sz": size(each.trade.lots),
            "time": each.time_ns // 10**6,
            "hash": HASH,
            "tid": each.number * 7_919 % 2**50,
        }
        for each in trades
    ]
    return {"channel": TRADES, "data": rows}


PROTOCOL = Hyperliquid
