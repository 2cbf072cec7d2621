from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Market, Step, Ticks, price, size


def levels(ticks: Ticks) -> list[list[str]]:
    return [[price(tick), size(lots), "0", "1"] for tick, lots in ticks.items()]


class Okx:
    market = "BTC-USDT"

    def __init__(self) -> None:
        self._update = -1
        self._trade = 0

    def _frame(self, channel: str, data: dict[str, Any], **more: Any) -> bytes:
        argument = {"channel": channel, "instId": self.market}
        return json.dumps({"arg": argument, **more, "data": [data]}).encode()

    def _book(self, action: str, market: Market, bids: Ticks, asks: Ticks) -> bytes:
        previous, self._update = self._update, self._update + 7
        data = {"asks": levels(asks), "bids": levels(bids), "ts": str(market.time_ns // 10**6)}
        data |= {"checksum": 0, "seqId": self._update, "prevSeqId": previous}
        return self._frame("books", data, action=action)

    def _one(self, time_ns: int, side: int, at: str, much: str) -> bytes:
        self._trade += 1
        one = {"instId": self.market, "tradeId": str(self._trade), "px": at, "sz": much, "count": "1"}
        one |= {"side": "buy" if side > 0 else "sell", "ts": str(time_ns // 10**6)}
        return self._frame("trades", one)

    def opening(self, market: Market) -> list[bytes]:
        argument = {"channel": "trades", "instId": self.market}
        accepted = json.dumps({"event": "subscribe", "arg": argument, "connId": "x"}).encode()
        old = self._one(market.time_ns - 10**11, 1, "90", "1")
        return [accepted, old, self._book("snapshot", market, market.bids, market.asks)]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made = [self._one(market.time_ns, t.side, price(t.tick), size(t.lots)) for t in step.trades]
        if step.bids or step.asks:
            made.append(self._book("update", market, step.bids, step.asks))
        return made


WRITER = Okx
