from __future__ import annotations

import zlib

from tests.feeds.venues.made.base import LOTS, Market, Step, Ticks, price

DEPTH = 25
TIME = "2024-08-08T23:54:14.000001Z"


def size(lots: int) -> str:
    """With trailing zeros, as Kraken sends it."""
    return f"{lots / LOTS:.8f}"


def checksum(bids: Ticks, asks: Ticks) -> int:
    """Of the ten best of each side; both best first."""
    taken = ""
    for ticks in (asks, bids):
        for tick, lots in list(ticks.items())[:10]:
            taken += str(int(price(tick).replace(".", ""))) + str(int(size(lots).replace(".", "")))
    return zlib.crc32(taken.encode())


def levels(ticks: Ticks) -> str:
    return ",".join(f'{{"price":{price(tick)},"qty":{size(lots)}}}' for tick, lots in ticks.items())


def changed(before: Ticks, after: Ticks) -> Ticks:
    """What a venue tells of a window: what is new in it, what is gone from it, not what fell out of it."""
    new = {tick: lots for tick, lots in after.items() if before.get(tick) != lots}
    worst = min(after) if next(iter(after)) == max(after) else max(after)
    inside = (lambda tick: tick >= worst) if worst == min(after) else (lambda tick: tick <= worst)
    return {tick: 0 for tick in before if tick not in after and inside(tick)} | new


class Kraken:
    market = "BTC-USD"
    symbol = "BTC/USD"

    def __init__(self) -> None:
        self._trade = 0
        self._shown: tuple[Ticks, Ticks] = ({}, {})

    def book(self, kind: str, bids: Ticks, asks: Ticks, check: int) -> bytes:
        sides = f'"bids":[{levels(bids)}],"asks":[{levels(asks)}]'
        data = f'{{"symbol":"{self.symbol}",{sides},"checksum":{check},"timestamp":"{TIME}"}}'
        return f'{{"channel":"book","type":"{kind}","data":[{data}]}}'.encode()

    def trade(self, kind: str, number: int, side: str, tick: int, lots: int) -> bytes:
        what = f'"side":"{side}","price":{price(tick)},"qty":{size(lots)},"ord_type":"market"'
        data = f'{{"symbol":"{self.symbol}",{what},"trade_id":{number},"timestamp":"{TIME}"}}'
        return f'{{"channel":"trade","type":"{kind}","data":[{data}]}}'.encode()

    def opening(self, market: Market) -> list[bytes]:
        self._shown = market.best(DEPTH)
        result = f'{{"channel":"book","depth":{DEPTH},"snapshot":true,"symbol":"{self.symbol}"}}'
        return [
            b'{"channel":"status","type":"update","data":[{"system":"online","connection_id":6437862339878838704}]}',
            f'{{"method":"subscribe","result":{result},"success":true}}'.encode(),
            b'{"channel":"heartbeat"}',
            self.book("snapshot", *self._shown, checksum(*self._shown)),
            self.trade("snapshot", 0, "buy", 9_000, 1),
        ]

    def frames(self, market: Market, step: Step) -> list[bytes]:
        made = []
        for side, tick, lots in step.trades:
            self._trade += 1
            made.append(self.trade("update", self._trade, "buy" if side > 0 else "sell", tick, lots))
        shown = market.best(DEPTH)
        told = [changed(before, after) for before, after in zip(self._shown, shown, strict=True)]
        self._shown = shown
        if step.bids or step.asks:
            made.append(self.book("update", *told, checksum(*shown)))
        return made


WRITER = Kraken
