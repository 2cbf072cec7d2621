"""What a benchmark reports: one row a figure, beside a reference measured in the same minutes.

Only the ratio of the two has a limit. An absolute figure depends on the machine and on who else works there:
it may be aimed at, and is shown, but nothing fails over it.
"""

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
    """One figure and its reference; NaN where there is none, and for a limit that is not set."""

    what: str
    measured: float
    unit: str
    reference: str = ""
    reference_value: float = math.nan
    at_least: float = math.nan  # of the ratio
    at_most: float = math.nan  # of the ratio
    aim: str = ""  # what the figure should be on a free machine

    @property
    def ratio(self) -> float:
        """Measured over reference."""
        return self.measured / self.reference_value if self.reference_value else math.nan

    @property
    def target(self) -> str:
        """What the ratio is held to."""
        limits = (("≥", self.at_least), ("≤", self.at_most))
        return " and ".join(f"{sign} {limit:g}" for sign, limit in limits if not math.isnan(limit))

    @property
    def met(self) -> bool:
        """Whether no limit is missed; where there is no ratio, a limit is."""
        above = math.isnan(self.at_least) or self.ratio >= self.at_least
        return above and (math.isnan(self.at_most) or self.ratio <= self.at_most)


def medians_s(
    contenders: dict[str, Callable[[], object]],
    runs: int = RUNS,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Median time of each in seconds, of the processor unless another clock is given.

    They take turns, so that a busy minute falls on all alike; a first run of each does not count.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(1 + runs):
        for name, run in contenders.items():
            started = clock()
            run()
            times[name].append(clock() - started)
    return {name: statistics.median(seconds[1:]) for name, seconds in times.items()}


def print_table(title: str, rows: Iterable[Row]) -> list[Row]:
    """Print the rows to a width that fits a log; returns them."""
    table = Table(title=title, title_justify="left", width=140)
    for heading in ("what", "measured", "beside it", "ratio", "target", "", "aim"):
        table.add_column(heading, justify="right" if heading in ("measured", "ratio") else "left")
    kept = []
    for row in rows:
        kept.append(row)
        reference = f"{_figure(row.reference_value)} {row.reference}" if row.reference else ""
        ratio = "" if math.isnan(row.ratio) else f"{row.ratio:.3g}"
        verdict = "" if not row.target else "met" if row.met else "MISSED"
        measured = f"{_figure(row.measured)} {row.unit}"
        table.add_row(row.what, measured, reference, ratio, row.target, verdict, row.aim)
    Console(width=140).print(table)
    return kept


def _figure(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
