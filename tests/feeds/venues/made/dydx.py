from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import Market, Step, Ticks, price, size

CREATED = "2024-08-08T23:54:14.120Z"


def arrays(ticks: Ticks) -> list[list[str]]:
    return [[price(tick), size(lots)] for tick, lots in ticks.items()]


def objects(ticks: Ticks) -> list[dict[str, str]]:
    return [{"price": price(tick), "size": size(lots)} for tick, lots in ticks.items()]


class Dydx:
    """It sends every other update as a batch, each level of it an update of its own."""

    market = "BTC-USD"

    def __init__(self, connection: str = "2ddf629d-ee78-4cf3-8278-fe0900b59537") -> None:
        self._connection = connection
        self._message = -1
        self._trade = 0

    def frame(self, kind: str, channel: str = "", contents: Any = None, **more: Any) -> bytes:
        self._message += 1
        frame: dict[str, Any] = {"type": kind, "connection_id": self._connection, "message_id": self._message}
        if channel:
            frame |= {"id": self.market, "channel": channel, "contents": contents}
        return json.dumps(frame | more).encode()

    def trade(self, number: int, **more: Any) -> dict[str, Any]:
        identifier = f"0165e5e3{number:08x}00000002"
        return {"id": identifier, "createdAt": CREATED, "type": "LIMIT"} | more

    def image(self, bids: Ticks, asks: Ticks) -> bytes:
        return self.frame("subscribed", "v4_orderbook", {"bids": objects(bids), "asks": objects(asks)})

    def opening(self, market: Market) -> list[bytes]:
        past = [self.trade(number, side="BUY", price="99", size="1") for number in (9_001, 9_000)]
        return [
            self.frame("connected"),
            self.image(*market.best(100)),
            self.frame("subscribed", "v4_trades", {"trades": past}),
        ]

    def frames(self, _market: Market, step: Step) -> list[bytes]:
        made = []
        for side, tick, lots in step.trades:
            self._trade += 1
            taker = "BUY" if side > 0 else "SELL"
            one = self.trade(self._trade, side=taker, price=price(tick), size=size(lots))
            made.append(self.frame("channel_data", "v4_trades", {"trades": [one]}))
        if step.bids or step.asks:
            made.append(self._update(arrays(step.bids), arrays(step.asks)))
        return made

    def _update(self, bids: list[list[str]], asks: list[list[str]]) -> bytes:
        if self._message % 2:
            batch = [{"bids": [level]} for level in bids] + [{"asks": [level]} for level in asks]
            return self.frame("channel_batch_data", "v4_orderbook", batch)
        update = {side: levels for side, levels in (("bids", bids), ("asks", asks)) if levels}
        return self.frame("channel_data", "v4_orderbook", update)


WRITER = Dydx
