from __future__ import annotations

import json

from tests.feeds import frames
from tests.feeds.venues.made.base import Market, Step, Ticks, price, size


def levels(ticks: Ticks) -> list[tuple[str, str]]:
    return [(price(tick), size(lots)) for tick, lots in ticks.items()]


class Binance:
    market = "BTC-USDT"

    def __init__(self) -> None:
        self._update = 100
        self._trade = 0

    def opening(self, market: Market) -> list[bytes]:
        bids, asks = market.best(100)
        first = [
            frames.depth(100, 100),
            frames.snapshot(100, levels(bids), levels(asks)),
            self._quote(market),
        ]
        return [json.dumps(frame).encode() for frame in first]

    def _quote(self, market: Market) -> dict[str, object]:
        ((bid, bid_lots),), ((ask, ask_lots),) = (ticks.items() for ticks in market.best(1))
        return frames.quote(price(bid), price(ask), B=size(bid_lots), A=size(ask_lots))

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made = []
        for trade in step.trades:
            self._trade += 1
            is_sold = trade.side < 0
            made.append(frames.trade(self._trade, price(trade.tick), size(trade.lots), m=is_sold))
        if step.bids or step.asks:
            self._update += 1
            made.append(frames.depth(self._update, self._update, levels(step.bids), levels(step.asks)))
            made.append(self._quote(market))
        return [json.dumps(frame).encode() for frame in made]


WRITER = Binance
