"""OKX v5's public socket, as strict as its own: 480 requests an hour and connection; what says nothing for
30 s is closed with 4004; a `ping` is text, and so is the answer.
"""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import LOTS, TICKS, Ticks, Trade, price, size

from .listing import Listing, Numbered
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

BOOK, TRADES, BEST = "books", "trades", "bbo-tbt"
LEVELS = 400  # a side of an image
OPERATIONS_MAX, HOUR_S = 480, 3_600.0
SILENT_S = 30.0
INSTRUMENTS = "instruments"
STEP = 7  # between two numbers of updates
# What a contract is worth, and in what.
CONTRACTS = {"BTC-USDT-SWAP": ("0.01", "BTC"), "BTC-USD-SWAP": ("100", "USD")}
OLD = Numbered(1, 1_000_000_000_000_000_000, Trade(1, 9_000, 1))  # a trade of long ago


class Okx(Protocol):
    """See `Protocol`."""

    name, path, rest_path = "okx", "/ws/v5/public", ""
    symbols = ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP")
    book, trades = BOOK, TRADES
    halt = "suspend"
    ping_s = None

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe, unsubscribe, ping."""
        if frame == b"ping":
            peer.send("pong")
            return
        try:
            asked = json.loads(frame)
            operation = asked["op"]
            keys = [
                (str(each.get("instId", each.get("instType"))), each["channel"]) for each in asked["args"]
            ]
        except (ValueError, KeyError, TypeError):
            operation, keys, asked = "", [], {}
        if operation not in ("subscribe", "unsubscribe"):
            self._refuse(peer, asked, "60012", "Invalid request")
        elif peer.is_too_often("operations", OPERATIONS_MAX, HOUR_S):
            self._refuse(peer, asked, "60014", "Requests too frequent")
        else:
            for symbol, channel in keys:
                self._do(peer, asked, operation, symbol, channel)

    def on_time(self, peer: Peer) -> None:
        """Close who is silent."""
        if peer.now_s - peer.heard_s > SILENT_S:
            peer.break_rule("No data received in 30s.", 4004)
        for kind, states in peer.state.get(INSTRUMENTS, {}).items():
            rows = [_instrument(each) for each in peer.venue.listings.values() if _kind(each.symbol) == kind]
            news = [row for row in rows if states.get(row["instId"]) != row["state"]]
            if news:  # all, first
                states |= {row["instId"]: row["state"] for row in news}
                peer.send({"arg": {"channel": INSTRUMENTS, "instType": kind}, "data": news})

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:
        """What it lists, with what contracts are worth, and what that traded."""
        kind, symbol = query.get("instType"), query.get("instId")
        listed = [each for each in venue.listings.values() if _kind(each.symbol) == kind]
        if path == f"/api/v5/public/{INSTRUMENTS}":
            rows = [_instrument(each) for each in listed if symbol in (None, each.symbol)]
        elif path == "/api/v5/market/tickers":
            rows = [
                {"instId": each.symbol, "instType": str(kind), "last": "100", "volCcy24h": "10"}
                for each in listed
            ]
        elif path == "/api/v5/system/status":
            rows = _maintenance(venue)
        else:
            return None
        return Answer(
            200, json.dumps({"code": "0" if rows or not query else "51001", "msg": "", "data": rows}).encode()
        )

    def _do(self, peer: Peer, asked: dict[str, Any], operation: str, symbol: str, channel: str) -> None:
        if channel == INSTRUMENTS:
            argument = {"channel": channel, "instType": symbol}
            peer.send({"event": operation, "arg": argument, "connId": f"connection-{peer.number}"})
            peer.state.setdefault(INSTRUMENTS, {})[symbol] = {}
            return
        if symbol not in peer.venue.listings or channel not in (BOOK, TRADES, BEST):
            told = f"Wrong URL or channel:{channel},instId:{symbol} doesn't exist."
            self._refuse(peer, asked, "60018", f"{told} Please use the correct URL, channel and parameters.")
            return
        argument = {"channel": channel, "instId": symbol}
        answer = {"event": operation, "arg": argument, "connId": f"connection-{peer.number}"}
        peer.send(answer | ({"id": asked["id"]} if "id" in asked else {}))
        if operation == "unsubscribe":
            peer.subscribed.pop((symbol, channel), None)
            return
        peer.subscribed[symbol, channel] = None
        for message in self._opening(peer.venue.listings[symbol], channel):
            peer.send(message)

    def _refuse(self, peer: Peer, asked: dict[str, Any], code: str, said: str) -> None:
        peer.break_rule(f"{code}: {said}")
        told = {"event": "error", "code": code, "msg": said, "connId": f"connection-{peer.number}"}
        peer.send(told | ({"id": asked["id"]} if "id" in asked else {}))

    def _opening(self, listing: Listing, channel: str) -> list[Message]:
        if channel == TRADES:
            newest = listing.trades or [OLD._replace(number=listing.traded)]
            return [_traded(listing, newest[-1])]
        return [self.image(listing, channel)]

    def image(self, listing: Listing, channel: str) -> Message:
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS if channel == BOOK else 1)
        if channel == BEST:
            return _best(listing, image.bids, image.asks)
        numbers = {"seqId": image.update * STEP, "prevSeqId": -1}
        return _book(listing, "snapshot", image.time_ns, image.bids, image.asks, numbers)

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """One frame a change, and a trade."""
        step = listing.step
        if channel == TRADES:
            return [_traded(listing, each) for each in listing.new_trades]
        if not step.bids and not step.asks:
            return []
        if channel == BEST:
            return [_best(listing, *listing.market.best(1))]
        numbers = {"seqId": listing.update * STEP, "prevSeqId": (listing.update - 1) * STEP}
        return [_book(listing, "update", listing.time_ns, step.bids, step.asks, numbers)]


def _maintenance(venue: Venue) -> list[dict[str, str]]:
    """What is announced of trading, and of what nobody here hears."""
    told = venue.script.maintenance
    if told is None:
        return []
    row = {"begin": str(told.begin_ns // 10**6), "end": str(told.end_ns // 10**6), "preOpenBegin": ""}
    row |= {"state": "ongoing" if told.is_under_way else "scheduled", "env": "1", "maintType": "1"}
    row |= {"title": "Upgrade", "href": "", "scheDesc": "", "system": "unified"}
    services = {"11": "ongoing", "0": "completed", "5": row["state"]}  # of copy trading; over; trading
    return [row | {"serviceType": service, "state": state} for service, state in services.items()]


def _kind(symbol: str) -> str:
    return "SWAP" if symbol.endswith("-SWAP") else "SPOT"


def _instrument(listing: Listing) -> dict[str, str]:
    worth, currency = CONTRACTS.get(listing.symbol, ("", ""))
    row = {"instType": _kind(listing.symbol), "instId": listing.symbol, "ctVal": worth, "ctValCcy": currency}
    row |= {"tickSz": "0.01", "lotSz": "0.001"}
    return row | {"ctMult": "1" if worth else "", "state": "suspend" if listing.halted else "live"}


def _size(listing: Listing, tick: int, lots: int) -> str:
    """In contracts, where it has such."""
    worth, currency = CONTRACTS.get(listing.symbol, ("", ""))
    if not worth:
        return size(lots)
    contracts = lots / LOTS / float(worth) * (tick / TICKS if currency == "USD" else 1.0)
    return f"{contracts:.7f}"


def _levels(listing: Listing, ticks: Ticks) -> list[list[str]]:
    return [[price(tick), _size(listing, tick, lots), "0", "1"] for tick, lots in ticks.items()]


def _frame(listing: Listing, channel: str, data: dict[str, Any], **more: str) -> Message:
    return {"arg": {"channel": channel, "instId": listing.symbol}, **more, "data": [data]}


def _book(  # noqa: PLR0917 - what a frame of a book says
    listing: Listing, action: str, time_ns: int, bids: Ticks, asks: Ticks, numbers: dict[str, int]
) -> Message:
    data = {
        "asks": _levels(listing, asks),
        "bids": _levels(listing, bids),
        "ts": str(time_ns // 10**6),
        "checksum": 0,
    }
    return _frame(listing, BOOK, data | numbers, action=action)


def _best(listing: Listing, bids: Ticks, asks: Ticks) -> Message:
    data = {
        "asks": _levels(listing, asks),
        "bids": _levels(listing, bids),
        "ts": str(listing.time_ns // 10**6),
    }
    return _frame(listing, BEST, data | {"seqId": listing.update * STEP})


def _traded(listing: Listing, each: Numbered) -> Message:
    one = {"instId": listing.symbol, "tradeId": str(each.number), "px": price(each.trade.tick)}
    one |= {
        "sz": _size(listing, each.trade.tick, each.trade.lots),
        "side": "buy" if each.trade.side > 0 else "sell",
    }
    return _frame(listing, TRADES, one | {"ts": str(each.time_ns // 10**6), "count": "1"})


PROTOCOL = Okx
