"""How informative: Spearman rank correlation of each score with what it claims to be about.

Every recording found is scored; the packaged samples are, and captures or recordings named in the
environment variable BENCH_RECORDINGS (a colon between two markets, a comma between two files of one) in their
place. Sampled every 0.5 s from WARM_UP_S after the start. Beside each, the best single naive reading, and the
same score against shuffled time, which must be about 0. The futures:

- the log return of the mid over the next 1, 5 and 30 s;
- realised variance of the next 30 s, from log returns of the mid each 0.1 s;
- base units traded in the next 30 s;
- minus the cost of the next 5 s: half the spread, and half the depth band times an order over the depth,
  averaged over time. The order is what the market trades in five seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from signalnode import SignalEngine, load_events
from signalnode.events import DEPTH, QUOTE, TRADE, Events
from signalnode.feeds.base import DEPTH_BPS
from tests.benchmarks.table import Row

STEP_NS = 500_000_000
WARM_UP_S = 120  # the default baseline_s: from here on `warm` is 1
HORIZON_S = 30.0
ORDER_S = 5.0
SHUFFLES = 20
NAIVE_SHARE = 0.8  # of what the naive reading foresees, which no scale has made comparable

Series = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
SAMPLES = (
    ("BTC-USDT", ["signalnode/sample/btcusdt_20240808.xz", "signalnode/sample/btcusdt_20240809.xz"]),
    ("ETH-USDT", ["signalnode/sample/ethusdt_20240808.xz", "signalnode/sample/ethusdt_20240809.xz"]),
)


class Held:
    """A series that stands still between its changes: values at any times, and averages over time."""

    def __init__(self, times: Times, values: Series) -> None:
        self.times, self.values = times, values
        widths = np.diff(times, append=times[-1]).astype(np.float64)
        self._integral = np.concatenate([[0.0], np.cumsum(values * widths)])

    def at(self, times: Times) -> Series:
        return self.values[self._index(times)]

    def mean(self, since: Times, until: Times) -> Series:
        return (self._area(until) - self._area(since)) / (until - since)

    def _index(self, times: Times) -> npt.NDArray[np.intp]:
        return np.maximum(np.searchsorted(self.times, times, side="right") - 1, 0)

    def _area(self, times: Times) -> Series:
        i = self._index(times)
        return self._integral[i] + self.values[i] * (times - self.times[i])


def decayed(times: Times, values: Series, at: Times, tau_s: float) -> Series:
    """Σ value · exp(−age/τ) at each of `at`."""
    out, total, last, j = np.empty(len(at)), 0.0, int(times[0]), 0
    for i, now in enumerate(at.tolist()):
        while j < len(times) and times[j] <= now:
            total = total * np.exp(-(int(times[j]) - last) * 1e-9 / tau_s) + values[j]
            last, j = int(times[j]), j + 1
        out[i] = total * np.exp(-(now - last) * 1e-9 / tau_s)
    return out


class Recording:
    """What a recording's future held, and what naive readings said, at each sampling time."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.quotes, self.trades, self.depth = (
            events[events["kind"] == kind] for kind in (QUOTE, TRADE, DEPTH)
        )
        start, end = events["time_received_ns"][[0, -1]]
        self.grid = np.arange(start + WARM_UP_S * 10**9, end - int(HORIZON_S * 1e9), STEP_NS)
        times = self.quotes["time_received_ns"]
        bid, ask = self.quotes["bid"], self.quotes["ask"]
        self.log_mid = Held(times, np.log(0.5 * (bid + ask)))
        self.spread = Held(times, (ask - bid) / (0.5 * (bid + ask)))
        top = self.quotes["bid_size"] + self.quotes["ask_size"]
        self.imbalance = Held(times, (self.quotes["bid_size"] - self.quotes["ask_size"]) / top)
        thin = 0.5 / np.maximum(self.depth["bid_depth"], 1e-12) + 0.5 / np.maximum(
            self.depth["ask_depth"], 1e-12
        )
        self.thinness = Held(self.depth["time_received_ns"], thin)
        seconds = (end - start) * 1e-9
        self.order = float(self.trades["size"].sum()) / seconds * ORDER_S

    def later(self, seconds: float) -> Times:
        return self.grid + int(seconds * 1e9)

    def returns(self, seconds: float) -> Series:
        return self.log_mid.at(self.later(seconds)) - self.log_mid.at(self.grid)

    def variance(self) -> Series:
        steps = np.arange(0, int(HORIZON_S * 1e9) + 1, 100_000_000)
        paths = self.log_mid.at((self.grid[:, None] + steps).ravel()).reshape(len(self.grid), -1)
        return (np.diff(paths, axis=1) ** 2).sum(axis=1)

    def volume(self) -> Series:
        traded = np.concatenate([[0.0], np.cumsum(self.trades["size"])])
        times = self.trades["time_received_ns"]
        until, since = (np.searchsorted(times, at, side="right") for at in (self.later(HORIZON_S), self.grid))
        return traded[until] - traded[since]

    def cost(self) -> Series:
        until = self.later(5.0)
        impact = DEPTH_BPS * 1e-4 * self.order * self.thinness.mean(self.grid, until)
        return 0.5 * self.spread.mean(self.grid, until) + 0.5 * impact

    def cost_now(self) -> Series:
        impact = DEPTH_BPS * 1e-4 * self.order * self.thinness.at(self.grid)
        return 0.5 * self.spread.at(self.grid) + 0.5 * impact

    def naive_reversion(self) -> Series:
        log_mid = self.log_mid
        moves = np.diff(log_mid.values, prepend=log_mid.values[0])
        return -decayed(log_mid.times, moves, self.grid, 60.0)

    def naive_variance(self) -> Series:
        moves = np.diff(self.log_mid.values, prepend=self.log_mid.values[0])
        return decayed(self.log_mid.times, moves**2, self.grid, 10.0)

    def naive_volume(self) -> Series:
        return decayed(self.trades["time_received_ns"], self.trades["size"], self.grid, 10.0)


