"""Scores of other code on the same recordings, to hold those of this code against.

The environment variable BENCH_BEFORE names a folder of what `signalnode replay` of that code wrote: a file a
recording, called as it is, SYMBOL_DAY.parquet.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tests.benchmarks.days import Day

FOLDER = "BENCH_BEFORE"


def is_at_hand() -> bool:
    """Whether there is anything to hold against."""
    return bool(os.environ.get(FOLDER))


def scores_before(day: Day) -> Any | None:
    """The newest scores at each time of the day's grid, a row each; None where there are none."""
    wanted = day.name.replace(" ", "_").lower()
    folder = Path(os.environ.get(FOLDER, ""))
    found = [each for each in folder.glob("*.parquet") if each.stem.lower() == wanted] if is_at_hand() else []
    if not found:
        return None
    columns = pq.read_table(found[0]).to_pydict()
    times = np.array(columns.pop("time_ns"), np.int64)
    places = np.maximum(np.searchsorted(times, day.grid, side="right") - 1, 0)
    numbers = {name: np.array(values) for name, values in columns.items()}
    kept = {name: values for name, values in numbers.items() if values.dtype.kind == "f"}
    table = np.zeros(len(day.grid), [(name, "<f8") for name in kept])
    for name, values in kept.items():
        table[name] = values[places]
    return table
