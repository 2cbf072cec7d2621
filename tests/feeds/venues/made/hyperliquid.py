from __future__ import annotations

import json
from typing import Any

from signalnode.clock import NS_PER_MS
from tests.feeds.venues.made.base import Market, Step, Ticks, price, size

HASH = "0x" + "0" * 64


def levels(ticks: Ticks) -> list[dict[str, Any]]:
    return [{"px": price(tick), "sz": size(lots), "n": 1} for tick, lots in ticks.items()]


def frame(channel: str, data: Any) -> bytes:
    return json.dumps({"channel": channel, "data": data}).encode()


class Hyperliquid:
    market = "BTC-USD"
    coin = "BTC"

    def __init__(self) -> None:
        self._trade = 900_000

    def trade(self, time_ms: int, side: str, tick: int, lots: int) -> dict[str, Any]:
        self._trade -= 7
        one = {"coin": self.coin, "side": side, "px": price(tick), "sz": size(lots), "time": time_ms}
        return one | {"hash": HASH, "tid": self._trade}

    def _book(self, market: Market) -> list[bytes]:
        time_ms = market.time_ns // NS_PER_MS
        best = [levels(ticks)[0] for ticks in market.best(1)]
        image = [levels(ticks) for ticks in market.best(20)]
        return [
            frame("bbo", {"coin": self.coin, "time": time_ms, "bbo": best}),
            frame("l2Book", {"coin": self.coin, "time": time_ms, "levels": image}),
        ]

    def opening(self, market: Market) -> list[bytes]:
        asked = {"method": "subscribe", "subscription": {"type": "trades", "coin": self.coin}}
        past = [self.trade(market.time_ns // NS_PER_MS - 50_000, "B", 9_000, 1) for _ in range(30)]
        return [frame("subscriptionResponse", asked), frame("trades", past), *self._book(market)]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made = []
        if step.trades:
            time_ms = market.time_ns // NS_PER_MS
            trades = [self.trade(time_ms, "B" if t.side > 0 else "A", t.tick, t.lots) for t in step.trades]
            made.append(frame("trades", trades))
        if step.bids or step.asks:
            made += self._book(market)
        return made


WRITER = Hyperliquid
