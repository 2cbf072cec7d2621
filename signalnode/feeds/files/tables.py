"""Tables of trades, quotes and depth as events: pandas and polars DataFrames, Arrow tables, dicts of columns.

A table becomes an Arrow table, its columns are found by name (`columns.py`) and read by type (`cells.py`).
Then the events of all tables are put in order of their time received, trades before the quotes of the same
instant, and pass the sieve of all files (`feeds/sieve.py`). What that leaves out, and rows that were not in
order, are told with their table and row; tables most of whose rows are left out are refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.errors import DataError
from signalnode.events import EVENT, TRADE, UNIT_NS, Events, join_events
from signalnode.feeds import sieve
from signalnode.feeds.faults import EXAMPLES_MAX, DataWarning, Faults
from signalnode.feeds.files.cells import (
    Column,
    first_line,
    floats,
    plain_text,
    sides,
    sides_of_makers,
    times_ns,
)
from signalnode.feeds.files.columns import (
    KINDS,
    TIMES,
    VALUES,
    check_named,
    check_roles,
    find_columns,
    unit_in,
)
from signalnode.feeds.files.tally import COSTLY, Tally
from signalnode.feeds.venues.base import plain_symbol

if TYPE_CHECKING:
    import pyarrow as pa

SYMBOLS_SHOWN = 5  # of those that a refused table holds
_KIND_WORDS = {"1": 1, "trade": 1, "trades": 1, "2": 2, "quote": 2, "quotes": 2, "3": 3, "depth": 3}


class Source(NamedTuple):
    """Events of one kind from one table, in its order, with the row that each came from."""

    name: str  # for lines that tell of it: "trades", or a file
    events: Events
    rows: npt.NDArray[np.int64]


def events_from(
    *,
    trades: Any = None,
    quotes: Any = None,
    depth: Any = None,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
) -> Events:
    """Events of one market, shape (n,), dtype EVENT, in time order, of tables: at least one of the three.

    A table is a pandas or polars DataFrame, an Arrow table, or a mapping of columns, which are found by their
    usual names; others are named by `columns`, for example `{"price": "px", "time": "when"}`. The roles are
    `time` (or `time_event` at the venue and `time_received` here), `price`, `size`, `side` (who took) or
    `buyer_is_maker`, `bid`, `bid_size`, `ask`, `ask_size`, `bid_depth`, `ask_depth`, `symbol`. Times go by
    their dtype, and are UTC without a zone; whole numbers need the `unit` they count in, "s", "ms", "us" or
    "ns", unless the column's name ends in it.

    Raises DataError for a table or column that cannot be used, EventTimeError for a time that cannot be;
    warns with DataWarning of rows that were not in order, of those left out, and of a table without any.
    """
    given = {"trades": trades, "quotes": quotes, "depth": depth}
    tables = {name: as_table(name, table) for name, table in given.items() if table is not None}
    if not tables:
        raise DataError("no table: give trades, quotes or depth")
    reading = Reading(dict(columns or {}), unit)
    if unit is not None and unit not in UNIT_NS:
        raise DataError(f"unit: {unit!r} is no unit of time; one of {', '.join(UNIT_NS)}")
    check_roles(reading.named)
    check_named(reading.named, [table.column_names for table in tables.values()])
    faults = Faults()
    sources = [source_of(name, table, KINDS[name], reading) for name, table in tables.items()]
    for name in {id(table): name for name, table in reversed(given.items()) if table is not None}.values():
        tell_of_void(name, void_rows(name, tables[name], reading), faults)
    events = merge(sources, faults)
    empty = [f"{name}: the table holds no row" for name, table in tables.items() if not table.num_rows]
    for told in (*empty, *faults.lines()):
        warnings.warn(told, DataWarning, stacklevel=2)
    return events


def as_table(name: str, table: Any) -> pa.Table:
    """`table` as an Arrow table, the index of a pandas DataFrame among its columns. Raises DataError."""
    import pyarrow as pa

    try:
        if hasattr(table, "iloc") and hasattr(table, "columns"):
            table = pa.Table.from_pandas(table)
        elif isinstance(table, Mapping) or hasattr(table, "__arrow_c_stream__"):
            table = pa.table(table)
        elif isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        if isinstance(table, pa.Table):
            return pa.table([plain_text(each) for each in table.columns], names=table.column_names)
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise DataError(f"{name}: cannot be read as a table ({first_line(error)})") from None
    raise DataError(
        f"{name}: a {type(table).__name__} is no table; give a pandas or polars DataFrame, or an Arrow table"
    )


class Reading(NamedTuple):
    """How tables are to be read: roles of columns that are named, the unit of times, the market's symbol."""

    named: Mapping[str, str] = MappingProxyType({})
    unit: str | None = None
    symbol: str = ""


