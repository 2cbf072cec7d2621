from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Market, Step, Ticks, price, size


def levels(ticks: Ticks) -> list[list[str]]:
    return [[price(tick), size(lots)] for tick, lots in ticks.items()]


class Bybit:
    market = "BTC-USDT"

    def __init__(self) -> None:
        self._update = 100
        self._trade = 0

    def _frame(self, topic: str, kind: str, time_ms: int, data: object, **more: Any) -> bytes:
        return json.dumps(
            {"topic": f"{topic}.BTCUSDT", "type": kind, "ts": time_ms, "data": data} | more
        ).encode()

    def _book(self, kind: str, market: Market, bids: Ticks, asks: Ticks) -> bytes:
        self._update += 1
        time_ms = market.time_ns // 10**6
        data = {"s": "BTCUSDT", "b": levels(bids), "a": levels(asks), "u": self._update, "seq": 7}
        return self._frame("orderbook.200", kind, time_ms, data, cts=time_ms - 2)

    def opening(self, market: Market) -> list[bytes]:
        accepted = {"success": True, "ret_msg": "", "conn_id": "x", "req_id": "", "op": "subscribe"}
        return [json.dumps(accepted).encode(), self._book("snapshot", market, market.bids, market.asks)]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made, time_ms = [], market.time_ns // 10**6
        if step.trades:
            listed = []
            for trade in step.trades:
                self._trade += 1
                side = "Buy" if trade.side > 0 else "Sell"
                one = {"T": time_ms, "s": "BTCUSDT", "S": side, "v": size(trade.lots), "p": price(trade.tick)}
                listed.append(one | {"i": f"a9188a0a-{self._trade}", "BT": False, "seq": 7})
            made.append(self._frame("publicTrade", "snapshot", time_ms, listed))
        if step.bids or step.asks:
            made.append(self._book("delta", market, step.bids, step.asks))
        return made


WRITER = Bybit
