"""Gemini's market data version 2: one channel, no answers, a heartbeat each 5 s."""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Ticks, price, size

from .listing import Listing, Numbered
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES = "l2", "trade"  # two channels to us, asked for as one
LEVELS = 1_000_000  # it sends all it has
HEARTBEAT_S = 5.0
DETAILS = "/v1/symbols/details/"


class Gemini(Protocol):
    """See `Protocol`."""

    name, path = "gemini", "/v2/marketdata"
    symbols = ("BTCUSD", "ETHUSD", "SOLUSD")
    book, trades = BOOK, TRADES
    halt, tells_halts = "closed", False
    ping_s = None

    def on_open(self, peer: Peer) -> None:
        """Nothing, but heartbeats begin."""
        peer.state["beat_s"] = peer.now_s

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe, unsubscribe; neither is answered."""
        try:
            asked = json.loads(frame)
            kind = asked["type"]
            wanted = [(str(s), each["name"]) for each in asked["subscriptions"] for s in each["symbols"]]
        except (ValueError, KeyError, TypeError):
            kind, wanted = "", []
        if kind not in ("subscribe", "unsubscribe"):
            peer.break_rule("a frame that makes no sense")
            peer.send({"result": "error", "reason": "InvalidJson"})
            return
        if not {symbol for symbol, _ in wanted} & peer.venue.listings.keys():
            peer.send({"reason": "NoValidTradingPairs", "result": "error"})
        for symbol, name in wanted:
            if symbol not in peer.venue.listings or name != BOOK:
                peer.break_rule(f"{name} of {symbol} is not known")
            elif kind == "unsubscribe":
                for channel in (BOOK, TRADES):
                    peer.subscribed.pop((symbol, channel), None)
            else:
                peer.subscribed |= {(symbol, BOOK): None, (symbol, TRADES): None}
                peer.send(self.image(peer.venue.listings[symbol], BOOK))

    def on_time(self, peer: Peer) -> None:
        """Heartbeats."""
        if peer.now_s - peer.state["beat_s"] >= HEARTBEAT_S:
            peer.state["beat_s"] = peer.now_s
            peer.send({"type": "heartbeat", "timestamp": int(peer.now_s * 1_000)})

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """What it lists, and of one market how it trades."""
        if path.startswith(DETAILS):
            listing = venue.listings.get(path.removeprefix(DETAILS).upper())
            if listing is None:
                return Answer(400, b'{"result":"error","reason":"Bad Request"}')
            told = {"symbol": listing.symbol, "status": "closed" if listing.halted else "open"}
            return Answer(200, json.dumps(told).encode())
        listed = json.dumps([each.lower() for each in venue.listings]).encode()
        return Answer(200, listed) if path == "/v1/symbols" else None

    def image(self, listing: Listing, channel: str) -> Message:  # noqa: ARG002
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS)
        past = [_traded(listing, each) for each in reversed(listing.trades)]
        return _book(listing, image.bids, image.asks) | {"trades": past, "auction_events": []}

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """One frame a change, and a trade."""
        if channel == TRADES:
            return [_traded(listing, each) for each in listing.new_trades]
        step = listing.step
        return [_book(listing, step.bids, step.asks)] if step.bids or step.asks else []


def _book(listing: Listing, bids: Ticks, asks: Ticks) -> dict[str, Any]:
    changes = [
        [side, price(tick), size(lots)]
        for side, ticks in (("buy", bids), ("sell", asks))
        for tick, lots in ticks.items()
    ]
    return {"type": "l2_updates", "symbol": listing.symbol, "changes": changes}


def _traded(listing: Listing, each: Numbered) -> dict[str, Any]:
    return {
        "type": "trade",
        "symbol": listing.symbol,
        "event_id": each.number,
        "timestamp": each.time_ns // 10**6,
        "price": price(each.trade.tick),
        "quantity": size(each.trade.lots),
        "side": "buy" if each.trade.side > 0 else "sell",
    }


PROTOCOL = Gemini
