"""Bybit v5's public sockets, as strict as their own: 10 topics a request on spot, 21,000 characters of topics
a connection, a request refused as a whole for one topic; without a ping for 10 minutes it closes.
"""

from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import LOTS, TICKS, Ticks, price, size

from .listing import Listing
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

TOPICS_MAX, CHARACTERS_MAX = 10, 21_000
CUT_S = 600.0
CATEGORIES = ("spot", "linear", "inverse")
LEVELS = {"orderbook.1": 1, "orderbook.50": 50, "orderbook.200": 200, "orderbook.1000": 1_000}


class Bybit(Protocol):
    """See `Protocol`. A symbol says its category, which the path of a connection names."""

    name, path = "bybit", "/v5/public"
    symbols = ("spot:BTCUSDT", "linear:BTCUSDT", "inverse:BTCUSD")
    book, trades = "orderbook", "publicTrade"
    halt, tells_halts = "closed", False
    ping_s = None

    def accepts(self, path: str) -> bool:
        """A category behind the path."""
        return path.removeprefix(f"{self.path}/") in CATEGORIES

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe, unsubscribe, ping."""
        try:
            asked = json.loads(frame)
            operation, topics = asked["op"], [str(each) for each in asked.get("args", ())]
        except (ValueError, KeyError, TypeError, AttributeError):
            operation, topics, asked = "", [], {}
        if operation == "ping":
            peer.state["pinged_s"] = peer.now_s
            peer.send(self._answer(peer, "ping", {}, "pong"))
        elif operation == "unsubscribe":
            for topic in topics:
                peer.subscribed.pop(self._key(peer, topic), None)
            peer.send(self._answer(peer, operation, asked))
        elif operation == "subscribe" and topics:
            self._subscribe(peer, topics, asked)
        else:
            peer.break_rule("a frame that makes no sense")
            peer.send(self._answer(peer, operation, asked, "Params Error", success=False))

    def on_time(self, peer: Peer) -> None:
        """Cut off who does not ping."""
        if peer.now_s - peer.state.get("pinged_s", peer.opened_s) > CUT_S:
            peer.break_rule("no ping for 10 minutes", 1001)

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:
        """What it lists, and what that traded."""
        category = query.get("category", "")
        named = [each.partition(":")[2] for each in venue.listings if each.startswith(f"{category}:")]
        if path == "/v5/market/instruments-info":
            one = query.get("symbol", "")
            if one and one not in named and category != "spot":  # which answers with an empty list
                return Answer(200, b'{"retCode":10001,"retMsg":"params error: symbol invalid","result":{}}')
            halted = {each for each in named if venue.listings[f"{category}:{each}"].halted}
            if one:
                named = [each for each in named if each == one]
            else:
                named = [each for each in named if each not in halted]
            rows = [_listed(category, each, "Closed" if each in halted else "Trading") for each in named]
        elif path == "/v5/market/tickers":
            rows = [{"symbol": each, "turnover24h": "1000", "volume24h": "1000"} for each in named]
        elif path == "/v5/system/status":
            rows = _maintenance(venue)
        else:
            return None
        result = {"category": category, "list": rows, "nextPageCursor": ""}
        return Answer(200, json.dumps({"retCode": 0, "retMsg": "OK", "result": result}).encode())

    def _subscribe(self, peer: Peer, topics: list[str], asked: dict[str, Any]) -> None:
        keys = [self._key(peer, topic) for topic in topics]
        fault = next(filter(None, (self._fault(peer, each) for each in zip(topics, keys, strict=True))), "")
        if peer.path.endswith("/spot") and len(topics) > TOPICS_MAX:
            fault = "args size >10"
        known = [f"{channel}.{symbol.partition(':')[2]}" for symbol, channel in peer.subscribed]
        if sum(map(len, (*known, *topics))) > CHARACTERS_MAX:
            fault = "args length limit exceeded"
        if fault:
            peer.break_rule(fault)
            peer.send(self._answer(peer, "subscribe", asked, fault, success=False))
            return
        peer.send(self._answer(peer, "subscribe", asked))
        for key in keys:
            peer.subscribed[key] = None
            if key[1] != self.trades:
                peer.send(self.image(peer.venue.listings[key[0]], key[1]))

    def _fault(self, peer: Peer, asked: tuple[str, tuple[str, str]]) -> str:
        topic, (symbol, channel) = asked
        if symbol not in peer.venue.listings or channel not in (*LEVELS, self.trades):
            return f"error:handler not found,topic:{topic}"
        return f"error:already subscribed,topic:{topic}" if (symbol, channel) in peer.subscribed else ""

    def _key(self, peer: Peer, topic: str) -> tuple[str, str]:
        channel, _, named = topic.rpartition(".")
        return f"{peer.path.rpartition('/')[2]}:{named}", channel

    def _answer(
        self, peer: Peer, operation: str, asked: dict[str, Any], said: str = "", *, success: bool = True
    ) -> Message:
        answer = {"success": success, "ret_msg": said, "conn_id": f"connection-{peer.number}"}
        return answer | {"req_id": asked.get("req_id", ""), "op": operation}

    def image(self, listing: Listing, channel: str) -> Message:
        """The book whole, as it comes in band."""
        image = listing.image(LEVELS[channel])
        return _book(listing, channel, "snapshot", image.update, image.time_ns, image.bids, image.asks)

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """One frame a change; of one level the whole."""
        step, time_ns = listing.step, listing.time_ns
        if channel == self.trades:
            return [self._traded(listing)] if listing.new_trades else []
        if not step.bids and not step.asks:
            return []
        if channel == "orderbook.1":
            bids, asks = listing.market.best(1)
            return [_book(listing, channel, "snapshot", listing.update, time_ns, bids, asks)]
        return [_book(listing, channel, "delta", listing.update, time_ns, step.bids, step.asks)]

    def _traded(self, listing: Listing) -> Message:
        time_ms, named = listing.time_ns // 10**6, listing.symbol.partition(":")[2]
        rows = [
            {
                "T": time_ms,
                "s": named,
                "S": "Buy" if each.trade.side > 0 else "Sell",
                "v": _size(listing, each.trade.tick, each.trade.lots),
                "p": price(each.trade.tick),
                "i": f"a9188a0a-{each.number}",
                "BT": False,
                "seq": 7,
            }
            for each in listing.new_trades
        ]
        return {"topic": f"{self.trades}.{named}", "type": "snapshot", "ts": time_ms, "data": rows}


def _book(  # noqa: PLR0917 - what a frame of a book says
    listing: Listing, channel: str, kind: str, update: int, time_ns: int, bids: Ticks, asks: Ticks
) -> Message:
    named = listing.symbol.partition(":")[2]
    sides = (
        [[price(tick), _size(listing, tick, lots)] for tick, lots in each.items()] for each in (bids, asks)
    )
    data = dict(zip(("b", "a"), sides, strict=True)) | {"s": named, "u": update, "seq": 7}
    time_ms = time_ns // 10**6
    return {"topic": f"{channel}.{named}", "type": kind, "ts": time_ms, "data": data, "cts": time_ms - 2}


def _maintenance(venue: Venue) -> list[dict[str, Any]]:
    """What is announced of trading in all products, and what was of one."""
    told = venue.script.maintenance
    if told is None:
        return []
    row = {"id": "4d95b2a0", "title": "Upgrade", "href": "", "uidSuffix": [], "maintainType": 1, "env": 1}
    row |= {"begin": str(told.begin_ns // 10**6), "end": str(told.end_ns // 10**6)}
    row |= {"serviceTypes": [1, 2, 3, 4], "product": [1, 2]}
    return [
        row | {"state": "completed", "product": [1]},
        row | {"state": "ongoing" if told.is_under_way else "scheduled"},
    ]


def _listed(category: str, named: str, status: str) -> dict[str, Any]:
    quote = "USDT" if named.endswith("USDT") else "USD"
    told = {"symbol": named, "status": status, "baseCoin": named.removesuffix(quote), "quoteCoin": quote}
    told["contractType"] = "" if category == "spot" else f"{category.capitalize()}Perpetual"
    steps = {"basePrecision" if category == "spot" else "qtyStep": "0.001"}
    return told | {"priceFilter": {"tickSize": "0.01"}, "lotSizeFilter": steps}


def _size(listing: Listing, tick: int, lots: int) -> str:
    """In USD on inverse markets."""
    if not listing.symbol.startswith("inverse:"):
        return size(lots)
    return f"{lots * tick / (LOTS * TICKS):.5f}"


PROTOCOL = Bybit
