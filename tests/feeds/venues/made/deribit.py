from __future__ import annotations

import json
from typing import Any

from tests.feeds.venues.made.base import LOTS, TICKS, Market, Step, Ticks


class Deribit:
    market = "BTC_USDC-PERPETUAL"

    def __init__(self) -> None:
        self._change = 100
        self._trade = 0

    def _frame(self, channel: str, data: object) -> bytes:
        parameters = {"channel": f"{channel}.{self.market}.100ms", "data": data}
        return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": parameters}).encode()

    def _book(self, kind: str, market: Market, bids: Ticks, asks: Ticks) -> bytes:
        previous, self._change = self._change, self._change + 7
        data: dict[str, Any] = {"type": kind, "timestamp": market.time_ns // 10**6, "change_id": self._change}
        data["instrument_name"] = self.market
        for name, ticks in (("bids", bids), ("asks", asks)):
            data[name] = [
                ["change" if lots else "delete", tick / TICKS, lots / LOTS] for tick, lots in ticks.items()
            ]
        if kind == "change":
            data["prev_change_id"] = previous
        return self._frame("book", data)

    def opening(self, market: Market) -> list[bytes]:
        accepted = {"jsonrpc": "2.0", "id": 1, "result": [f"book.{self.market}.100ms"]}
        return [json.dumps(accepted).encode(), self._book("snapshot", market, market.bids, market.asks)]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made = []
        for trade in step.trades:
            self._trade += 1
            one = {"instrument_name": self.market, "trade_seq": self._trade, "price": trade.tick / TICKS}
            one |= {"timestamp": market.time_ns // 10**6, "amount": trade.lots / LOTS}
            one |= {"direction": "buy" if trade.side > 0 else "sell", "trade_id": str(self._trade)}
            made.append(self._frame("trades", [one]))
        if step.bids or step.asks:
            made.append(self._book("change", market, step.bids, step.asks))
        return made


WRITER = Deribit
