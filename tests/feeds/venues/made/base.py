"""One seeded market, and who writes it down as a venue would: `WRITER` of the file called as the venue is.

Prices are in ticks of a hundredth, about a basis point each, and sizes in lots of a thousandth.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.venues.base import Row, depth_row, quote_row, trade_row

START_NS = 1_723_161_254_000_000_000
STEP_NS = 50_000_000
LEVELS = 120  # a side
MID, WANDERS_MAX = 10_000, 40  # ticks
TICKS, LOTS = 100, 1_000  # in one
WORDS = 10_000  # numbers whose spelling is kept: of a book that is told whole each step they are most of it

Ticks = dict[int, int]  # lots by price


class Trade(NamedTuple):
    side: int  # of the taker
    tick: int
    lots: int


class Step(NamedTuple):
    """What changed at once: levels (0 lots: gone), and what traded."""

    bids: Ticks
    asks: Ticks
    trades: Sequence[Trade]


class Market:
    """Its book after the newest step, and steps that never cross or empty it."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.time_ns = START_NS
        self.bids = {MID - at: self._lots() for at in range(1, LEVELS)}
        self.asks = {MID + at: self._lots() for at in range(LEVELS)}
        self._bid, self._ask = MID - 1, MID  # the best: asked for several times a step

    def _lots(self) -> int:
        return 1 + self._below(4_999)

    def _below(self, end: int) -> int:
        """A whole number from 0 on. Millions are drawn, and `randrange` takes five times as long."""
        return int(end * self._rng.random())

    def step(self) -> Step:
        """Move on by STEP_NS: some sizes, a trade, the price."""
        rng, bid, ask = self._rng, self._bid, self._ask
        self.time_ns += STEP_NS
        bids = {bid - self._below(30): self._below(2) * self._lots() for _ in range(self._below(3))}
        asks = {ask + self._below(30): self._below(2) * self._lots() for _ in range(self._below(3))}
        trades = []
        if rng.random() < 0.4:
            side, tick = rng.choice(((1, ask), (-1, bid)))
            there = self.asks[ask] if side > 0 else self.bids[bid]
            trades = [Trade(side, tick, 1 + self._below(there))]
            (asks if side > 0 else bids)[tick] = there - trades[0].lots
        moves = rng.random()
        if moves < 0.1 and ask < MID + WANDERS_MAX:
            asks[ask], bids[ask] = 0, self._lots()
        elif moves > 0.9 and bid > MID - WANDERS_MAX:
            bids[bid], asks[bid] = 0, self._lots()
        return self.apply(Step(bids, asks, trades))

    def apply(self, step: Step) -> Step:
        """Bring the book to where `step` says."""
        for levels, changes in ((self.bids, step.bids), (self.asks, step.asks)):
            for tick, lots in changes.items():
                if lots:
                    levels[tick] = lots
                else:
                    levels.pop(tick, None)
        if step.bids and (max(step.bids) > self._bid or self._bid not in self.bids):
            self._bid = max(self.bids)
        if step.asks and (min(step.asks) < self._ask or self._ask not in self.asks):
            self._ask = min(self.asks)
        return step

    def best(self, count: int) -> tuple[Ticks, Ticks]:
        """The best so many levels a side, best first."""
        bids = sorted(self.bids, reverse=True)[:count]
        return {tick: self.bids[tick] for tick in bids}, {
            tick: self.asks[tick] for tick in sorted(self.asks)[:count]
        }

    def rows(self, time_event_ns: int, time_received_ns: int) -> tuple[Row, Row]:
        """The quote and the depth of the book as it is."""
        bid, ask = self._bid, self._ask
        top = (bid / TICKS, self.bids[bid] / LOTS, ask / TICKS, self.asks[ask] / LOTS)
        mid = (top[0] + top[2]) / 2
        low, high = mid - mid * DEPTH_BPS * 1e-4, mid + mid * DEPTH_BPS * 1e-4
        within = _lots_within(self.bids, bid, -1, low) / LOTS, _lots_within(self.asks, ask, 1, high) / LOTS
        return quote_row(time_event_ns, time_received_ns, *top), depth_row(
            time_event_ns, time_received_ns, *within
        )


def _lots_within(levels: Ticks, best: int, away: int, end: float) -> int:
    """From the best level, a tick `away` each, as far as the price `end`: few of all levels lie there."""
    lots, tick = 0, best
    while away * (tick / TICKS) <= away * end:
        lots += levels.get(tick, 0)
        tick += away
    return lots


def trade_of(trade: Trade) -> Row:
    """The event of a trade, without its times."""
    return trade_row(0, 0, trade.side, trade.tick / TICKS, trade.lots / LOTS)


class Writer(Protocol):
    """Frames of one connection to a venue, in the order sent; it may number them. `has_book = False` in one
    says that its venue tells the best of the book alone.
    """

    market: str

    def opening(self, market: Market) -> list[bytes]:
        """What a subscriber gets first."""
        ...

    def frames(self, market: Market, step: Step) -> list[bytes]:
        """What tells of `step`, which brought the market to where it is."""
        ...


def writer_of(venue: str) -> Writer:
    make: Callable[[], Writer] = importlib.import_module(f"{__name__.rpartition('.')[0]}.{venue}").WRITER
    return make()


@lru_cache(WORDS)
def price(tick: int) -> str:
    return f"{tick / TICKS:.2f}"


@lru_cache(WORDS)
def size(lots: int) -> str:
    return f"{lots / LOTS:.3f}"


def capture_of(venue: str, seed: int, steps: int) -> bytes:
    """The lines of a capture of so many steps of a market."""
    market, writer = Market(seed), writer_of(venue)
    lines = [b"%d %s\n" % (market.time_ns, frame) for frame in writer.opening(market)]
    for _ in range(steps):
        frames = writer.frames(market, market.step())
        lines += [b"%d %s\n" % (market.time_ns, frame) for frame in frames]
    return b"".join(lines)
