"""Tables of files as events: what each was taken for, so that it can be said; `tables.py` merges them.

Two vendors' layouts are known (`sheets.py`), so their times need no unit. What only looks like trades is
refused: bars, and Tardis' `liquidations`, which their files' names alone tell from trades. `book_snapshot_5`
and `_25` give quotes and depth, `incremental_book_L2` those of the book that is kept from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.errors import DataError
from signalnode.events import unit_of
from signalnode.feeds.files.cells import first_line
from signalnode.feeds.files.columns import KINDS, SIDES, TIMES, VALUES, check_named, lacking_fault, plain
from signalnode.feeds.files.levels import has_changes, level_columns, sources_of_changes, sources_of_images
from signalnode.feeds.files.sheets import TARDIS, Sheet, sheets_in
from signalnode.feeds.files.tables import Reading, Source, roles_of, source_of, void_rows
from signalnode.feeds.venues.base import plain_symbol

if TYPE_CHECKING:
    import pyarrow as pa

BARS = frozenset({"open", "high", "low", "close"})
COUNTED = frozenset({"time", "timestamp", "transacttime", "transactiontime"})  # times of the vendors known
_NAME = re.compile(r"(?:^|[/:])([A-Z0-9_]+)-(?:trades|aggTrades|bookTicker)-\d{4}-")


class Understood(NamedTuple):
    """One table of a file: its name, what it was taken for, and the events that gives."""

    name: str
    what: str
    symbol: str  # as it is called there; "" where that is not told
    columns: tuple[str, ...]
    sources: list[Source]
    void: npt.NDArray[np.int64]  # numbers of the rows that are of no kind


def tables_in(path: Path, reading: Reading, kinds: tuple[str, ...]) -> Iterator[Understood]:
    """Every table in a file, read; of `kinds` ("trades", "quotes", "depth") alone, if there are any.

    Raises DataError for what cannot be read or is no such table, EventTimeError for a time that cannot be.
    """
    import pyarrow as pa

    if not path.is_file():
        raise DataError(f"{path}: there is no such file; mend the path")
    for sheet in sheets_in(path, reading):
        try:
            yield _understand(sheet, reading, kinds)
        except pa.ArrowException as error:
            raise DataError(f"{sheet.name}: cannot be read ({first_line(error)})") from None


def _understand(sheet: Sheet, reading: Reading, kinds: tuple[str, ...]) -> Understood:
    name, vendor, names, table = sheet
    if not table.num_rows:
        raise DataError(f"{name}: holds no row")
    reading = reading._replace(unit=reading.unit or _unit_of(table, vendor))
    _refuse_what_only_looks_like_it(sheet)
    found = roles_of(table, reading)
    symbol = _symbol_of(sheet, found.get("symbol"), reading)
    if vendor == TARDIS and has_changes(names):
        sources = sources_of_changes(name, table, reading)
        what = (
            f"{len(sources[0].events):,} quotes and depth of {table.num_rows:,} changes, as Tardis has them"
        )
        return Understood(name, what, symbol, names, sources, np.zeros(0, np.int64))
    there = [each for each in kinds or KINDS if all(role in found for role in VALUES[KINDS[each]])]
    sources = [source_of(name, table, KINDS[each], reading) for each in there]
    if "depth" in (kinds or KINDS) and "depth" not in there and level_columns(table):
        sources += sources_of_images(name, table, reading)
        there.append("depth")
    if not there:
        check_named(reading.named, [names])
        raise DataError(f"{name}: {lacking_fault(names, found, kinds or tuple(KINDS))}")
    roles = (*TIMES, *(role for each in there for role in VALUES[KINDS[each]]), *SIDES)
    columns = ", ".join(f"{role}={found[role]}" for role in roles if role in found)
    counts = [f"{len(source.events):,} {each}" for each, source in zip(there, sources, strict=True)]
    if "trades" in there and not any(role in found for role in SIDES):
        columns += ", no column of who took: sides unknown"
    what = (
        f"{' and '.join(counts)} ({columns}{f', times in {reading.unit}' if _counts(table, found) else ''})"
    )
    what = f"{what}, as {vendor} has them" if vendor else what
    return Understood(name, what, symbol, names, sources, void_rows(name, table, reading))


def _counts(table: pa.Table, found: Mapping[str, str]) -> bool:
    """Whether the times of a table are numbers, which count in a unit."""
    import pyarrow as pa

    kinds = [table.schema.field(found[role]).type for role in TIMES if role in found]
    return any(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)


def _refuse_what_only_looks_like_it(sheet: Sheet) -> None:
    plains = {plain(each) for each in sheet.names}
    if plains >= BARS:
        raise DataError(f"{sheet.name}: holds bars (open, high, low, close), and no trades or quotes")
    if sheet.vendor == TARDIS and "liquidations" in Path(sheet.name).name:
        raise DataError(f"{sheet.name}: holds liquidations, not all trades: take the file of trades")


def _symbol_of(sheet: Sheet, column: str | None, reading: Reading) -> str:
    """What the market is called there: in its column, or in a file's name as Binance gives it, BTCUSDT of
    `BTCUSDT-trades-2024-08-08.zip`. Raises DataError where that is another than the one asked for.
    """
    if column:
        return reading.symbol or str(sheet.table[column][0])
    found = _NAME.search(sheet.name)
    if found and reading.symbol and plain_symbol(found[1]) != plain_symbol(reading.symbol):
        raise DataError(
            f"{sheet.name}: is of {found[1]} by its name, not {reading.symbol}: --symbol {found[1]} means it"
        )
    return reading.symbol or (found[1] if found else "")


def _unit_of(table: pa.Table, vendor: str) -> str | None:
    """The unit that a known vendor counts times in, by the size of the first one."""
    import pyarrow as pa

    if not vendor:
        return None
    for name in table.column_names:
        is_number = plain(name) in COUNTED and pa.types.is_integer(table[name].type)
        if is_number and (first := table[name][0].as_py()) is not None:
            return unit_of(first) or None
    return None
