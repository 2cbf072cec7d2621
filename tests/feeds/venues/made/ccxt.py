from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import LOTS, TICKS, Market, Step

LEVELS = 100


class Ccxt:
    """A perpetual whose contracts are of a tenth each."""

    market = "BTC/USDT:USDT"
    contract = 0.1

    def __init__(self) -> None:
        self._trade = 0

    def _say(self, kind: str, **more: Any) -> bytes:
        head = {"type": kind, "symbol": self.market, "contract_size": self.contract, "is_inverse": False}
        return json.dumps(head | more).encode()

    def _size(self, lots: int) -> float:
        return lots / LOTS / self.contract

    def _book(self, market: Market) -> bytes:
        bids, asks = (
            [[tick / TICKS, self._size(lots)] for tick, lots in side.items()] for side in market.best(LEVELS)
        )
        return self._say("book", time_ms=market.time_ns // 10**6, bids=bids, asks=asks)

    def opening(self, market: Market) -> list[bytes]:
        return [self._book(market)]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        trades = []
        for each in step.trades:
            self._trade += 1
            one = {"price": each.tick / TICKS, "size": self._size(each.lots), "id": f"t{self._trade}"}
            trades.append(
                one | {"side": "buy" if each.side > 0 else "sell", "time_ms": market.time_ns // 10**6}
            )
        made = [self._say("trades", trades=trades)] if trades else []
        return [*made, self._book(market)] if step.bids or step.asks else made


WRITER = Ccxt
