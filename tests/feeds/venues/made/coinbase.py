from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Market, Step, Ticks, price, size

SENT = "2024-08-08T23:54:14.000001Z"


class Coinbase:
    market = "BTC-USD"

    def __init__(self) -> None:
        self._sequence = -1
        self._trade = 0

    def _frame(self, channel: str, event: dict[str, Any]) -> bytes:
        self._sequence += 1
        frame = {"channel": channel, "timestamp": SENT, "sequence_num": self._sequence, "events": [event]}
        return json.dumps(frame).encode()

    def _book(self, kind: str, bids: Ticks, asks: Ticks) -> bytes:
        updates = [
            {"side": side, "event_time": SENT, "price_level": price(tick), "new_quantity": size(lots)}
            for side, ticks in (("bid", bids), ("offer", asks))
            for tick, lots in ticks.items()
        ]
        return self._frame("l2_data", {"type": kind, "product_id": self.market, "updates": updates})

    def opening(self, market: Market) -> list[bytes]:
        subscribed = {"subscriptions": {"level2": [self.market]}}
        return [self._frame("subscriptions", subscribed), self._book("snapshot", market.bids, market.asks)]

    def frames(self, _market: Market, step: Step) -> list[bytes]:
        made = []
        if step.trades:
            made.append(self._frame("market_trades", {"type": "update", "trades": self._trades(step)}))
        if step.bids or step.asks:
            made.append(self._book("update", step.bids, step.asks))
        return made

    def _trades(self, step: Step) -> list[dict[str, str]]:
        listed = []
        for trade in step.trades:
            self._trade += 1
            maker = "SELL" if trade.side > 0 else "BUY"
            one = {"trade_id": str(self._trade), "price": price(trade.tick), "size": size(trade.lots)}
            listed.append({"product_id": self.market, "time": SENT, "side": maker} | one)
        return listed[::-1]


WRITER = Coinbase
