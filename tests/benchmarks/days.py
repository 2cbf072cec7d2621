"""Recordings and what they held, each on a grid of STEP_NS: what was known at a time, and what followed.

The packaged samples are always at hand. So are recordings (SYMBOL_DAY.parquet) below the folder that the
environment variable BENCH_DATA names, or else below `../shared/data` where there is such a folder.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalnode import load_events
from signalnode.events import DEPTH, QUOTE, TRADE, Events
from signalnode.feeds.base import DEPTH_BPS

STEP_NS = 500_000_000
STEP_S = STEP_NS * 1e-9
USUAL_S = 1_800.0  # what a future is measured against: the half hour before
OUTAGE_S = 300.0  # no market here is silent for so long by itself
LONG_S = 7_200.0  # a recording shorter than that tells nothing about half-minutes
SAMPLES = (
    ("BTC", "20240808", "signalnode/sample/btcusdt_2024080{}.xz"),
    ("ETH", "20240808", "signalnode/sample/ethusdt_2024080{}.xz"),
)
ORDER_SHARE = 0.3  # of what usually stands at the top of the book

Series = npt.NDArray[np.float64]


class Held:
    """A series that stands still between its changes: values at any times, and averages over time."""

    def __init__(self, times: npt.NDArray[np.int64], values: Series) -> None:
        self.times, self.values = times, values
        widths = np.diff(times, append=times[-1]).astype(np.float64)
        self._integral = np.concatenate([[0.0], np.cumsum(values * widths)])

    def at(self, times: npt.NDArray[np.int64]) -> Series:
        return self.values[self._index(times)]

    def over_steps(self, ends: npt.NDArray[np.int64]) -> Series:
        """The average over each step of time between two of `ends`, and at the first of them."""
        i = self._index(ends)
        area = self._integral[i] + self.values[i] * np.maximum(ends - self.times[i], 0)
        return np.concatenate([[self.values[i[0]]], np.diff(area) / np.diff(ends)])

    def _index(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
        return np.maximum(np.searchsorted(self.times, times, side="right") - 1, 0)


def ahead(steps: Series, seconds: float) -> Series:
    """Sum of the `steps` that end in the next `seconds`; NaN where the recording ends before."""
    n, total = round(seconds / STEP_S), np.concatenate([[0.0], np.cumsum(steps)])
    out = np.full(len(steps), np.nan)
    out[: len(steps) - n] = total[n + 1 :] - total[1 : len(steps) - n + 1]
    return out


def behind(steps: Series, seconds: float = USUAL_S) -> Series:
    """Mean of the `steps` that ended in the last `seconds`, or since the start."""
    n, total = round(seconds / STEP_S), np.concatenate([[0.0], np.cumsum(steps)])
    until = np.arange(1, len(steps) + 1)
    since = np.maximum(until - n, 0)
    out: Series = (total[until] - total[since]) / (until - since)
    return out


class Day:
    """One recording: its events, and series with a value for each time of `grid`, STEP_NS apart."""

    def __init__(self, symbol: str, day: str, events: Events) -> None:
        self.symbol, self.name, self.events = symbol, f"{symbol} {day}", events
        start, end = (int(t) for t in events["time_received_ns"][[0, -1]])
        self.grid = np.arange(start, end, STEP_NS)
        self.long = (end - start) * 1e-9 >= LONG_S
        self.quotes, self.trades, self.depth = (
            events[events["kind"] == kind] for kind in (QUOTE, TRADE, DEPTH)
        )
        source = self.quotes if len(self.quotes) else self.trades
        fields = ("bid", "ask") if len(self.quotes) else ("price", "price")
        self.bid, self.ask = (source[field] for field in fields)
        self.times = source["time_received_ns"]
        self.mids = Held(self.times, 0.5 * (np.log(self.bid) + np.log(self.ask)))
        self.log_mid = self.mids.at(self.grid)
        self.returns = np.diff(self.log_mid, prepend=self.log_mid[0])

    @functools.cached_property
    def running(self) -> npt.NDArray[np.bool_]:
        """At which times the recorder ran: not in a silence of OUTAGE_S and more, nor so soon before one."""
        times = self.events["time_received_ns"]
        next_to = np.searchsorted(times, self.grid, side="right")
        silence_ns = times[np.minimum(next_to, len(times) - 1)] - times[next_to - 1]
        silent = silence_ns > OUTAGE_S * 1e9
        before = np.concatenate([[0], np.cumsum(silent)])
        ahead_of = np.minimum(np.arange(len(silent)) + round(OUTAGE_S / STEP_S), len(silent))
        out: npt.NDArray[np.bool_] = before[ahead_of] == before[:-1]
        return out

    def per_step(self, times: npt.NDArray[np.int64], weights: Series) -> Series:
        """Sum of `weights` in the step that ends at each time of the grid."""
        place = np.searchsorted(self.grid, times, side="left")
        kept = place < len(self.grid)
        return np.bincount(place[kept], weights[kept], len(self.grid)).astype(np.float64)

    @functools.cached_property
    def squares(self) -> Series:
        """Of the returns of a second, which flicker within it does not reach; half a second apart."""
        of_a_second: Series = (self.returns + np.concatenate([[0.0], self.returns[:-1]])) ** 2
        return of_a_second

    @functools.cached_property
    def volume(self) -> Series:
        """Base units traded in each step."""
        return self.per_step(self.trades["time_received_ns"], self.trades["size"])

    @functools.cached_property
    def cost(self) -> Series | None:
        """What an order of the usual size costs, as a share of the price, averaged over each step: half the
        spread, and half the width that the depth lies in times the order over the depth. None without quotes.

        The order is ORDER_SHARE of what stood at the top in the half hour before. Where there is no depth the
        sizes at the top stand for it, with the spread as their width.
        """
        if not len(self.quotes):
            return None
        spread = Held(self.times, np.log(self.ask / self.bid)).over_steps(self.grid)
        if len(self.depth):
            times, sides, width = self.depth["time_received_ns"], ("bid_depth", "ask_depth"), DEPTH_BPS * 1e-4
        else:
            times, sides, width = self.times, ("bid_size", "ask_size"), spread
        source = self.depth if len(self.depth) else self.quotes
        bid, ask = (np.maximum(source[side], 1e-12) for side in sides)
        thinness = Held(times, 0.5 / bid + 0.5 / ask).over_steps(self.grid)
        top = np.sqrt(self.quotes["bid_size"] * self.quotes["ask_size"])
        order = ORDER_SHARE * behind(Held(self.times, top).over_steps(self.grid))
        cost: Series = 0.5 * spread + 0.5 * width * order * thinness
        return cost


def walked(day: Day, seed: int = 1) -> Day:
    """The same events on a driftless walk: the mid's own steps in any order, each up or down by chance. When
    things happen, sizes, spreads and where in the spread a trade was stay as they were.
    """
    random, events = np.random.default_rng(seed), day.events.copy()
    moves = np.diff(day.mids.values, prepend=day.mids.values[:1])
    at = np.flatnonzero(moves)
    moves[at] = random.permutation(moves[at]) * random.choice([-1.0, 1.0], len(at))
    shift = Held(day.times, day.mids.values[0] + np.cumsum(moves) - day.mids.values)
    factor = np.exp(shift.at(events["time_received_ns"]))
    for field in ("price", "bid", "ask"):
        events[field] *= factor
    return Day(day.symbol, day.name.split(" ", 1)[1], events)


def days() -> Iterator[Day]:
    """Everything at hand, the long ones first."""
    named = os.environ.get("BENCH_DATA")
    folder = Path(named or "../shared/data")
    for path in sorted(folder.rglob("*.parquet")) if folder.is_dir() else ():
        symbol, _, day = path.stem.partition("_")
        events = load_events([path])
        if len(events):
            yield Day(symbol.upper(), day, events)
    for symbol, day, pattern in SAMPLES:
        files = [pattern.format(number) for number in (8, 9)]
        yield Day(symbol, day, load_events(files, venue="binance", market=f"{symbol}-USDT"))
