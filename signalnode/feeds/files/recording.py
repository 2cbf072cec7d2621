"""Recordings: EVENT rows as Parquet, one column a field, readable with any Parquet tool.

Written with zstd in row groups of bounded size; the file's metadata names the schema version, the market, the
venue and the depth band. A file without that metadata but with the right columns is read as well (any integer
and floating widths, timestamps for times): `kind`, a time, and the columns that its kinds use. Tables with
other columns are brought in by `tables.py`.

What is read passes the same sieve as a capture (`feeds/sieve.py`); a null is 0 for an integer, NaN for a
float. A file that is no recording, of another version, without one sound event, or over half of whose rows
are left out, is refused with DataError. A recording of another market is refused as
well: whoever means it names it as the `symbol`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.compiled import entry
from signalnode.errors import DataError
from signalnode.events import EVENT, Events, as_events
from signalnode.feeds import sieve
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.faults import EXAMPLES_MAX, Faults
from signalnode.feeds.files import arrow
from signalnode.feeds.files.columns import KINDS, VALUES
from signalnode.feeds.files.decoding import Gaps, Marks, Slice
from signalnode.feeds.files.tally import COSTLY, Order, Tally
from signalnode.feeds.venues.base import plain_symbol
from signalnode.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

VERSION = 1
METADATA_KEY = b"signalnode"
ROW_GROUP_ROWS = 131_072  # 11 MB of events: one is worked on while the next is being read
WRITING: dict[str, Any] = {  # measured: times as differences, prices without dictionaries: a third less room
    "compression": "zstd",
    "use_dictionary": ["kind", "aggressor_side"],
    "column_encoding": dict.fromkeys(("time_event_ns", "time_received_ns"), "DELTA_BINARY_PACKED"),
    "write_page_checksum": True,  # zstd alone gives back some spoilt pages as if they were sound
}
COLUMNS_SHOWN = 8  # of a table that is no recording
NAMES = EVENT.names or ()
_TIMES = ("time_received_ns", "time_event_ns")  # either stands in for the other


def write_recording(
    path: Path, events: Events, *, market: str, venue: str, depth_bps: float = DEPTH_BPS
) -> None:
    """Write `events`, shape (n,), dtype EVENT, as Parquet, whole or not at all. Raises DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = as_events(events)
    facts = {"version": VERSION, "market": market, "venue": venue, "depth_bps": depth_bps}
    arrays = [arrow.numbers(rows[name]) for name in NAMES]
    table = pa.table(arrays, names=list(NAMES), metadata={METADATA_KEY: json.dumps(facts)})
    try:
        with replacing(path) as draft:
            pq.write_table(table, draft, row_group_size=ROW_GROUP_ROWS, **WRITING)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}): check the directory and its space"
        ) from None


class RecordingDecoding:
    """The reading of some recordings, one row group at a time; see `decoding.Decoding`."""

    def __init__(self, paths: Sequence[Path], symbol: str, faults: Faults) -> None:
        self.faults = faults
        self.gaps: Gaps = []
        self.marks: Marks = []
        self._paths = paths
        self._symbol = symbol

    def slices(self) -> Iterator[Slice]:
        """All sound events, in order. Raises DataError."""
        reading = _OpenRecordings(self._paths, self._symbol, self.faults)
        kept = done = 0
        for where, group in reading.groups():
            rows = np.zeros(group.num_rows, EVENT)
            count = reading.sift_into(where, group, rows)
            kept, done = kept + count, done + group.num_rows
            yield Slice(rows[:count], done / max(1, reading.rows))
        reading.finish(kept)

    def gather(self) -> Events:
        """All sound events in one array, shape (n,), each written once. Raises DataError."""
        reading = _OpenRecordings(self._paths, self._symbol, self.faults)
        out, end = np.zeros(reading.rows, EVENT), 0
        for where, group in reading.groups():
            end += reading.sift_into(where, group, out[end : end + group.num_rows])
        reading.finish(end)
        return out[:end]


class _Place(NamedTuple):
    """Where a row group begins: the file, and the number of its first row there."""

    path: Path
    row: int