def source_of(name: str, table: pa.Table, kind: int, reading: Reading) -> Source:
    """The rows of `kind` in `table` as events, in its order. Raises DataError and EventTimeError."""
    import pyarrow as pa

    try:
        return _source_of(name, table, kind, reading)
    except pa.ArrowException as error:  # text that is no UTF-8, say
        raise DataError(f"{name}: cannot be read ({first_line(error)})") from None


def _source_of(name: str, table: pa.Table, kind: int, reading: Reading) -> Source:
    found = roles_of(table, reading)
    lacks = [role for role in VALUES[kind] if role not in found]
    if not any(role in found for role in TIMES):
        lacks = ["time", *lacks]
    if lacks:
        raise DataError(
            f"{name}: no column for {', '.join(lacks)} among {', '.join(table.column_names)}: "
            f'name it, columns={{"{lacks[0]}": …}} (--columns {lacks[0]}=…)'
        )
    wanted = rows_of_market(name, table, reading) & _rows_of_kind(table, kind, found)
    rows = np.flatnonzero(wanted)
    if len(rows) < table.num_rows:
        table = table.filter(wanted)
    cells_of = {
        role: Column(table[column], f"{name}: column {column}", rows) for role, column in found.items()
    }
    events = np.zeros(len(rows), EVENT)
    events["kind"] = kind
    times_into(events, name, table, reading, rows)
    for role in VALUES[kind]:
        events[role] = floats(cells_of[role])
    if kind == TRADE and "side" in found:
        events["aggressor_side"] = sides(cells_of["side"])
    elif kind == TRADE and "buyer_is_maker" in found:
        events["aggressor_side"] = sides_of_makers(cells_of["buyer_is_maker"])
    return Source(name, events, rows)


def roles_of(table: pa.Table, reading: Reading) -> dict[str, str]:
    """The column of each role; the time's is the only one of timestamps, where none is called so."""
    import pyarrow as pa

    found = find_columns(table.column_names, reading.named)
    stamps = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    if len(stamps) == 1 and not any(role in found for role in TIMES):
        found["time"] = stamps[0]
    return found


def rows_of_market(name: str, table: pa.Table, reading: Reading) -> npt.NDArray[np.bool_]:
    """Which rows are of the market; all, where the table tells none. Raises DataError where it is not one."""
    import pyarrow.compute as pc

    column = roles_of(table, reading).get("symbol")
    symbols = [str(each) for each in pc.unique(table[column]).to_pylist()] if column else []
    symbol = plain_symbol(reading.symbol)
    ours = [each for each in symbols if not symbol or plain_symbol(each) == symbol]
    if len(ours) > 1 or (symbols and not ours):
        shown = ", ".join(sorted(symbols)[:SYMBOLS_SHOWN])
        if len(symbols) == 1:
            raise DataError(f"{name}: holds {shown}, not {reading.symbol}: --symbol {shown} means it")
        raise DataError(f"{name}: holds {shown}: keep the rows of one market, or name it (--symbol)")
    if len(symbols) <= 1:
        return np.ones(table.num_rows, np.bool_)
    wanted: npt.NDArray[np.bool_] = (
        pc.equal(table[column].cast("string"), ours[0]).fill_null(False).to_numpy()
    )
    return wanted


