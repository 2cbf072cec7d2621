"""Coinbase Advanced Trade's socket: the first request within 5 s, 8 requests and 8 connects a second from one
address, one channel a request; a connection without `heartbeats` that has had nothing for a minute is closed.
What is subscribed to comes before the answer to it.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from tests.feeds.venues.made.base import Ticks, price, size

from .listing import Listing, Numbered
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES, HEARTBEATS, STATUS = "level2", "market_trades", "heartbeats", "status"
STATUS_S = 5.0  # between two tellings of it
FIRST_S, IDLE_S = 5.0, 60.0
PER_SECOND_MAX = 8  # requests, and connects, of one address
LEVELS = 1_000  # all there are


class Coinbase(Protocol):
    """See `Protocol`. Each frame but an error has the connection's next number on it."""

    name, path = "coinbase", "/"
    symbols = ("BTC-USD", "ETH-USD", "SOL-USD")
    book, trades = BOOK, TRADES
    halt = "offline"

    def __init__(self) -> None:
        self._requests: deque[float] = deque(maxlen=PER_SECOND_MAX + 1)
        self._connects: deque[float] = deque(maxlen=PER_SECOND_MAX + 1)

    def on_open(self, peer: Peer) -> None:
        """It says nothing."""
        if _is_too_often(self._connects, peer.now_s):
            peer.break_rule("over 8 connects in a second", 1008)

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe and unsubscribe."""
        peer.state["asked"] = True
        if _is_too_often(self._requests, peer.now_s):
            peer.break_rule("over 8 requests in a second", 1008)
            return
        try:
            asked = json.loads(frame)
            kind, channel = asked["type"], asked["channel"]
            products = list(asked.get("product_ids", ()))
        except (ValueError, KeyError, TypeError):
            kind, channel, products = "", "", []
        unknown = [each for each in products if each not in peer.venue.listings]
        if kind not in ("subscribe", "unsubscribe") or channel not in (BOOK, TRADES, HEARTBEATS, STATUS):
            self._refuse(peer, "invalid request")
        elif unknown or (not products and channel != HEARTBEATS):
            self._refuse(peer, f"failed to {kind}: invalid product_ids: {unknown}")
        elif channel == HEARTBEATS:
            peer.state["beat_s"] = peer.now_s
            self._answer(peer)
        elif channel == STATUS:
            held = peer.state.setdefault(STATUS, set())
            (held.update if kind == "subscribe" else held.difference_update)(products)
            self._tell_status(peer)
            self._answer(peer)
        else:
            for each in products:
                self._take(peer, kind, (each, channel))
            self._answer(peer)

    def _take(self, peer: Peer, kind: str, key: tuple[str, str]) -> None:
        if kind == "unsubscribe":
            peer.subscribed.pop(key, None)
            return
        peer.subscribed[key] = None
        listing = peer.venue.listings[key[0]]
        if key[1] == BOOK:
            peer.send(self.image(listing, key[1]))
        else:
            peer.send(_trades(listing, "snapshot", list(listing.trades)))

    def image(self, listing: Listing, channel: str) -> Message:  # noqa: ARG002
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS)
        return _book(listing, "snapshot", image.bids, image.asks)

    def _answer(self, peer: Peer) -> None:
        held: dict[str, list[str]] = {HEARTBEATS: [HEARTBEATS]} if "beat_s" in peer.state else {}
        for symbol, channel in (*peer.subscribed, *((each, STATUS) for each in peer.state.get(STATUS, ()))):
            held.setdefault(channel, []).append(symbol)
        peer.send(_frame("subscriptions", {"subscriptions": held}))

    def _tell_status(self, peer: Peer) -> None:
        peer.state["told_s"] = peer.now_s
        if peer.state[STATUS]:
            products = [
                {"product_type": "SPOT", "id": each, "status": _state(peer.venue.listings[each])}
                for each in sorted(peer.state[STATUS] & peer.venue.listings.keys())
            ]
            peer.send(_frame(STATUS, {"type": "snapshot", "products": products}))

    def _refuse(self, peer: Peer, message: str) -> None:
        peer.break_rule(message)
        peer.send({"type": "error", "message": message})

    def on_time(self, peer: Peer) -> None:
        """Heartbeats and states, and who says nothing or hears nothing."""
        if peer.now_s >= peer.state.get("told_s", peer.now_s) + STATUS_S:
            self._tell_status(peer)
        if not peer.state.get("asked") and peer.now_s - peer.opened_s > FIRST_S:
            peer.break_rule("nothing was asked for in 5 s", 1008)
        elif "beat_s" not in peer.state:
            if peer.now_s - peer.state.get("sent_s", peer.opened_s) > IDLE_S:
                peer.close(1000, "idle")
        elif peer.now_s >= peer.state["beat_s"]:
            peer.state["beat_s"] = max(peer.state["beat_s"] + 1.0, peer.now_s)
            peer.state["beats"] = peer.state.get("beats", 0) + 1
            peer.send(_frame(HEARTBEATS, {"heartbeat_counter": peer.state["beats"]}))

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """One frame a change, trades newest first."""
        if channel == TRADES:
            return [_trades(listing, "update", listing.new_trades)] if listing.new_trades else []
        step = listing.step
        return [_book(listing, "update", step.bids, step.asks)] if step.bids or step.asks else []

    def seal(self, peer: Peer, message: Message) -> bytes:
        """Number it."""
        assert isinstance(message, dict)
        if "channel" in message:
            peer.state["sequence"] = number = peer.state.get("sequence", -1) + 1
            peer.state["sent_s"] = peer.now_s
            message = {"channel": message["channel"], "sequence_num": number, **message}
        return super().seal(peer, message)

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """Its products; nothing else is asked of it."""
        if path != "/api/v3/brokerage/market/products":
            return None
        told = {"price_increment": "0.01", "base_increment": "0.001"}
        products = [
            {"product_id": symbol, "status": _state(listing), **told}
            for symbol, listing in venue.listings.items()
        ]
        return Answer(200, json.dumps({"products": products}).encode())


def _state(listing: Listing) -> str:
    return "offline" if listing.halted else "online"


def _frame(channel: str, event: dict[str, Any], time: str = "2026-08-09T21:05:48.228846629Z") -> Message:
    return {"channel": channel, "client_id": "", "timestamp": time, "events": [event]}


def _book(listing: Listing, kind: str, bids: Ticks, asks: Ticks) -> Message:
    updates = [
        {"side": side, "event_time": listing.iso_time, "price_level": price(tick), "new_quantity": size(lots)}
        for side, ticks in (("bid", bids), ("offer", asks))
        for tick, lots in ticks.items()
    ]
    event = {"type": kind, "product_id": listing.symbol, "updates": updates}
    return _frame("l2_data", event, listing.iso_time)


def _trades(listing: Listing, kind: str, trades: list[Numbered]) -> Message:
    listed = [
        {
            "product_id": listing.symbol,
            "trade_id": str(each.number),
            "price": price(each.trade.tick),
            "size": size(each.trade.lots),
            "time": listing.iso_time,
            "side": "SELL" if each.trade.side > 0 else "BUY",  # the maker's
        }
        for each in reversed(trades)
    ]
    return _frame("market_trades", {"type": kind, "trades": listed}, listing.iso_time)


def _is_too_often(times: deque[float], now_s: float) -> bool:
    times.append(now_s)
    return len(times) > PER_SECOND_MAX and times[-1] - times[0] < 1.0


PROTOCOL = Coinbase
