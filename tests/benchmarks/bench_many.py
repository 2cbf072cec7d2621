"""Layer 5 of hundreds and thousands of markets: a view, and the relations that another process works out."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.measures.grid import grid_of
from signalnode.aggregator.measures.joined import SERIES
from signalnode.aggregator.memory import settle
from signalnode.aggregator.relating.apart import Apart
from signalnode.aggregator.relating.child import ONE_THREAD
from signalnode.aggregator.relating.relate import Relater
from signalnode.aggregator.relating.ring import Ring, packed_scores
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.wire import SCORE_NAMES, encode
from signalnode.settings import AggregatorSettings
from signalnode.strategies import STRATEGIES
from tests.benchmarks.bus_load import markets, score_of
from tests.benchmarks.table import Row

REPO = Path(__file__).parents[2]
CORRCOEFS = 9
VIEWS = {500: "20 ms", 2_000: "60 ms"}
VIEW_MOST = 3.0  # times the correlation alone, computed from scratch
FEW, MANY, SECONDS, SCORES_A_SECOND = 200, 4_000, 9, 4
COST_MOST = 1.3  # of a market among MANY, beside one among FEW
PASS_MARKETS, PASS_STEPS = 2_000, 2_400
PASS_MOST = 3.0  # times numpy's, without leads


def rows() -> Iterator[Row]:
    """Every figure of many markets."""
    yield from (a_view(count) for count in VIEWS)
    yield a_market()
    yield relations()


def a_market() -> Row:
    """What a market takes among few and among many: its scores, and its part of views and steps.

    By turns, a quarter of a second of the ones and then of the others: so both find their caches taken by
    others, as an aggregator does that engines share the machine with, and a busy minute falls on both.
    """
    few, many = _Node(FEW), _Node(MANY)
    spent: list[tuple[float, float]] = []
    for second in range(1 + SECONDS):
        quarters = [(few.quarter_us(), many.quarter_us()) for _ in range(4)]
        if second:
            spent.append((sum(one for one, _ in quarters), sum(other for _, other in quarters)))
        else:
            settle()  # as the process does, once all have spoken
    ratio = statistics.median(of_many / of_few for of_few, of_many in spent)
    few_us = statistics.median(of_few for of_few, _ in spent)
    return Row(
        what=f"a market among {MANY:,}, {SCORES_A_SECOND} scores and 4 views a second, relations apart",
        measured=ratio * few_us,
        unit="µs of the processor a second",
        reference=f"µs: among {FEW}, by turns, median of {SECONDS} seconds",
        reference_value=few_us,
        at_most=COST_MOST,
    )


class _Node:
    """An aggregator that hears so many markets, in a time of its own."""

    def __init__(self, count: int) -> None:
        self._names, self._now_ns, self._seq = markets(count), 1_700_000_000_000_000_000, 0
        settings = AggregatorSettings()
        apart = Apart(self._names, grid_of(settings))
        apart.begin(lambda _content: True)
        runner = StrategyRunner({s.name: s.make() for s in STRATEGIES})
        self._core = Aggregator(settings, self._names, runner, 1, self._now_ns, relating=apart)
        self._draw = np.random.default_rng(8)
        self._scores = self._draw.standard_normal((count, len(SCORE_NAMES)))

    def quarter_us(self) -> float:
        """What a market took of the processor in the next quarter of a second: one score and a view."""
        self._now_ns, self._seq = self._now_ns + 250_000_000, self._seq + 1
        self._scores = 0.95 * self._scores + 0.3 * self._draw.standard_normal(self._scores.shape)
        values = np.clip(50.0 + 22.0 * self._scores, 0.0, 100.0).tolist()
        frames = [
            encode(score_of(name, self._seq, 100.0, row, self._now_ns))
            for name, row in zip(self._names, values, strict=True)
        ]
        began = time.process_time()
        for each in frames:
            self._core.take(each, self._now_ns)
        self._core.advance(self._now_ns)
        return 1e6 * (time.process_time() - began) / len(self._names)


def a_view(count: int) -> Row:
    """A whole view, strategies and encoding included; what relates the markets only takes the steps."""
    names = markets(count)
    draw = np.random.default_rng(5)
    start_ns = 1_700_000_000_000_000_000
    settings = AggregatorSettings()
    apart = Apart(names, grid_of(settings))
    apart.begin(lambda _content: True)
    runner = StrategyRunner({s.name: s.make() for s in STRATEGIES})
    core = Aggregator(settings, names, runner, 1, start_ns, relating=apart)
    logs = np.zeros(len(names))
    times_ms = []
    for step in range(1, 31):
        now_ns = start_ns + step * 1_000_000_000
        logs += 1e-4 * (draw.standard_normal() + draw.standard_normal(len(names)))
        values = draw.uniform(0, 100, (len(names), len(SCORE_NAMES)))
        for row, name in enumerate(names):
            message = score_of(name, step, 100.0 * float(np.exp(logs[row])), values[row], now_ns)
            core.take(encode(message), now_ns)
        if step == 2:
            settle()
        for quarter in range(4):
            began = time.process_time()
            core.advance(now_ns + quarter * 250_000_000)
            times_ms.append((time.process_time() - began) * 1e3)
    history = 1e-4 * draw.standard_normal((300, len(names)))
    scratch_ms = 1e3 * statistics.median(_corrcoef_s(history) for _ in range(CORRCOEFS))
    return Row(
        what=f"view with its step's returns told, {count:,} markets",
        measured=statistics.median(times_ms[40:]),
        unit=f"ms, 90%: {float(np.percentile(times_ms[40:], 90)):.1f}",
        reference=f"ms: numpy.corrcoef of 300 steps, median of {CORRCOEFS}; both of the processor",
        reference_value=scratch_ms,
        at_most=VIEW_MOST,
        aim=VIEWS[count],
    )


def relations() -> Row:
    """All correlations of a full ring, in a process with one thread as the real one."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_many"]
    done = subprocess.run(
        command, cwd=REPO, env={**os.environ, **ONE_THREAD}, check=True, capture_output=True, text=True
    )
    alone_s, whole_s, scratch_s = map(float, done.stdout.split())
    return Row(
        what=f"correlations and strongest couples, {PASS_MARKETS:,} markets, {PASS_STEPS:,} steps",
        measured=alone_s,
        unit=f"s; {whole_s:.1f} with five lags, component and scores",
        reference="s: numpy.corrcoef of the same; both of the processor",
        reference_value=scratch_s,
        at_most=PASS_MOST,
    )


def _pass() -> None:
    draw = np.random.default_rng(6)
    common = draw.standard_normal((PASS_STEPS, 1))
    returns = 1e-4 * (common + draw.standard_normal((PASS_STEPS, PASS_MARKETS)))
    scratch_s = statistics.median(_corrcoef_s(returns) for _ in range(3))
    seconds = []
    for lags, series in ((0, ()), (5, SERIES)):
        ring = Ring(markets(PASS_MARKETS), len(series), 0.5 ** (1 / 300))
        scores = packed_scores(draw.uniform(0, 100, (len(series), PASS_MARKETS)))
        for row in returns:
            ring.add(row, np.roll(scores, 1, axis=1))
        began = time.process_time()
        for _ in Relater(ring, lags, series).steps():
            pass
        seconds.append(time.process_time() - began)
    print(*seconds, scratch_s)


def _corrcoef_s(history: np.ndarray) -> float:  # type: ignore[type-arg]
    began = time.process_time()
    np.corrcoef(history, rowvar=False)
    return time.process_time() - began


if __name__ == "__main__":
    _pass()
