"""What could be known: naive readings, and what a ridge regression makes of many, trained on other symbols.

The regression is a ceiling to compare with, not a bound: linear in features of the engine's kind, each over
several spans (Hoerl and Kennard 1970). A symbol's own days never train what judges it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtri
from scipy.stats import rankdata

from tests.benchmarks.days import STEP_S, USUAL_S, Day, Held, Series

SPANS_S = (1.0, 5.0, 15.0, 60.0, 300.0)
FLOOR = 1e-3  # of the usual
RIDGE = 0.01  # of the features' variance
ROWS_MAX = 25_000  # that one recording teaches
HOUR_NS = 3_600_000_000_000
KNOWN_EACH = 10  # of the rows that a rank so far is found among
HOURS_MIN = 3  # of others, before a ridge is worth fitting


def decayed(steps: Series, tau_s: float) -> Series:
    """Σ steps · e^(−age/τ)."""
    out: Series = lfilter([1.0], [1.0, -np.exp(-STEP_S / tau_s)], steps)
    return out


def average(steps: Series, tau_s: float) -> Series:
    """The decayed mean a step, the start-up bias taken out."""
    out: Series = decayed(steps, tau_s) / decayed(np.ones(len(steps)), tau_s)
    return out


def relative(steps: Series, tau_s: float) -> Series:
    """ln of the mean over τ above the usual one."""
    usual = average(steps, USUAL_S) + 1e-300
    out: Series = np.log((average(steps, tau_s) + FLOOR * usual) / usual)
    return out


def trend(day: Day, tau_s: float) -> Series:
    """The drift over τ in standard deviations of a random walk."""
    usual = np.sqrt(0.5 * tau_s / STEP_S * average(day.returns**2, USUAL_S)) + 1e-300
    out: Series = decayed(day.returns, tau_s) / usual
    return out


def imbalance(day: Day) -> Series:
    """Who stands at the top of the book, −1 to 1; zeros without sizes."""
    if not len(day.quotes):
        return np.zeros(len(day.grid))
    bid, ask = day.quotes["bid_size"], day.quotes["ask_size"]
    return Held(day.times, (bid - ask) / (bid + ask)).at(day.grid)


def signed_volume(day: Day) -> Series:
    """Bought less sold in each step; the mid before tells who took where it is not known."""
    times, side = day.trades["time_received_ns"], day.trades["aggressor_side"].astype(float)
    before = day.mids.at(times - 1)
    guessed = np.sign(np.log(np.maximum(day.trades["price"], 1e-300)) - before)
    side = np.where(side == 0.0, guessed, side)
    return day.per_step(times, side * day.trades["size"])


def order_flow(day: Day) -> tuple[Series, Series]:
    """Order flow imbalance of each step (Cont, Kukanov and Stoikov 2014), and the same of sizes alone."""
    q = day.quotes
    if len(q) < 2:
        return np.zeros(len(day.grid)), np.zeros(len(day.grid))
    bid, ask, bid_size, ask_size = (q[name] for name in ("bid", "ask", "bid_size", "ask_size"))
    flow = (bid[1:] >= bid[:-1]) * bid_size[1:] - (bid[1:] <= bid[:-1]) * bid_size[:-1]
    flow += (ask[1:] >= ask[:-1]) * ask_size[:-1] - (ask[1:] <= ask[:-1]) * ask_size[1:]
    times = day.times[1:]
    return day.per_step(times, flow), day.per_step(times, np.abs(flow))


def of_direction(day: Day) -> Series:
    """Features that change their sign in the mirror, shape (n, features)."""
    lean = imbalance(day)
    signed, volume = signed_volume(day), day.volume
    flow, size = order_flow(day)
    columns = [lean - average(lean, USUAL_S), average(lean, 5.0) - average(lean, USUAL_S)]
    for tau_s in SPANS_S:
        columns.append(np.tanh(0.5 * trend(day, tau_s)))
        for x, y in ((signed, volume), (flow, size)):
            total = decayed(y, tau_s) + 0.1 * average(y, USUAL_S) * tau_s / STEP_S
            columns.append(decayed(x, tau_s) / np.where(total > 0.0, total, 1.0))
    return np.stack(columns, axis=1)


def of_activity(day: Day) -> Series:
    """How much is traded, by size and by number, shape (n, features)."""
    trades = day.per_step(day.trades["time_received_ns"], np.ones(len(day.trades)))
    return np.stack([relative(x, tau_s) for x in (day.volume, trades) for tau_s in SPANS_S], axis=1)


def of_movement(day: Day) -> Series:
    """How far the price goes, and what comes with it, shape (n, features)."""
    series = (day.squares, day.returns**2, day.volume)
    columns = [relative(x, tau_s) for x in series for tau_s in SPANS_S]
    return np.stack([*columns, *(np.abs(trend(day, tau_s)) for tau_s in SPANS_S)], axis=1)


def of_cost(day: Day) -> Series:
    """What trading costs, shape (n, features); zeros without quotes."""
    if day.cost is None:
        return np.zeros((len(day.grid), 12))
    spread = Held(day.times, np.log(day.ask / day.bid)).over_steps(day.grid)
    columns = []
    for x in (day.cost, np.maximum(spread, 0.25 * average(spread, USUAL_S)), spread):
        columns.append(np.log(x + 1e-12) - np.log(average(x, USUAL_S) + 1e-12))
        columns += [relative(x, tau_s) for tau_s in (1.0, 5.0, 60.0)]
    return np.stack(columns, axis=1)


RANKED = (of_activity, of_movement, of_cost)  # of which nothing but their ranks compares between symbols


def _normal(columns: Series) -> Series:
    """Each by its ranks on a normal distribution, shape (n, columns)."""
    out: Series = ndtri(rankdata(columns, axis=0) / (len(columns) + 1))
    return out


def _normal_so_far(columns: Series, hours: Series) -> Series:
    """The same by its ranks among the hours before; in the first hour, of which nobody knows, within it."""
    out = np.empty(columns.shape)
    starts = np.flatnonzero(np.diff(hours, prepend=-1)).tolist()
    for start, end in pairwise([*starts, len(hours)]):
        known = np.sort(columns[: start or end : KNOWN_EACH], axis=0)
        for j, ordered in enumerate(known.T):
            x = columns[start:end, j]
            below = np.searchsorted(ordered, x) + np.searchsorted(ordered, x, side="right")
            out[start:end, j] = ndtri((0.5 * below + 0.5) / (len(ordered) + 1))
    return out


class Ridge:
    """The ceilings of one claim: taught by every day, it predicts one by what the other symbols taught."""

    def __init__(self, features: Callable[[Day], Series]) -> None:
        self._features = features
        self._moments: dict[tuple[str, int], Series] = {}  # by symbol and hour
        self._so_far: dict[tuple[str, int], Series] = {}  # the same of ranks among what was known

    def learn(self, day: Day, future: Series, rows: Series) -> None:
        """Take one day's features and what followed at `rows` into what its symbol teaches, by the hour."""
        known = np.flatnonzero(np.isfinite(future) & rows)
        if len(known) < 100:
            return
        known = known[:: -(-len(known) // ROWS_MAX)]
        hours, y = day.grid[known] // HOUR_NS, future[known, np.newaxis]
        whole = np.hstack([features_of(day, self._features)[known], _normal(y)])
        so_far = np.hstack([features_so_far(day, self._features)[known], _normal_so_far(y, hours)])
        for hour in np.unique(hours).tolist():
            for moments, both in ((self._moments, whole), (self._so_far, so_far)):
                part, key = both[hours == hour], (day.symbol, hour)
                moments[key] = moments.get(key, 0.0) + part.T @ part

    def predict(self, day: Day) -> Series | None:
        """What the others foresee of each row of `day`; None where there is no other."""
        others = [moments for (symbol, _), moments in self._moments.items() if symbol != day.symbol]
        return features_of(day, self._features) @ _weights(others) if others else None

    def predict_forward(self, day: Day) -> Series | None:
        """The same by what the others had taught before each hour of `day`, the hour before left out, for it
        may not have ended; NaN while that is less than HOURS_MIN, and in the first hour of a day. None
        where it never is more. What is ranked is ranked among the hours before, here and where it taught.
        """
        hours = day.grid // HOUR_NS
        out = np.full(len(hours), np.nan)
        columns = features_so_far(day, self._features)
        for hour in np.unique(hours).tolist()[1:]:
            before = [
                moments
                for (symbol, when), moments in self._so_far.items()
                if symbol != day.symbol and when < hour - 1
            ]
            if len(before) >= HOURS_MIN:
                rows = hours == hour
                out[rows] = columns[rows] @ _weights(before)
        return out if np.isfinite(out).any() else None


def _weights(moments: list[Series]) -> Series:
    """The ridge's, of sums of squares and products whose last row and column are what followed."""
    total = np.sum(moments, axis=0)
    xx, xy = total[:-1, :-1], total[:-1, -1]
    scale = np.sqrt(np.diag(xx)) + 1e-12
    normal = xx / np.outer(scale, scale) + RIDGE * np.eye(len(scale))
    out: Series = np.linalg.solve(normal, xy / scale) / scale
    return out


@functools.lru_cache(maxsize=64)
def features_of(day: Day, features: Callable[[Day], Series]) -> Series:
    """`features` of `day`, kept: several claims ask. Those of RANKED by their ranks over the whole day."""
    columns = features(day)
    return _normal(columns) if features in RANKED else columns


@functools.lru_cache(maxsize=64)
def features_so_far(day: Day, features: Callable[[Day], Series]) -> Series:
    """The same by their ranks among the hours before."""
    if features not in RANKED:
        return features_of(day, features)
    return _normal_so_far(features(day), day.grid // HOUR_NS)
