from __future__ import annotations

import json

from tests.feeds import frames
from tests.feeds.venues.made.base import Market, Step, Ticks, price, size

JUMP = 7  # from one update to the next: other symbols' stand between


class Usdm:
    market = "BTC-USDT"
    symbol = "BTCUSDT"

    def __init__(self) -> None:
        self._update = 100
        self._trade = 0

    def size(self, lots: int, tick: int) -> str:  # noqa: ARG002 - contracts are worth more at less
        return size(lots)

    def _levels(self, ticks: Ticks) -> list[tuple[str, str]]:
        return [(price(tick), self.size(lots, tick)) for tick, lots in ticks.items()]

    def _depth(self, bids: Ticks, asks: Ticks) -> dict[str, object]:
        previous, self._update = self._update, self._update + JUMP
        changed = (self._levels(bids), self._levels(asks))
        return frames.depth(previous + 3, self._update, *changed, s=self.symbol, pu=previous)

    def _quote(self, market: Market) -> dict[str, object]:
        ((bid, bid_lots),), ((ask, ask_lots),) = (ticks.items() for ticks in market.best(1))
        sizes = {"B": self.size(bid_lots, bid), "A": self.size(ask_lots, ask)}
        return frames.quote(price(bid), price(ask), s=self.symbol, T=market.time_ns // 10**6, **sizes)

    def opening(self, market: Market) -> list[bytes]:
        bids, asks = market.best(100)
        image = frames.snapshot(100 + JUMP, self._levels(bids), self._levels(asks))
        made = [self._depth({}, {}), image | {"symbol": self.symbol}, self._quote(market)]
        return [json.dumps(frame).encode() for frame in made]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made = []
        for trade in step.trades:
            self._trade += 1
            much = self.size(trade.lots, trade.tick)
            is_sold = trade.side < 0
            made.append(frames.aggregate(self._trade, price(trade.tick), q=much, m=is_sold, s=self.symbol))
        if step.bids or step.asks:
            made += [self._depth(step.bids, step.asks), self._quote(market)]
        return [json.dumps(frame).encode() for frame in made]


WRITER = Usdm
