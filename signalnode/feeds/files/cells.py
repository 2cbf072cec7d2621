"""Cells of an Arrow column as what they stand for: times in nanoseconds, numbers, sides. Whatever its type.

A column comes as Column: with the table's and its own name, for error lines, and the number of each row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.errors import DataError, EventTimeError
from signalnode.events import NO_TIME_NS, TIME_MAX_NS, TIME_MIN_NS, UNIT_NS, time_fault, unit_of

if TYPE_CHECKING:
    import pyarrow as pa

SIDE_OF = {
    **dict.fromkeys(("buy", "b", "bid", "1", "+1"), 1),
    **dict.fromkeys(("sell", "s", "a", "ask", "-1"), -1),
    **dict.fromkeys(("", "0", "n", "none", "unknown"), 0),
}
POSITIONS = frozenset({"long", "short"})
TIME_FORMS = {  # of text, and what Arrow reads as the same
    r"^\s*(\d{4})/(\d\d)/(\d\d)": r"\1-\2-\3",
    r"(:\d\d),(\d+)": r"\1.\2",  # ISO 8601 has both signs
    r" *UTC$": "Z",
}
TRUTH_OF = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Column(NamedTuple):
    """Cells, shape (n,), with what they are called and the rows, from 0, that they stand in."""

    values: pa.ChunkedArray
    where: str
    rows: npt.NDArray[np.int64]


def times_ns(column: Column, unit: str | None) -> npt.NDArray[np.int64]:
    """Nanoseconds since 1970, shape (n,); a time without a zone is UTC. Numbers need the `unit`.

    Raises DataError for what is no time, EventTimeError for a time that cannot be, with its row.
    """
    import pyarrow as pa

    cells, where = column.values, column.where
    if _is_text(cells.type):
        cells = _times_of_text(column)
    if pa.types.is_date(cells.type):
        cells = cells.cast(pa.timestamp("ms"))
    kind = cells.type
    if pa.types.is_timestamp(kind):
        values, unit = _numpy(cells.cast(pa.int64()), NO_TIME_NS), kind.unit
    elif pa.types.is_null(kind) or pa.types.is_integer(kind):
        values = _numpy(cells.cast(pa.int64(), safe=False), NO_TIME_NS)
    elif pa.types.is_floating(kind):
        values = _numpy(cells.cast(pa.float64()), np.nan)
    else:
        without = ": join its date to it" if pa.types.is_time(kind) else ""
        raise DataError(f"{where} is {kind}: a time is a timestamp, or a number with its unit{without}")
    if unit is None:
        guess = unit_of(int(values[0])) if len(values) and np.isfinite(values[0]) else ""
        meant = f': by its size, unit="{guess}" (--unit {guess})' if guess else ""
        raise DataError(f"{where} is {kind}: name the unit it counts in{meant}")
    _check_times(values, column, unit)
    counted: npt.NDArray[np.int64] = np.rint(values * UNIT_NS[unit]).astype(np.int64)
    return values * UNIT_NS[unit] if values.dtype == np.int64 else counted


def _check_times(values: npt.NDArray[Any], column: Column, unit: str) -> None:
    low, high = TIME_MIN_NS // UNIT_NS[unit], TIME_MAX_NS // UNIT_NS[unit]
    wrong = np.flatnonzero(~((values >= low) & (values <= high)))
    if len(wrong):
        first = int(wrong[0])
        value = int(values[first]) if np.isfinite(values[first]) else NO_TIME_NS
        more = f" (and {len(wrong) - 1:,} more rows)" if len(wrong) > 1 else ""
        raise EventTimeError(f"{column.where}, row {column.rows[first]} {time_fault(value, unit)}{more}")


def _times_of_text(column: Column) -> pa.ChunkedArray:
    """Text as a timestamp (ISO 8601), or as whole numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text, fault = column.values.cast(pa.string()), ""
    for written, meant in TIME_FORMS.items():
        text = pc.replace_substring_regex(text, written, meant)
    for kind in (pa.int64(), pa.timestamp("ns", "UTC"), pa.timestamp("ns")):
        try:
            return text.cast(kind)
        except pa.ArrowInvalid as error:
            fault = first_line(error)
    raise DataError(
        f"{column.where} is text, and no time like 2024-08-08T23:54:14.5 ({fault}): write them so"
    )


def floats(column: Column) -> npt.NDArray[np.float64]:
    """Numbers, shape (n,); what is missing is NaN. Raises DataError for what is no number."""
    import pyarrow as pa

    cells = _without_dictionary(column.values)
    if _is_text(cells.type) or pa.types.is_decimal(
        cells.type
    ):  # of decimals, Arrow makes the next float but one
        cells = cells.cast(pa.string())
    if pa.types.is_boolean(cells.type) or pa.types.is_temporal(cells.type):
        raise DataError(f"{column.where} is {cells.type}, not a number")
    try:
        return _numpy(cells.cast(pa.float64(), safe=False), np.nan)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{column.where} is {cells.type}, not a number ({first_line(error)})") from None


def sides(column: Column) -> npt.NDArray[np.int8]:
    """Who took, shape (n,): +1 the buyer, −1 the seller, 0 where nothing is said."""
    return _words(column, SIDE_OF, "neither buy nor sell").astype(np.int8)


def sides_of_makers(column: Column) -> npt.NDArray[np.int8]:
    """Who took, where the column says whether the buyer was the maker."""
    maker = _words(column, TRUTH_OF | {"": np.nan}, "neither true nor false")
    return np.nan_to_num(1.0 - 2.0 * maker).astype(np.int8)


def _words(column: Column, meaning: dict[str, Any], what: str) -> npt.NDArray[np.float64]:
    """Each cell by its meaning, which is looked up once for each word that there is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = _without_dictionary(column.values)
    if pa.types.is_floating(cells.type):
        cells = cells.cast(pa.int64(), safe=False)
    cells = pc.utf8_lower(pc.utf8_trim_whitespace(cells.cast(pa.string()).fill_null("")))
    values = np.zeros(len(cells))
    for word in pc.unique(cells).to_pylist():
        here = pc.equal(cells, word).to_numpy()
        if word not in meaning:
            if word in POSITIONS:
                what = "the side of a position, not who took: call the column another name"
            raise DataError(f"{column.where}, row {column.rows[here][0]}: {word[:40]!r} is {what}")
        values[here] = meaning[word]
    return values


def plain_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells whose text is of the plain kind: Arrow filters and takes no views."""
    import pyarrow as pa

    if pa.types.is_dictionary(cells.type) and pa.types.is_string_view(cells.type.value_type):
        return _without_dictionary(cells)
    return cells.cast(pa.string()) if pa.types.is_string_view(cells.type) else cells


def _without_dictionary(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories as what they stand for; Arrow's own cast cannot do that with every kind of text."""
    import pyarrow as pa

    if not pa.types.is_dictionary(cells.type):
        return cells
    kind = pa.string() if _is_text(cells.type.value_type) else cells.type.value_type
    return pa.chunked_array([each.dictionary.cast(kind).take(each.indices) for each in cells.chunks], kind)


def first_line(error: Exception) -> str:
    """The first line of an error of Arrow's, which may have many."""
    return str(error).partition("\n")[0][:200]


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numpy(column: pa.ChunkedArray, missing: float) -> npt.NDArray[Any]:
    if column.null_count:
        column = column.fill_null(missing)
    return np.asarray(column.to_numpy())
