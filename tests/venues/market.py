"""A market made up from a seed, as dYdX tells it: the book whole, or what changed, and trades."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

LEVELS = 50  # a side
TRADES_SHARE = 0.3  # of steps


class Market:
    """One market; each `step` changes its book and maybe trades."""

    def __init__(self, seed: int, price: float, first_trade: int = 0) -> None:
        self._random, self._tick = Random(seed), round(price / 60_000, 6)
        self._mid = round(price / self._tick)  # in ticks
        self._traded = first_trade
        self._time = datetime(2026, 1, 1, tzinfo=UTC)
        self.bids = {self._mid - 1 - each: self._size() for each in range(LEVELS)}
        self.asks = {self._mid + 1 + each: self._size() for each in range(LEVELS)}

    def image(self) -> dict[str, Any]:
        """Both sides, best first."""
        sides = {"bids": sorted(self.bids.items(), reverse=True), "asks": sorted(self.asks.items())}
        return {
            name: [{"price": self._price(at), "size": f"{size:g}"} for at, size in side]
            for name, side in sides.items()
        }

    def step(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What changed in the book, and what traded."""
        self._mid += self._random.choice((-1, 0, 0, 1))
        self._time += timedelta(milliseconds=20)
        changed: dict[str, list[list[str]]] = {"bids": [], "asks": []}
        for name, side, sign in (("bids", self.bids, -1), ("asks", self.asks, 1)):
            wanted = {self._mid + sign * (1 + each) for each in range(LEVELS)}
            new = wanted - side.keys() | {self._random.choice(sorted(wanted))}
            for at in sorted(side.keys() - wanted):
                del side[at]
                changed[name].append([self._price(at), "0"])
            for at in sorted(new):
                side[at] = self._size()
                changed[name].append([self._price(at), f"{side[at]:g}"])
        trades = [self._trade()] if self._random.random() < TRADES_SHARE else []
        return changed, trades

    def _trade(self) -> dict[str, Any]:
        self._traded += 1
        is_buy = self._random.random() < 0.5
        return {
            "id": f"{self._traded:024x}",
            "side": "BUY" if is_buy else "SELL",
            "price": self._price(min(self.asks) if is_buy else max(self.bids)),
            "size": f"{self._size():g}",
            "type": "LIMIT",
            "createdAt": self._time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    def _size(self) -> float:
        return round(0.01 + self._random.random() * 3.0, 4)

    def _price(self, at: int) -> str:
        return f"{at * self._tick:.6f}".rstrip("0").rstrip(".")
