"""Files of tables, CSV or Parquet, as Arrow tables.

A CSV file may be packed (gzip, xz, zstd, or a zip archive of several), begin with a byte order mark or with
lines of `#`, and be cut by commas, semicolons, tabs or bars; without commas between, they may stand in its
numbers, for points. Two vendors' layouts are known:

- Tardis ("Downloadable CSV files", docs.tardis.dev): its tables begin with the columns `exchange`, `symbol`,
  `timestamp` and `local_timestamp`, and count times in microseconds.
- Binance ("Binance Public Data", github.com/binance/binance-public-data): `trades`, `aggTrades` and
  `bookTicker`, with a line of names or, as spot has them, without. Times are in milliseconds, of spot from
  2025 on in microseconds.

Any other table needs a line of names. Rows count from 0, the first below the names.
"""

from __future__ import annotations

import csv
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from signalnode.errors import DataError
from signalnode.events import unit_of
from signalnode.feeds.files.cells import first_line
from signalnode.feeds.files.columns import KINDS, SIDES, TIMES, VALUES, lacking_fault, plain
from signalnode.feeds.files.levels import IS_SNAPSHOT
from signalnode.feeds.files.lines import BYTE_ORDER_MARK, GZIP_MAGIC, XZ_MAGIC, ZIP_MAGIC, ZSTD_MAGIC
from signalnode.feeds.files.loading import is_parquet
from signalnode.feeds.files.tables import Reading, as_table, roles_of

if TYPE_CHECKING:
    import pyarrow as pa

SNIFF_BYTES = 65_536  # of a file, in which its first row must end
MEMBERS_MAX = 1_000  # files of one zip archive
DELIMITERS = ",;\t|"
TARDIS, BINANCE = "Tardis", "Binance"
NO_TABLES = {  # by how a file begins
    b"<": "is a page of HTML or XML, no table: was a download refused?",
    b"{": "is JSON, no table: `signalnode replay` takes raw frames of a venue as they are, with --venue",
}
TRUTHS = frozenset({"true", "false"})
NO_NUMBER = "write plain numbers like 2499.72, without signs of a currency or of thousands"
BAR_CELLS = (11, 12)  # of a row of Binance's klines

# Binance's tables without names, by their first row: cells, those that are true or false, and times.
_Shape = tuple[int, tuple[int, ...], tuple[int, ...]]
_BINANCE: dict[_Shape, tuple[str, ...]] = {
    (7, (5, 6), (4,)): ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"),
    (6, (5,), (4,)): ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker"),
    (8, (6, 7), (5,)): ("id", "price", "qty", "first", "last", "transact_time", "is_buyer_maker", "is_best"),
    (7, (6,), (5,)): ("id", "price", "qty", "first", "last", "transact_time", "is_buyer_maker"),
    (7, (), (5, 6)): (
        *("update_id", "best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty"),
        *("transaction_time", "event_time"),
    ),
}
_DECIMAL_COMMA = re.compile(r"[+-]?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+")
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class Sheet(NamedTuple):
    """One table of a file, with those of its columns that have a role; `vendor` is TARDIS, BINANCE or ""."""

    name: str
    vendor: str
    names: tuple[str, ...]  # of all columns
    table: pa.Table


class _Form(NamedTuple):
    """How a CSV file is written."""

    skip: int  # lines before the first row
    delimiter: str
    names: tuple[str, ...]
    has_names: bool  # whether the first row holds them
    vendor: str
    decimal_point: str = "."


def sheets_in(path: Path, reading: Reading) -> Iterator[Sheet]:
    """Every table in a file. Raises DataError for what cannot be read."""
    if is_parquet(path):
        table = _parquet(path)
        names = tuple(table.column_names)
        yield Sheet(str(path), _vendor(names), names, table)
        return
    for name, open_member in _members(path):
        yield _read_csv(name, open_member, reading)


def _parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return as_table(str(path), pq.read_table(path))
    except (OSError, ValueError, pa.ArrowException) as error:  # a name that is no UTF-8
        raise DataError(f"{path}: cannot be read as Parquet ({first_line(error)}): check the file") from None


def _members(path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each file in a file, and what opens it, unpacked, by its first bytes."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(XZ_MAGIC))
        if not magic.startswith(ZIP_MAGIC):
            yield str(path), lambda: _unpacked(path, magic)
            return
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if _is_file(each)][: MEMBERS_MAX + 1]
            if not 0 < len(members) <= MEMBERS_MAX:
                raise DataError(f"{path}: a zip archive of no file, or of over {MEMBERS_MAX:,}")
            for member in members:
                yield f"{path}:{member.filename}", lambda member=member: archive.open(member)  # type: ignore[misc]
    except _DAMAGED as error:
        raise DataError(f"{path}: cannot be read ({first_line(error)}): check the file") from None


def _is_file(member: zipfile.ZipInfo) -> bool:
    """Whether a member of an archive is a file of whoever made it, not one that a file browser left there."""
    name = member.filename
    return not (member.is_dir() or name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("."))


def _unpacked(path: Path, magic: bytes) -> Any:
    import pyarrow as pa

    if magic.startswith(GZIP_MAGIC):
        return gzip.open(path)
    if magic == XZ_MAGIC:
        return lzma.open(path)
    if magic.startswith(ZSTD_MAGIC):
        return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return path.open("rb")


