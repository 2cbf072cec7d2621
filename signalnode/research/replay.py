"""Scores of a whole recording into one file, Parquet or CSV. The scoring itself comes in as a function.

`status` is what a live engine that plays the same files would say at each row, by the same rules: `stale`
while a channel is silent by this market's own standard (`feeds/health.py`), else `degraded` while the book of
a capture lacks updates (and gives no depth for that reason), else `live` once the baseline window was seen,
and `warming` before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.bus.wire import STATUSES
from signalnode.errors import DataError
from signalnode.events import EVENT, Events, join_events, join_rows
from signalnode.feeds import ChannelHealth
from signalnode.feeds.files import arrow
from signalnode.feeds.files.decoding import Decoding, in_gap
from signalnode.files import replacing
from signalnode.scores import UNKNOWN, names_in

CSV_SUFFIX = ".csv"
ROWS_PER_GROUP = 65_536  # of a Parquet file: what is held before it is written, 6 MB

Score = Callable[[Events], npt.NDArray[Any]]  # events in, rows out: time_ns, mid, the scores, warm, unknown
Progress = Callable[[int, float], None]  # rows so far, fraction of the recordings done


def write_scores(score: Score, decoding: Decoding, out: Path, progress: Progress | None = None) -> int:
    """Score the events of some files, slice by slice, into the file `out`; returns the rows written.

    Columns: `time_ns` (ns since 1970, kernel time), `mid` (quote currency), the scores (0 to 100), `warm` (0
    to 1), `status`, `unknown` (the scores that rest on nothing and read 50, a space between two). It is CSV
    where its name ends in `.csv`, else Parquet, and appears whole or not at all.
    Raises DataError where it cannot be written, and whatever reading and scoring raise.
    """
    health = ChannelHealth()
    rows = 0
    try:
        is_csv = out.suffix.lower() == CSV_SUFFIX
        with replacing(out) as draft, contextlib.closing(_File(draft, is_csv)) as file:
            for events, done in whole_instants(decoding.slices()):
                table = score(events)
                times_ns = table["time_ns"]
                degraded = in_gap(decoding.gaps, times_ns)
                file.add(table, health.observe_with_statuses(events, times_ns, degraded, table["warm"]))
                rows += len(table)
                if progress:
                    progress(rows, done)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise DataError(f"{out}: cannot be written ({reason}); choose another --out") from None
    return rows


def whole_instants(slices: Iterable[tuple[Events, float]]) -> Iterator[tuple[Events, float]]:
    """The same events in other slices: no two share an instant, so a score at it knows all its events."""
    held, done = np.zeros(0, EVENT), 0.0
    for events, fraction in slices:
        same = 0
        if len(held):
            same = int(np.searchsorted(events["time_received_ns"], held["time_received_ns"][0], side="right"))
            held = join_events([held, events[:same]])
        if same == len(events):
            done = fraction
            continue
        if len(held):
            yield held, done
        times = events["time_received_ns"]
        last = int(np.searchsorted(times, times[-1]))
        if last > same:
            yield events[same:last], fraction
        held, done = events[max(last, same) :].copy(), fraction
    yield held, done


class _File:
    """A file that grows by whole row groups; its columns are those of the first table."""

    def __init__(self, path: Path, is_csv: bool) -> None:
        self._path = path
        self._is_csv = is_csv
        self._writer: Any = None
        self._open = contextlib.ExitStack()
        self._held: list[npt.NDArray[Any]] = []
        self._statuses: list[npt.NDArray[np.uint8]] = []
        self._rows = 0

    def add(self, table: npt.NDArray[Any], statuses: npt.NDArray[np.uint8]) -> None:
        """Take some rows, and the status of each as its place in STATUSES, shape (rows,)."""
        self._held.append(table)
        self._statuses.append(statuses)
        self._rows += len(table)
        if self._rows >= ROWS_PER_GROUP:
            self._write()

    def close(self) -> None:
        """Write what is held, and the footer."""
        with self._open:
            if self._held:
                self._write()

    def _write(self) -> None:
        batch = _batch(join_rows(self._held), np.concatenate(self._statuses))
        self._held, self._statuses, self._rows = [], [], 0
        if self._writer is None:
            begin = _begin_csv if self._is_csv else _begin_parquet
            self._writer = begin(self._path, batch.schema, self._open)
        self._writer.write_table(batch, ROWS_PER_GROUP)


def _begin_csv(path: Path, schema: Any, open_files: contextlib.ExitStack) -> Any:
    """A writer of CSV behind a line of names, which Arrow's own writer would put in quotes."""
    from pyarrow import csv

    file = open_files.enter_context(path.open("wb"))
    file.write(",".join(schema.names).encode() + b"\n")
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    return open_files.enter_context(csv.CSVWriter(file, schema, write_options=options))


def _begin_parquet(path: Path, schema: Any, open_files: contextlib.ExitStack) -> Any:
    import pyarrow.parquet as pq

    # Hardly two scores are equal: building a dictionary of them took 70% of the writing.
    encoding = dict.fromkeys(schema.names[1:-2], "BYTE_STREAM_SPLIT")
    return open_files.enter_context(
        pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            use_dictionary=["status", UNKNOWN],
            column_encoding={"time_ns": "DELTA_BINARY_PACKED", **encoding},
        )
    )


def _batch(table: npt.NDArray[Any], statuses: npt.NDArray[np.uint8]) -> Any:
    """An Arrow table of the same columns, with `status` and the names of the unknown behind them."""
    import pyarrow as pa

    names = [name for name in table.dtype.names or () if name != UNKNOWN]
    arrays = [arrow.numbers(table[name]) for name in names]
    status = pa.DictionaryArray.from_arrays(arrow.numbers(statuses), arrow.words(STATUSES))
    different, place = np.unique(table[UNKNOWN], return_inverse=True)
    told = [" ".join(names_in(bits, names[2:-1])) for bits in different.tolist()]
    unknown = pa.DictionaryArray.from_arrays(arrow.numbers(place.astype(np.int32)), arrow.words(told))
    behind = [each.cast(pa.string()) for each in (status, unknown)]
    return pa.table([*arrays, *behind], names=[*names, "status", UNKNOWN])