class _OpenRecordings:
    """Some recordings opened together: their row groups in order, and the sieve all rows go through."""

    def __init__(self, paths: Sequence[Path], symbol: str, faults: Faults) -> None:
        self._faults = faults
        self._files = [(path, _open(path, symbol)) for path in paths]
        self._state = sieve.new_state()
        self._tallies = [Tally(path, "rows") for path in paths]
        self._orders: list[Order] = []
        self.rows: int = sum(file.metadata.num_rows for _, file in self._files)

    def groups(self) -> Iterator[tuple[_Place, pa.Table]]:
        """Each row group, and where it stands: path, number of its first row. While one is worked on, the
        next is being read.
        """
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as ahead:
            for (path, file), tally in zip(self._files, self._tallies, strict=True):
                row = 0
                self._tally, self._order = tally, Order(path, file.metadata.num_rows)
                self._orders.append(self._order)
                coming = ahead.submit(_read_group, path, file, 0)
                for index in range(file.num_row_groups):
                    group = coming.result()
                    if index + 1 < file.num_row_groups:
                        coming = ahead.submit(_read_group, path, file, index + 1)
                    yield _Place(path, row), group
                    row += group.num_rows
                file.close()

    def sift_into(self, where: _Place, group: pa.Table, out: Events) -> int:
        """Copy a row group into `out`, of as many rows, the sound ones first; return how many those are."""
        columns = {name: _column(group, name) for name in NAMES}
        _check_values(where.path, group.column_names, columns["kind"])
        _rows_of_columns(out, *columns.values())
        codes = np.empty(len(out), np.uint8)
        kept = sieve.sift(out, self._state, codes)
        self._tally.add(len(out))
        self._order.add(where.row, codes)
        if codes.any():
            self._count(where, group, codes)
        return kept

    def _count(self, where: _Place, group: pa.Table, codes: npt.NDArray[np.uint8]) -> None:
        for code in np.unique(codes[codes > 0]).tolist():
            rows = np.flatnonzero(codes == code).tolist()
            for row in rows[:EXAMPLES_MAX]:
                values = [_column(group.slice(row, 1), name)[0] for name in NAMES]
                self._faults.add(
                    sieve.NAMES[code], f"{where.path}:row {where.row + row}: {sieve.describe(values, code)}"
                )
            self._faults.add(sieve.NAMES[code], count=len(rows[EXAMPLES_MAX:]))
            if code in COSTLY:
                self._tally.leave_out(sieve.NAMES[code], len(rows))

    def finish(self, kept: int) -> None:
        """Raise DataError where not one event was sound, or most of a file's rows were not."""
        if not kept:
            first = next(iter(self._faults.lines()), "it holds no row")
            files = ", ".join(str(path) for path, _ in self._files)
            raise DataError(f"{files}: no sound event in it ({first}): check how it was made")
        for tally, order in zip(self._tallies, self._orders, strict=True):
            tally.finish(self._faults)
            order.finish()


def _open(path: Path, symbol: str) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such recording: check `paths`") from None
    except (OSError, ValueError, pa.ArrowException) as error:  # a name that is no UTF-8
        raise _damaged(path, error) from None
    schema = file.schema_arrow
    _check_columns(path, schema)
    facts = _facts(path, schema.metadata or {})
    if facts.get("version", VERSION) != VERSION:
        raise DataError(
            f"{path}: recording of version {facts['version']}, this reads {VERSION}: record it anew"
        )
    market = str(facts.get("market") or symbol)
    if symbol and plain_symbol(market) != plain_symbol(symbol):
        raise DataError(
            f"{path}: recorded from {market}, not {symbol}: name the market so, or set "
            f"`symbol` (--symbol) to {market}"
        )
    return file


