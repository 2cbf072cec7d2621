from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import LOTS, TICKS, Market, Step, Ticks


class KrakenFutures:
    market = "PF_XBTUSD"

    def __init__(self) -> None:
        self._update = 100
        self._trade = 0

    def _frame(self, feed: str, **more: Any) -> bytes:
        return json.dumps({"feed": feed, "product_id": self.market, **more}).encode()

    def opening(self, market: Market) -> list[bytes]:
        sides = {
            name: [{"price": tick / TICKS, "qty": lots / LOTS} for tick, lots in ticks.items()]
            for name, ticks in (("bids", market.bids), ("asks", market.asks))
        }
        time_ms = market.time_ns // 10**6
        image = self._frame("book_snapshot", timestamp=time_ms, seq=self._update, tickSize=None, **sides)
        accepted = {"event": "subscribed", "feed": "book", "product_ids": [self.market]}
        return [json.dumps(accepted).encode(), self._frame("trade_snapshot", trades=[]), image]

    def _levels(self, market: Market, side: str, ticks: Ticks) -> list[bytes]:
        made = []
        for tick, lots in ticks.items():
            self._update += 1
            level = {"side": side, "seq": self._update, "price": tick / TICKS, "qty": lots / LOTS}
            made.append(self._frame("book", timestamp=market.time_ns // 10**6, **level))
        return made

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made, time_ms = [], market.time_ns // 10**6
        for trade in step.trades:
            self._trade += 1
            one = {"uid": f"e2429e31-{self._trade}", "side": "buy" if trade.side > 0 else "sell"}
            one |= {"type": "fill", "seq": self._trade, "time": time_ms}
            made.append(self._frame("trade", **one, price=trade.tick / TICKS, qty=trade.lots / LOTS))
        # What goes before what comes, or the book would cross on the way.
        changes = [("buy", step.bids), ("sell", step.asks)]
        for gone in (True, False):
            for side, ticks in changes:
                some = {tick: lots for tick, lots in ticks.items() if (not lots) is gone}
                made += self._levels(market, side, some)
        return made


WRITER = KrakenFutures
