"""What a benchmark reports: one row a figure, beside a reference measured in the same minute."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

RUNS = 5  # a figure is the median of at least as many


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. `ratio` is what `target` speaks of; NaN where there is nothing to compare with."""

    what: str
    measured: float
    unit: str
    reference: str = ""
    reference_value: float = float("nan")
    ratio: float = float("nan")
    target: str = ""
    met: bool = True


def median_s(run: Callable[[], object], runs: int = RUNS) -> float:
    """Median wall time of `run`, in seconds, after one run that does not count."""
    run()
    return statistics.median(_timed(run) for _ in range(runs))


def medians_s(contenders: dict[str, Callable[[], object]], runs: int = RUNS) -> dict[str, float]:
    """Median wall time of each, in seconds; they take turns, so that a busy minute falls on all alike."""
    for run in contenders.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, run in contenders.items():
            times[name].append(_timed(run))
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def print_table(title: str, rows: Iterable[Row]) -> list[Row]:
    """Print the rows as they come to a width that fits a log; returns them."""
    table = Table(title=title, title_justify="left", width=132)
    for heading in ("what", "measured", "beside it", "ratio", "target", ""):
        table.add_column(heading, justify="right" if heading in ("measured", "ratio") else "left")
    kept = []
    for row in rows:
        kept.append(row)
        reference = f"{_figure(row.reference_value)} {row.reference}" if row.reference else ""
        ratio = f"{row.ratio:.3g}" if not math.isnan(row.ratio) else ""
        verdict = "" if not row.target else "met" if row.met else "MISSED"
        table.add_row(row.what, f"{_figure(row.measured)} {row.unit}", reference, ratio, row.target, verdict)
    Console(width=132).print(table)
    return kept


def _figure(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