def _check_columns(path: Path, schema: pa.Schema) -> None:
    import pyarrow as pa

    if "kind" not in schema.names or not any(name in schema.names for name in _TIMES):
        raise DataError(
            f"{path}: not a recording: it lacks the columns kind and time_received_ns, it has "
            f"{', '.join(schema.names[:COLUMNS_SHOWN])}: `signalnode import` makes one of tables"
        )
    twice = [name for name in NAMES if schema.names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: not a recording: it has the columns {', '.join(twice)} twice")
    for name in (each for each in NAMES if each in schema.names):
        kind = schema.field(name).type
        is_right = pa.types.is_floating(kind) if EVENT[name].kind == "f" else pa.types.is_integer(kind)
        is_right = is_right or (name in _TIMES and pa.types.is_timestamp(kind))
        if not is_right:
            raise DataError(f"{path}: not a recording: column {name} is {kind}, not {EVENT[name].name}")


def _facts(path: Path, metadata: dict[bytes, bytes]) -> dict[str, Any]:
    try:
        facts = json.loads(metadata.get(METADATA_KEY, b"{}"))
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise DataError(f"{path}: its metadata is broken: record it anew")
    return facts


def _read_group(path: Path, file: pq.ParquetFile, index: int) -> pa.Table:
    import pyarrow as pa

    try:
        return file.read_row_group(index, columns=[name for name in NAMES if name in file.schema_arrow.names])
    except (OSError, ValueError, pa.ArrowException) as error:  # a name that is no UTF-8
        raise _damaged(path, error) from None


def _check_values(path: Path, names: Sequence[str], kinds: npt.NDArray[np.uint8]) -> None:
    """Raise DataError where there are rows of a kind without all its columns."""
    for word, kind in KINDS.items():
        lacks = [name for name in VALUES[kind] if name not in names]
        if lacks and (kinds == kind).any():
            raise DataError(f"{path}: it holds {word}, but lacks the columns {', '.join(lacks)}")


def _column(group: pa.Table, name: str) -> Any:
    """A column as EVENT has it; one that is not there is 0, a time the other time."""
    import pyarrow as pa

    if name not in group.column_names:
        if name in _TIMES:
            return _column(group, _TIMES[1 - _TIMES.index(name)])
        return np.zeros(group.num_rows, EVENT[name])
    column = group.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns"), safe=False).cast(pa.int64())
    if column.null_count:
        column = column.fill_null(float("nan") if EVENT[name].kind == "f" else 0)
    values = _numbers(column)
    if values.dtype.itemsize > EVENT[name].itemsize:  # cut to 8 bits, a kind of 257 would be a trade
        there, here = np.iinfo(values.dtype), np.iinfo(EVENT[name])
        values = np.clip(values, max(there.min, here.min), min(there.max, here.max))
    return values.astype(EVENT[name], copy=False)


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Numbers of which none is missing. Arrow's own `to_numpy` imports pandas where that is installed, which
    takes longer than most recordings.
    """
    parts = [np.from_dlpack(chunk) for chunk in column.chunks]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, np.int8)


def rows_of_group(group: pa.Table) -> Events:
    """The rows of a table whose columns are those of EVENT, as they are."""
    rows = np.empty(group.num_rows, EVENT)
    _rows_of_columns(rows, *(_column(group, name) for name in NAMES))
    return rows


@entry(out=EVENT, **{name: EVENT[name] for name in NAMES})
def _rows_of_columns(  # noqa: PLR0917 - compiled code takes no keywords
    out: Events,
    time_event_ns: Any,
    time_received_ns: Any,
    kind: Any,
    aggressor_side: Any,
    price: Any,
    size: Any,
    bid: Any,
    bid_size: Any,
    ask: Any,
    ask_size: Any,
    bid_depth: Any,
    ask_depth: Any,
) -> None:
    """Write columns, each of shape (n,), into rows; a third of the time that a copy a column takes."""
    for i in range(out.shape[0]):
        row = out[i]
        row.time_event_ns, row.time_received_ns = time_event_ns[i], time_received_ns[i]
        row.kind, row.aggressor_side = kind[i], aggressor_side[i]
        row.price, row.size = price[i], size[i]
        row.bid, row.bid_size, row.ask, row.ask_size = bid[i], bid_size[i], ask[i], ask_size[i]
        row.bid_depth, row.ask_depth = bid_depth[i], ask_depth[i]


def _damaged(path: Path, error: Exception) -> DataError:
    first_line = str(error).partition("\n")[0]
    return DataError(f"{path}: cannot be read as Parquet ({first_line}): check the file")
