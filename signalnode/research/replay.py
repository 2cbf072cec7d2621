"""Scores of a whole recording into one Parquet file. The scoring itself comes in as a function."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.errors import DataError
from signalnode.events import Events

EVENTS_PER_CHUNK = 1_000_000  # 96 MB of events; a chunk's scores are written before the next one is computed
ROWS_PER_GROUP_MAX = 262_144  # of the Parquet file, 21 MB each

Score = Callable[[Events], npt.NDArray[Any]]  # events in, rows out: time_ns, mid, the scores, warm
Progress = Callable[[int, int], None]  # events done, events in all


def write_scores(score: Score, events: Events, out: Path, progress: Progress | None = None) -> int:
    """Score `events` chunk by chunk into the Parquet file `out`; returns the number of rows.

    Columns: `time_ns`, `mid`, the scores, `warm`, `status` (`warming` until the baseline window was seen,
    then `live`). The file appears whole or not at all. Raises DataError where it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    partial = out.with_name(out.name + ".partial")
    rows = 0
    try:
        with contextlib.ExitStack() as open_files:
            writer: Any = None
            for table in _tables(score, events, progress):
                batch = _batch(pa, table)
                if writer is None:
                    writer = open_files.enter_context(
                        pq.ParquetWriter(partial, batch.schema, compression="zstd")
                    )
                writer.write_table(batch, row_group_size=ROWS_PER_GROUP_MAX)
                rows += len(table)
        partial.replace(out)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise DataError(f"{out}: cannot be written ({reason}); choose another --out") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return rows


def _tables(score: Score, events: Events, progress: Progress | None) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, max(len(events), 1), EVENTS_PER_CHUNK):
        chunk = events[start : start + EVENTS_PER_CHUNK]
        yield score(chunk)
        if progress:
            progress(start + len(chunk), len(events))


def _batch(pa: Any, table: npt.NDArray[Any]) -> Any:
    """An Arrow table of the same columns, and `status` behind them."""
    names = table.dtype.names or ()
    arrays = [pa.array(np.ascontiguousarray(table[name])) for name in names]
    codes = (table["warm"] >= 1.0).astype(np.int8)
    status = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(["warming", "live"]))
    return pa.table([*arrays, status.cast(pa.string())], names=[*names, "status"])