def _rows_of_kind(table: pa.Table, kind: int, found: Mapping[str, str]) -> npt.NDArray[np.bool_]:
    """Which rows are of this kind: by the column that tells it, and those with at least one of its values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = np.ones(table.num_rows, np.bool_)
    values = [table[found[role]] for role in VALUES[kind]]
    if all(column.null_count for column in values):
        wanted &= ~np.all([column.is_null().to_numpy() for column in values], axis=0)
    if "kind" in found:
        words = table[found["kind"]].cast("string").fill_null("")
        ours = [word for word in pc.unique(words).to_pylist() if _KIND_WORDS.get(word.lower()) == kind]
        wanted &= pc.is_in(words, pa.array(ours, pa.string())).to_numpy()
    return wanted


def void_rows(name: str, table: pa.Table, reading: Reading) -> npt.NDArray[np.int64]:
    """The numbers of the market's rows that are of no kind: a row of a table goes by what it holds."""
    found = roles_of(table, reading)
    void = rows_of_market(name, table, reading)
    for kind, roles in VALUES.items():
        if all(role in found for role in roles):
            void &= ~_rows_of_kind(table, kind, found)
    return np.flatnonzero(void)


def tell_of_void(name: str, rows: npt.NDArray[np.int64], faults: Faults) -> None:
    """Count rows that are of no kind, which no source has."""
    for row in rows[:EXAMPLES_MAX].tolist():
        faults.add("row_void", f"{name}:row {row}: no trade, quote or depth")
    if len(rows) > EXAMPLES_MAX:
        faults.add("row_void", count=len(rows) - EXAMPLES_MAX)


def times_into(
    events: Events, name: str, table: pa.Table, reading: Reading, rows: npt.NDArray[np.int64]
) -> None:
    """Write the times of `table`, whose rows are those numbered `rows`, into as many events. Kernel time is
    the time received, where that is known.
    """
    found = roles_of(table, reading)
    times = {
        role: times_ns(
            Column(table[found[role]], f"{name}: column {found[role]}", rows),
            reading.unit or unit_in(found[role]) or None,
        )
        for role in TIMES
        if role in found
    }
    received = next(times[role] for role in ("time_received", "time", "time_event") if role in times)
    at_venue = next(times[role] for role in ("time_event", "time", "time_received") if role in times)
    events["time_received_ns"], events["time_event_ns"] = received, at_venue


def merge(sources: list[Source], faults: Faults) -> Events:
    """All events in order of time received, without what the sieve leaves out; `faults` tell of that.

    Raises DataError where most of a source is left out.
    """
    for source in sources:
        _tell_of_order(source, faults)
    events = join_events([source.events for source in sources])
    if not len(events):
        return events
    order = np.argsort(events["time_received_ns"], kind="stable")
    if len(sources) > 1 or faults.counts:
        events = events[order]
    codes = np.empty(len(events), np.uint8)
    kept = sieve.sift(events, sieve.new_state(), codes)
    starts = np.cumsum([0, *(len(source.events) for source in sources)])
    tallies = [Tally(Path(source.name), "rows") for source in sources]
    for tally, source in zip(tallies, sources, strict=True):
        tally.add(len(source.events))
    for at in np.flatnonzero(codes).tolist():
        place = int(order[at])
        number = int(np.searchsorted(starts, place, side="right")) - 1
        name, code = sieve.NAMES[codes[at]], int(codes[at])
        source, place = sources[number], place - int(starts[number])
        where = ""
        if faults.wants_example(name):
            told = sieve.describe(source.events[place].tolist(), code)
            where = f"{source.name}:row {source.rows[place]}: {told}"
        faults.add(name, where)
        if code in COSTLY:
            tallies[number].leave_out(name)
    for tally in tallies:
        tally.finish(faults)
    return events[:kept]


def _tell_of_order(source: Source, faults: Faults) -> None:
    times_ns = source.events["time_received_ns"]
    early = np.flatnonzero(times_ns[1:] < times_ns[:-1]) + 1
    for at in early[:EXAMPLES_MAX].tolist():
        where = f"{source.name}:row {source.rows[at]}: of an earlier time than the row before it"
        faults.add("put_in_order", where)
    if len(early) > EXAMPLES_MAX:
        faults.add("put_in_order", count=len(early) - EXAMPLES_MAX)
