"""Kraken Futures' socket, protocol v1: 100 requests a second; each product has an answer of its own, and an
error says neither feed nor product. One level a message, each with the number after the one before.
"""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import LOTS, TICKS, Ticks

from .listing import Listing, Numbered
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES, TICKER, HEARTBEAT = "book", "trade", "ticker", "heartbeat"
REQUESTS_MAX = 100  # a second
BEAT_S, TICKER_S = 30.0, 1.0
LEVELS = 1_000  # all there are


class KrakenFutures(Protocol):
    """See `Protocol`."""

    name, path = "kraken_futures", "/ws/v1"
    symbols = ("PF_XBTUSD", "PF_ETHUSD", "PF_SOLUSD")
    book, trades = BOOK, TRADES
    halt = "suspended"
    ping_s, pong_s = None, None

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # of the newest level told, by product
        self._numbers_at: dict[tuple[str, int], int] = {}  # the same after an update of the listing

    def on_open(self, peer: Peer) -> None:
        """It speaks first."""
        peer.send({"event": "info", "version": 1})

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe and unsubscribe."""
        if peer.is_too_often("requests", REQUESTS_MAX, 1.0):
            peer.break_rule("over a hundred requests in a second", 1008)
            return
        try:
            asked = json.loads(frame)
            event, feed, products = asked["event"], asked["feed"], list(asked.get("product_ids", ()))
        except (ValueError, KeyError, TypeError):
            self._refuse(peer, "Json Error")
            return
        if event not in ("subscribe", "unsubscribe") or feed not in (BOOK, TRADES, TICKER, HEARTBEAT):
            self._refuse(peer, "Invalid feed")
        elif feed == HEARTBEAT:
            peer.state["beat_s"] = peer.now_s
            peer.send({"event": f"{event}d", "feed": feed})
        elif not products or any(each.upper() not in peer.venue.listings for each in products):
            self._refuse(peer, "Invalid product id")
        else:
            for each in products:
                self._take(peer, event, (each.upper(), feed))

    def _take(self, peer: Peer, event: str, key: tuple[str, str]) -> None:
        product, feed = key
        held = peer.state.setdefault(TICKER, {}) if feed == TICKER else peer.subscribed
        told = {"event": f"{event}d", "feed": feed, "product_ids": [product]}
        if event == "unsubscribe":
            if key in held:
                del held[key]
                peer.send(told)
            else:
                self._refuse(peer, "Not subscribed to feed")
            return
        if key in held:
            self._refuse(peer, "Already subscribed to feed, re-requesting")
        else:
            held[key] = None
            peer.send(told)
        self._open(peer, peer.venue.listings[product], feed)

    def _open(self, peer: Peer, listing: Listing, feed: str) -> None:
        if feed == TICKER:
            return
        if feed == TRADES:
            past = [_trade(listing, each) for each in reversed(listing.trades)]
            peer.send({"feed": "trade_snapshot", "product_id": listing.symbol, "trades": past})
            return
        peer.send(self.image(listing, feed))

    def image(self, listing: Listing, channel: str) -> Message:  # noqa: ARG002
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS)
        number = self._numbers.setdefault(listing.symbol, listing.update)
        number = self._numbers_at.get((listing.symbol, image.update), number)
        sides = {
            name: [{"price": tick / TICKS, "qty": lots / LOTS} for tick, lots in ticks.items()]
            for name, ticks in (("bids", image.bids), ("asks", image.asks))
        }
        head = {"product_id": listing.symbol, "timestamp": listing.time_ns // 10**6, "seq": number}
        return {"feed": "book_snapshot", **head, "tickSize": None, **sides}

    def _refuse(self, peer: Peer, message: str) -> None:
        peer.break_rule(message)
        peer.send({"event": "error", "message": message})

    def on_time(self, peer: Peer) -> None:
        """Heartbeats and states, for who asked for them."""
        if peer.now_s >= peer.state.get("told_s", 0.0):
            peer.state["told_s"] = peer.now_s + TICKER_S
            for product, _ in peer.state.get(TICKER, ()):
                is_halted = peer.venue.listings[product].halted
                peer.send({"feed": TICKER, "product_id": product, "suspended": is_halted, "tag": "perpetual"})
        if peer.now_s >= peer.state.get("beat_s", float("inf")):
            peer.state["beat_s"] = peer.now_s + BEAT_S
            peer.send({"feed": HEARTBEAT, "time": int(peer.now_s * 1_000)})

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """What goes before what comes, or the book would cross on the way."""
        if channel == TRADES:
            return [_trade(listing, each) for each in listing.new_trades]
        sides = (("buy", listing.step.bids), ("sell", listing.step.asks))
        made = [
            message
            for is_gone in (True, False)
            for side, ticks in sides
            for message in self._levels(listing, side, ticks, is_gone)
        ]
        self._numbers_at[listing.symbol, listing.update] = self._numbers.get(listing.symbol, listing.update)
        return made

    def _levels(self, listing: Listing, side: str, ticks: Ticks, is_gone: bool) -> list[Message]:
        made: list[Message] = []
        for tick, lots in ticks.items():
            if (not lots) is is_gone:
                number = self._numbers.get(listing.symbol, listing.update) + 1
                self._numbers[listing.symbol] = number
                level: dict[str, Any] = {"side": side, "price": tick / TICKS, "qty": lots / LOTS}
                level |= {"seq": number, "timestamp": listing.time_ns // 10**6}
                made.append({"feed": BOOK, "product_id": listing.symbol, **level})
        return made

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """Its contracts; what they traded is not told."""
        told = {"tradeable": True, "tickSize": 0.01, "contractValueTradePrecision": 3}
        found: dict[str, Any] = {
            "/derivatives/api/v3/instruments": {
                "instruments": [{"symbol": symbol, **told} for symbol in venue.listings]
            },
            "/derivatives/api/v3/tickers": {"tickers": []},
        }
        return Answer(200, json.dumps(found[path]).encode()) if path in found else None


def _trade(listing: Listing, each: Numbered) -> dict[str, Any]:
    trade, known = each.trade, {"feed": TRADES, "product_id": listing.symbol, "type": "fill"}
    told = {"uid": f"e2429e31-{each.number}", "side": "buy" if trade.side > 0 else "sell", "seq": each.number}
    return (
        known
        | told
        | {
            "time": each.time_ns // 10**6,
            "price": trade.tick / TICKS,
            "qty": trade.lots / LOTS,
        }
    )


PROTOCOL = KrakenFutures
