"""Bitstamp's WebSocket API v2: channels named with their markets, answers by name, errors without one."""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import price, size
from tests.feeds.venues.made.bitstamp import levels

from .listing import Listing, Numbered
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES = "order_book", "live_trades"
LEVELS = 100


class Bitstamp(Protocol):
    """See `Protocol`."""

    name = "bitstamp"
    symbols = ("btcusd", "ethusd", "ltcusd")
    book, trades = BOOK, TRADES
    halt, tells_halts = "disabled", False
    refuses = False
    ping_s = None

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe, unsubscribe, heartbeat."""
        try:
            asked = json.loads(frame)
            event = asked["event"]
            named = "" if event == "bts:heartbeat" else asked["data"]["channel"]
        except (ValueError, KeyError, TypeError):
            event, named = "", ""
        channel, _, symbol = named.rpartition("_")
        key = (symbol, channel)
        if event == "bts:heartbeat":
            peer.send({"event": event, "channel": "", "data": {"status": "success"}})
        elif event not in ("bts:subscribe", "bts:unsubscribe"):
            self._refuse(peer, "Incorrect JSON format.")
        elif channel not in (BOOK, TRADES) or not symbol.isalnum() or symbol != symbol.lower():
            self._refuse(peer, "Invalid channel provided.")
        elif event == "bts:unsubscribe":
            peer.subscribed.pop(key, None)
            peer.send({"event": "bts:unsubscription_succeeded", "channel": named, "data": {}})
        elif key in peer.subscribed:
            self._refuse(peer, "Already subscribed.")
        else:  # also where there is no such market: then nothing comes
            peer.subscribed[key] = None
            peer.send({"event": "bts:subscription_succeeded", "channel": named, "data": {}})

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """What it lists, and what that traded."""
        told = {"base_decimals": 8, "counter_decimals": 2}
        found = {
            "/api/v2/trading-pairs-info/": [
                told | {"name": _name(each), "url_symbol": each, "trading": _state(listing)}
                for each, listing in venue.listings.items()
            ],
            "/api/v2/ticker/": [],
        }
        return Answer(200, json.dumps(found[path]).encode()) if path in found else None

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """A trade each, and the best levels whole."""
        if channel == TRADES:
            return [_traded(listing, each) for each in listing.new_trades]
        if not (listing.step.bids or listing.step.asks):
            return []
        return [self.image(listing, channel)]

    def image(self, listing: Listing, channel: str) -> Message:  # noqa: ARG002
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS)
        time_us = image.time_ns // 1_000
        data: dict[str, Any] = {"timestamp": str(time_us // 10**6), "microtimestamp": str(time_us)}
        data |= {"bids": levels(image.bids), "asks": levels(image.asks)}
        return {"event": "data", "channel": f"{BOOK}_{listing.symbol}", "data": data}

    def _refuse(self, peer: Peer, message: str) -> None:
        peer.break_rule(message)
        peer.send({"event": "bts:error", "channel": "", "data": {"code": None, "message": message}})


def _name(symbol: str) -> str:
    return f"{symbol[:3]}/{symbol[3:]}".upper()


def _state(listing: Listing) -> str:
    return "Disabled" if listing.halted else "Enabled"


def _traded(listing: Listing, each: Numbered) -> Message:
    data = {"id": each.number * 7, "microtimestamp": str(each.time_ns // 1_000)}
    data |= {"type": 0 if each.trade.side > 0 else 1, "timestamp": str(each.time_ns // 10**9)}
    data |= {"price": each.trade.tick / 100, "price_str": price(each.trade.tick)}
    data |= {"amount": each.trade.lots / 1_000, "amount_str": size(each.trade.lots)}
    return {"event": "trade", "channel": f"{TRADES}_{listing.symbol}", "data": data}


PROTOCOL = Bitstamp
