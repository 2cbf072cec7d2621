"""Deribit's socket, JSON-RPC 2.0: 32 connections; requests cost credits, a subscription most of all; raw
channels want a key; `test_request` is answered before the next one, or the connection is closed. What is not
known is just missing from the answer.
"""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import LOTS, TICKS, Ticks

from .listing import Listing
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES = "book", "trades"
CONNECTIONS_MAX = 32
CREDITS_MAX, CREDITS_PER_S, COST = 30_000.0, 10_000.0, 500.0
COSTS = {"public/subscribe": 3_000.0, "public/unsubscribe": 3_000.0}
INTERVAL_S_MIN = 10
STATES = ("platform_state", "instrument.state.any.any")
LEVELS = 1_000  # all there are


class Deribit(Protocol):
    """See `Protocol`. A channel is kept as `book.100ms`, without its instrument."""

    name, path = "deribit", "/ws/api/v2"
    symbols = ("BTC_USDC-PERPETUAL", "BTC-PERPETUAL", "ETH-PERPETUAL")
    book, trades = BOOK, TRADES
    halt = "locked"
    ping_s, pong_s = None, None

    def on_open(self, peer: Peer) -> None:
        """It says nothing."""
        if len(peer.venue.peers) > CONNECTIONS_MAX:
            peer.break_rule("over 32 connections", 1008)

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Requests, each of which costs."""
        try:
            asked = json.loads(frame)
            method, number, params = asked["method"], asked["id"], asked.get("params", {})
        except (ValueError, KeyError, TypeError):
            self._refuse(peer, 0, -32700, "Parse error")
            return
        if not self._pays(peer, COSTS.get(method, COST)):
            self._refuse(peer, number, 10028, "too_many_requests")
            peer.close(1008)
        elif method == "public/test":
            peer.state.pop("tested_s", None)
            _answer(peer, number, {"version": "1.2.26"})
        elif method == "public/set_heartbeat":
            self._set_heartbeat(peer, number, params.get("interval", 0))
        elif method in COSTS:
            self._take(peer, number, method, params.get("channels", ()))
        else:
            self._refuse(peer, number, -32601, "Method not found")

    def _pays(self, peer: Peer, cost: float) -> bool:
        had, at_s = peer.state.get("credits", (CREDITS_MAX, peer.opened_s))
        has = min(CREDITS_MAX, had + (peer.now_s - at_s) * CREDITS_PER_S) - cost
        peer.state["credits"] = (has, peer.now_s)
        return has >= 0.0

    def _set_heartbeat(self, peer: Peer, number: int, interval_s: float) -> None:
        if interval_s < INTERVAL_S_MIN:
            self._refuse(peer, number, -32602, "Invalid params")
            return
        peer.state["interval_s"], peer.state["beat_s"] = interval_s, peer.now_s + interval_s
        _answer(peer, number, "ok")

    def _take(self, peer: Peer, number: int, method: str, channels: list[str]) -> None:
        if any(each.endswith(".raw") for each in channels):
            self._refuse(peer, number, 13778, "raw_subscriptions_not_available_for_unauthorized")
            return
        done = [(each, key) for each in channels if (key := _key(peer, each))]
        states = [each for each in channels if each in STATES]
        if states:
            peer.state["halted"] = {each.symbol for each in peer.venue.listings.values() if each.halted}
        _answer(peer, number, [each for each, _ in done] + states)
        if len(done) + len(states) < len(channels):
            peer.break_rule(f"channels that there are not, among {len(channels)}")
        for _, key in done:
            if method == "public/unsubscribe":
                peer.subscribed.pop(key, None)
            else:
                peer.subscribed[key] = None
                self._open(peer, *key)

    def _open(self, peer: Peer, symbol: str, channel: str) -> None:
        if channel.startswith(BOOK):
            peer.send(self.image(peer.venue.listings[symbol], channel))

    def image(self, listing: Listing, channel: str) -> Message:
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS)
        told = _book(listing, "snapshot", image.bids, image.asks, image.update)
        return _notice(listing, channel, told)

    def _refuse(self, peer: Peer, number: int, code: int, message: str) -> None:
        peer.break_rule(f"{code}: {message}")
        peer.send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})

    def on_time(self, peer: Peer) -> None:
        """A heartbeat each interval, and with it a test; and what is locked, or free again."""
        self._tell_states(peer)
        interval_s = peer.state.get("interval_s", 0.0)
        if not interval_s or peer.now_s < peer.state["beat_s"]:
            return
        if "tested_s" in peer.state:
            peer.break_rule("a test_request without an answer", 1008)
            return
        peer.state["beat_s"] = peer.now_s + interval_s
        for kind in ("heartbeat", "test_request"):
            peer.send({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}})
        peer.state["tested_s"] = peer.now_s

    def _tell_states(self, peer: Peer) -> None:
        told = peer.state.get("halted")
        for listing in peer.venue.listings.values() if told is not None else ():
            if (listing.symbol in told) is not listing.halted:
                (told.add if listing.halted else told.discard)(listing.symbol)
                data = {"price_index": _index(listing), "locked": listing.halted}
                notice = {"channel": "platform_state", "data": data}
                peer.send({"jsonrpc": "2.0", "method": "subscription", "params": notice})

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """One notification a change."""
        if channel.startswith(TRADES):
            told = [
                {
                    "instrument_name": listing.symbol,
                    "trade_seq": each.number,
                    "trade_id": str(each.number),
                    "timestamp": each.time_ns // 10**6,
                    "direction": "buy" if each.trade.side > 0 else "sell",
                    "price": each.trade.tick / TICKS,
                    "amount": _amount(listing, each.trade.tick, each.trade.lots),
                }
                for each in listing.new_trades
            ]
            return [_notice(listing, channel, told)] if told else []
        step = listing.step
        if not step.bids and not step.asks:
            return []
        change = _book(listing, "change", step.bids, step.asks, listing.update)
        return [_notice(listing, channel, change | {"prev_change_id": listing.update - 1})]

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:  # noqa: ARG002
        """Its instruments, and what is locked."""
        if path == "/api/v2/public/status":
            locked = sorted({_index(each) for each in venue.listings.values() if each.halted})
            said = {"locked": "partial" if locked else "false", "locked_indices": locked}
            return Answer(200, json.dumps({"jsonrpc": "2.0", "result": said}).encode())
        if path != "/api/v2/public/get_instruments":
            return None
        told = {"is_active": True, "tick_size": 0.01, "min_trade_amount": 0.001}
        listed = [{"instrument_name": symbol, **told} for symbol in venue.listings]
        return Answer(200, json.dumps({"jsonrpc": "2.0", "result": listed}).encode())


def _index(listing: Listing) -> str:
    underlying = listing.symbol.partition("-")[0].lower()
    return underlying if "_" in underlying else f"{underlying}_usd"


def _key(peer: Peer, name: str) -> tuple[str, str] | None:
    """Of `book.BTC-PERPETUAL.100ms`; None where there is no such channel."""
    what, _, rest = name.partition(".")
    symbol, _, every = rest.rpartition(".")
    is_known = what in (BOOK, TRADES) and symbol in peer.venue.listings and every in ("100ms", "agg2")
    return (symbol, f"{what}.{every}") if is_known else None


def _answer(peer: Peer, number: int, result: object) -> None:
    peer.send({"jsonrpc": "2.0", "id": number, "result": result, "usIn": 1, "usOut": 2, "usDiff": 1})


def _notice(listing: Listing, channel: str, data: object) -> Message:
    what, _, every = channel.partition(".")
    parameters = {"channel": f"{what}.{listing.symbol}.{every}", "data": data}
    return {"jsonrpc": "2.0", "method": "subscription", "params": parameters}


def _book(listing: Listing, kind: str, bids: Ticks, asks: Ticks, number: int) -> dict[str, Any]:
    what = "new" if kind == "snapshot" else "change"
    sides = {
        name: [
            [what if lots else "delete", tick / TICKS, _amount(listing, tick, lots)]
            for tick, lots in ticks.items()
        ]
        for name, ticks in (("bids", bids), ("asks", asks))
    }
    time_ms = listing.time_ns // 10**6
    return {
        "type": kind,
        "timestamp": time_ms,
        "instrument_name": listing.symbol,
        "change_id": number,
    } | sides


def _amount(listing: Listing, tick: int, lots: int) -> float:
    """Base units where it is linear; else USD."""
    return lots / LOTS if "_" in listing.symbol else lots / LOTS * tick / TICKS


PROTOCOL = Deribit