def rows() -> Iterator[Row]:
    for market, paths in _recordings():
        events = load_events(paths, venue="binance", market=market)
        recording = Recording(events)
        table = SignalEngine(market).replay(events, STEP_NS)
        scores = {
            name: Held(table["time_ns"], table[name]).at(recording.grid) for name in table.dtype.names or ()
        }
        yield from _claims(market, recording, scores)


def _claims(market: str, recording: Recording, scores: dict[str, Series]) -> Iterator[Row]:
    momentum = scores["momentum_long"] - scores["momentum_short"]
    reversion = scores["mean_reversion_long"] - scores["mean_reversion_short"]
    imbalance = recording.imbalance.at(recording.grid)
    claims: list[tuple[str, Series, Series, Series, str, float]] = [
        ("momentum / return, next 1 s", momentum, recording.returns(1.0), imbalance, "imbalance", 0.40),
        ("momentum / return, next 5 s", momentum, recording.returns(5.0), imbalance, "imbalance", 0.20),
        (
            "mean reversion / return, next 30 s",
            reversion,
            recording.returns(30.0),
            recording.naive_reversion(),
            "distance from a 60 s average",
            0.30,
        ),
        (
            "volatility breakout / variance, next 30 s",
            scores["volatility_breakout"],
            recording.variance(),
            recording.naive_variance(),
            "decayed variance",
            0.45,
        ),
        (
            "volume spike / volume, next 30 s",
            scores["volume_spike"],
            recording.volume(),
            recording.naive_volume(),
            "decayed volume",
            0.35,
        ),
        (
            "liquidity / minus cost, next 5 s",
            scores["liquidity_opportunity"],
            -recording.cost(),
            -recording.cost_now(),
            "minus the cost now",
            0.60,
        ),
    ]
    for what, score, future, naive, naive_name, aim in claims:
        found = _rank_correlation(score, future)
        yield Row(
            what=f"{market}: {what}",
            measured=found,
            unit=f"(shuffled {_shuffled(score, future):+.2f})",
            reference=naive_name,
            reference_value=_rank_correlation(naive, future),
            at_least=NAIVE_SHARE,
            aim=f"{aim:.2f}",
        )


def _rank_correlation(x: Series, y: Series) -> float:
    return float(spearmanr(x, y)[0])


def _shuffled(x: Series, y: Series) -> float:
    """The mean over SHUFFLES orders of time: about 0 for a score that owes what it knows to its time."""
    random = np.random.default_rng(1)
    return float(np.mean([_rank_correlation(x, random.permutation(y)) for _ in range(SHUFFLES)]))


def _recordings() -> list[tuple[str, list[str]]]:
    named = os.environ.get("BENCH_RECORDINGS", "")
    if not named:
        return list(SAMPLES)
    groups = [group.split(",") for group in named.split(":")]
    return [(Path(files[0]).name.split("_")[0].upper().replace("USDT", "-USDT"), files) for files in groups]
