from __future__ import annotations

import json

from tests.feeds.venues.made.base import Market, Step, Ticks, price, size


def levels(ticks: Ticks) -> list[list[str]]:
    return [[price(tick), size(lots)] for tick, lots in ticks.items()]


class Bitstamp:
    """Of the best levels, whole each time; the changes want a book from REST."""

    market = "BTC-USD"

    def __init__(self) -> None:
        self._trade = 0

    def _frame(self, event: str, channel: str, data: object) -> bytes:
        return json.dumps({"event": event, "channel": f"{channel}_btcusd", "data": data}).encode()

    def _image(self, market: Market) -> bytes:
        bids, asks = (levels(ticks) for ticks in market.best(100))
        data = {"timestamp": "1", "microtimestamp": str(market.time_ns // 1_000), "bids": bids, "asks": asks}
        return self._frame("data", "order_book", data)

    def opening(self, market: Market) -> list[bytes]:
        return [self._frame("bts:subscription_succeeded", "order_book", {}), self._image(market)]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made = []
        for trade in step.trades:
            self._trade += 7
            one = {"id": self._trade, "microtimestamp": str(market.time_ns // 1_000)}
            one |= {"type": 0 if trade.side > 0 else 1, "price": 1.0, "amount": 1.0}
            one |= {"price_str": price(trade.tick), "amount_str": size(trade.lots)}
            made.append(self._frame("trade", "live_trades", one))
        if step.bids or step.asks:
            made.append(self._image(market))
        return made


WRITER = Bitstamp
