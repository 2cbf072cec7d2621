from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Market, Step, Ticks, price, size


class Gemini:
    market = "BTCUSD"

    def __init__(self) -> None:
        self._trade = 0

    def _book(self, bids: Ticks, asks: Ticks, **more: Any) -> bytes:
        changes = [
            [side, price(tick), size(lots)]
            for side, ticks in (("buy", bids), ("sell", asks))
            for tick, lots in ticks.items()
        ]
        return json.dumps({"type": "l2_updates", "symbol": self.market, "changes": changes} | more).encode()

    def _one(self, time_ns: int, side: int, at: str, much: str) -> dict[str, Any]:
        self._trade += 7
        one = {"type": "trade", "symbol": self.market, "event_id": self._trade, "timestamp": time_ns // 10**6}
        return one | {"price": at, "quantity": much, "side": "buy" if side > 0 else "sell"}

    def opening(self, market: Market) -> list[bytes]:
        old = [self._one(market.time_ns - 10**11, 1, "90", "1")]
        return [
            b'{"type":"heartbeat","timestamp":1624493666869}',
            self._book(market.bids, market.asks, trades=old, auction_events=[]),
        ]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        traded = [self._one(market.time_ns, t.side, price(t.tick), size(t.lots)) for t in step.trades]
        made = [json.dumps(one).encode() for one in traded]
        if step.bids or step.asks:
            made.append(self._book(step.bids, step.asks))
        return made


WRITER = Gemini
