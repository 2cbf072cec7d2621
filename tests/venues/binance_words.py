"""What Binance's venues share: combined streams, so many messages a second and no more, 1,024 streams, and a
book by REST within a weight a minute. A stream that does not exist is agreed to, and silent.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from tests.feeds.venues.made.base import Ticks, price, size

from .listing import Listing
from .protocol import Message, Protocol
from .venue import Answer, Peer, Venue

DEPTH, QUOTES, CONTRACTS = "depth@100ms", "bookTicker", "!contractInfo"
STREAMS_MAX = 1_024
LIFETIME_S = 86_400.0
WEIGHTS = ((100, 5), (500, 25), (1_000, 50), (5_000, 250))  # levels, weight


class BinanceProtocol(Protocol):
    """See `Protocol`."""

    path = "/stream"
    book, quotes = "depth", QUOTES
    halt = "break"
    depth_path = ""
    messages_max = 5  # a second, over which it closes
    weight_max = 6_000  # a minute
    listing_weight = 20
    state_name = "status"
    jump = 1  # from one update to the next: futures of all symbols share one count

    def __init__(self) -> None:
        self._asked: deque[tuple[float, int]] = deque()  # REST: when, weight

    def on_frame(self, peer: Peer, frame: bytes) -> None:
        """Subscribe and unsubscribe, by streams' names."""
        if peer.is_too_often("message", self.messages_max, 1.0):
            peer.break_rule("too many messages", 1008)
            return
        try:
            asked = json.loads(frame)
            method, streams, number = asked["method"], list(asked["params"]), asked["id"]
        except (ValueError, KeyError, TypeError):
            peer.break_rule("a frame that makes no sense")
            peer.send({"error": {"code": 3, "msg": "Invalid JSON"}, "id": None})
            return
        if method not in {"SUBSCRIBE", "UNSUBSCRIBE"}:
            peer.break_rule(f"no method {method}")
            peer.send({"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number})
            return
        for stream in streams:
            symbol, _, channel = stream.partition("@")
            if stream == CONTRACTS:
                states = {each: _state(one) for each, one in peer.venue.listings.items()}
                peer.state[CONTRACTS] = states if self.has(peer, CONTRACTS) else {}
                continue
            if symbol != symbol.lower():
                peer.break_rule(f"{stream} is not in lower case")
            key = (symbol.upper(), channel)
            if method == "UNSUBSCRIBE":
                peer.subscribed.pop(key, None)
            elif self.has(peer, channel) and key[0] in peer.venue.listings:
                peer.subscribed[key] = None
        if len(peer.subscribed) > STREAMS_MAX:
            peer.break_rule("too many streams", 1008)
        peer.send({"result": None, "id": number})

    def has(self, peer: Peer, channel: str) -> bool:  # noqa: ARG002
        """Whether a channel comes over a peer's path; elsewhere it is silent."""
        return channel in {DEPTH, QUOTES, self.trades}

    def on_time(self, peer: Peer) -> None:
        """A connection lives a day, and is told which contracts have changed their state."""
        told = peer.state.get(CONTRACTS, {})
        for symbol, listing in peer.venue.listings.items() if told else ():
            if told[symbol] != _state(listing):
                told[symbol] = _state(listing)
                data = {"e": "contractInfo", "E": int(peer.now_s), "s": symbol, "cs": told[symbol]}
                peer.send({"stream": CONTRACTS, "data": data})
        if peer.now_s - peer.opened_s >= LIFETIME_S:
            peer.close(1001)

    def data(self, listing: Listing, channel: str) -> list[Message]:
        """One stream's frames."""
        step, time_ms = listing.step, listing.time_ns // 10**6
        if channel == self.trades:
            return [self._frame(listing, channel, self.trade(listing, each)) for each in listing.new_trades]
        if not (step.bids or step.asks):
            return []
        if channel == DEPTH:
            last = listing.update * self.jump
            data = {"e": "depthUpdate", "E": time_ms, "s": listing.symbol, "u": last}
            data |= {"b": self.levels(step.bids), "a": self.levels(step.asks)}
            return [self._frame(listing, channel, data | self.first(last))]
        ((bid, bid_lots),), ((ask, ask_lots),) = (ticks.items() for ticks in listing.market.best(1))
        data = {"u": listing.update, "s": listing.symbol, "b": price(bid), "a": price(ask)}
        data |= {"B": self.size(bid_lots, bid), "A": self.size(ask_lots, ask)}
        return [self._frame(listing, channel, data | self.quote_times(time_ms))]

    def first(self, last: int) -> dict[str, Any]:
        """What says which update came before."""
        return {"U": last}

    def quote_times(self, time_ms: int) -> dict[str, Any]:  # noqa: ARG002
        """The times of a quote: spot's has none."""
        return {}

    def trade(self, listing: Listing, each: Any) -> dict[str, Any]:
        """The data of a trade."""
        tick, lots = each.trade.tick, each.trade.lots
        data = {"s": listing.symbol, "p": price(tick), "q": self.size(lots, tick), "T": each.time_ns // 10**6}
        return data | {"E": data["T"], "m": each.trade.side < 0}

    def size(self, lots: int, tick: int) -> str:  # noqa: ARG002 - contracts are worth more at less
        """As the venue counts."""
        return size(lots)

    def levels(self, ticks: Ticks) -> list[list[str]]:
        """Price and size in text."""
        return [[price(tick), self.size(lots, tick)] for tick, lots in ticks.items()]

    def _listed(self, venue: Venue, name: str, query: dict[str, str]) -> Answer | None:
        if name == "ticker/24hr":
            return Answer(200, b"[]")
        if name != "exchangeInfo":
            return None
        named = json.loads(query.get("symbols", "[]")) or list(venue.listings)
        if any(each not in venue.listings for each in named):
            return Answer(400, b'{"code":-1121,"msg":"Invalid symbol."}')
        filters = [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001"},
        ]
        symbols = [
            {
                "symbol": each,
                "baseAsset": each[:3],
                "quoteAsset": each[3:].partition("_")[0],
                self.state_name: _state(venue.listings[each]),
            }
            for each in named
        ]
        return Answer(
            200, json.dumps({"symbols": [each | {"filters": filters} for each in symbols]}).encode()
        )

    def answer(self, venue: Venue, path: str, query: dict[str, str]) -> Answer | None:
        """The book, and what it lists."""
        root, limit = self.depth_path.removesuffix("depth"), int(query.get("limit", "100"))
        weight = next((each for levels, each in WEIGHTS if limit <= levels), 250)
        if path != self.depth_path:
            weight = self.listing_weight
        while self._asked and self._asked[0][0] <= venue.now_s - 60.0:
            self._asked.popleft()
        self._asked.append((venue.now_s, weight))
        if sum(each for _, each in self._asked) > self.weight_max:
            venue.broken_rules.append("too much weight")
            return Answer(429, b'{"code":-1003,"msg":"Too many requests"}', (("Retry-After", "30"),))
        if path != self.depth_path:
            return self._listed(venue, path.removeprefix(root), query)
        listing = venue.listings.get(query.get("symbol", ""))
        if listing is None:
            return Answer(400, b'{"code":-1121,"msg":"Invalid symbol."}')
        image = listing.image(limit)
        told = {"lastUpdateId": image.update * self.jump}
        told |= {"bids": self.levels(image.bids), "asks": self.levels(image.asks)}  # type: ignore[dict-item]
        return Answer(200, json.dumps(told).encode())

    def _frame(self, listing: Listing, channel: str, data: dict[str, Any]) -> Message:
        return {"stream": f"{listing.symbol.lower()}@{channel}", "data": data}


def _state(listing: Listing) -> str:
    return "BREAK" if listing.halted else "TRADING"


class FuturesProtocol(BinanceProtocol):
    """USD-M and COIN-M."""

    trades = "aggTrade"
    messages_max = 10
    weight_max = 2_400
    listing_weight = 1
    ping_s, pong_s = 180.0, 600.0
    jump = 7

    def first(self, last: int) -> dict[str, Any]:
        """The one before is named."""
        return {"U": last - self.jump + 3, "pu": last - self.jump}

    def quote_times(self, time_ms: int) -> dict[str, Any]:
        """Both."""
        return {"E": time_ms, "T": time_ms}

    def trade(self, listing: Listing, each: Any) -> dict[str, Any]:
        """Merged by taker and price."""
        numbers = {"a": each.number, "f": each.number * 3, "l": each.number * 3 + 2}
        return {"e": "aggTrade"} | super().trade(listing, each) | numbers