def _read_csv(name: str, open_member: Callable[[], Any], reading: Reading) -> Sheet:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    try:
        with open_member() as file:
            form = _form(name, file.read(SNIFF_BYTES))
        wanted = _conversion(name, form.names, reading)
        with open_member() as file:
            table = arrow_csv.read_csv(
                file,
                read_options=arrow_csv.ReadOptions(
                    skip_rows=form.skip + form.has_names,
                    column_names=list(form.names),
                    use_threads=False,  # or an error would not know its row
                ),
                parse_options=arrow_csv.ParseOptions(delimiter=form.delimiter),
                convert_options=arrow_csv.ConvertOptions(
                    strings_can_be_null=True, decimal_point=form.decimal_point, **wanted
                ),
            )
    except pa.ArrowInvalid as error:
        told = first_line(error)
        mend = NO_NUMBER if "conversion error to double" in told else "mend that line"
        raise DataError(f"{name}: cannot be read as CSV ({told}): {mend}") from None
    except _DAMAGED as error:
        raise DataError(f"{name}: cannot be unpacked ({first_line(error)}): check the file") from None
    return Sheet(name, form.vendor, form.names, as_table(name, table))


def _conversion(name: str, names: tuple[str, ...], reading: Reading) -> dict[str, Any]:
    """Which columns are read: those with a role, where it is clear which is a time. And their types: whole
    prices in the first rows make no column of integers. Raises DataError where no name is known.
    """
    import pyarrow as pa

    found = roles_of(pa.table({each: pa.nulls(0) for each in names}), reading)
    numbers = {found[role] for roles in VALUES.values() for role in roles if role in found}
    words = {found[role] for role in (*SIDES, "symbol", "kind") if role in found}
    levels = {each for each in names if plain(each).startswith(("bids", "asks"))}
    if not found and not levels:
        raise DataError(f"{name}: {lacking_fault(names, found, tuple(KINDS))}; is it a table?")
    types = dict.fromkeys(numbers | levels, pa.float64()) | dict.fromkeys(words, pa.string())
    times = {found[role] for role in TIMES if role in found}
    wanted = {*types, *times, IS_SNAPSHOT} if times and numbers | levels else set(names)
    return {"column_types": types, "include_columns": [each for each in names if each in wanted]}


def _form(name: str, head: bytes) -> _Form:
    if len(head) == SNIFF_BYTES:  # half a line would be half a number
        head = head[: head.rfind(b"\n") + 1] or head
    head = head.removeprefix(BYTE_ORDER_MARK)
    if not head.strip():
        raise DataError(f"{name}: is empty")
    if b"\0" in head:
        raise DataError(f"{name}: is neither text nor Parquet")
    if head.lstrip()[:1] in NO_TABLES:
        raise DataError(f"{name}: {NO_TABLES[head.lstrip()[:1]]}")
    lines = head.decode(errors="replace").splitlines()
    skip = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    first = lines[skip]
    delimiter = max(DELIMITERS, key=first.count)
    cells = tuple(cell.strip() for cell in next(csv.reader([first], delimiter=delimiter)))
    if not any(_is_value(cell) for cell in cells):
        twice = sorted({cell for cell in cells if cells.count(cell) > 1})
        if twice:
            raise DataError(f"{name}: has the columns {', '.join(twice)} twice")
        return _Form(
            skip, delimiter, cells, True, _vendor(cells), _decimal_point(lines[skip + 1 :], delimiter)
        )
    return _Form(skip, delimiter, _binance_names(name, cells), False, BINANCE)


def _decimal_point(lines: list[str], delimiter: str) -> str:
    """A comma where some number can have it as nothing else: `2499,72`; `60,000` may be thousands."""
    cells = {cell.strip() for line in lines for cell in line.split(delimiter)} if delimiter != "," else ()
    has_points = any(_DECIMAL_POINT.fullmatch(cell) for cell in cells)
    return "," if not has_points and any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells) else "."


def _vendor(names: tuple[str, ...]) -> str:
    """Whose layout these names are; "" for anybody's."""
    if names[:4] == ("exchange", "symbol", "timestamp", "local_timestamp"):
        return TARDIS
    plains = {plain(each) for each in names}
    if plains >= {"price", "isbuyermaker"} and plains & {"time", "transacttime"}:
        return BINANCE
    return BINANCE if plains >= {"updateid", "bestbidprice", "bestaskprice"} else ""


def _binance_names(name: str, cells: tuple[str, ...]) -> tuple[str, ...]:
    """Names of a table of Binance's that has none, by its first row."""
    truths = tuple(at for at, cell in enumerate(cells) if cell.lower() in TRUTHS)
    for (count, flags, times), names in _BINANCE.items():
        if (count, flags) == (len(cells), truths) and all(_is_time(cells[at]) for at in times):
            return names
    if len(cells) in BAR_CELLS and _is_time(cells[0]) and not truths:
        raise DataError(f"{name}: holds bars (klines), and no trades or quotes")
    raise DataError(f"{name}: has no line of names, as time,price,size,side; put one at its head")


def _is_time(cell: str) -> bool:
    return cell.isdigit() and unit_of(int(cell)) != ""


def _is_value(cell: str) -> bool:
    if cell.lower() in TRUTHS:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
