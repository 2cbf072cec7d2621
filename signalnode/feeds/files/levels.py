"""Tables of book levels, as Tardis has them: images with a column a level, or changes with a row a level.

Depth within the band is known only where the levels reach so far; see `signalnode/book.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from signalnode.book import BPS, Book, Delta
from signalnode.events import DEPTH, EVENT
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.files.cells import Column, floats
from signalnode.feeds.files.tables import Reading, Source, rows_of_market, times_into
from signalnode.feeds.venues.base import Row, depth_row, quote_row
from signalnode.ladder import Level

if TYPE_CHECKING:
    import pyarrow as pa

IS_SNAPSHOT = "is_snapshot"  # of a change of a book: whether it is one of the levels of an image
_LEVEL = re.compile(r"(bids|asks)\[(\d+)\]\.(price|amount)")


def has_changes(names: Sequence[str]) -> bool:
    """Whether these are the columns of changes of a book."""
    return {IS_SNAPSHOT, "side", "price", "amount"} <= set(names)


def level_columns(table: pa.Table) -> int:
    """How many levels a side there are in columns like `bids[0].price` and `bids[0].amount`."""
    found = [_LEVEL.fullmatch(name) for name in table.column_names]
    levels = {int(each[2]) for each in found if each}
    whole = all(
        f"{side}[{level}].{what}" in table.column_names
        for side in ("bids", "asks")
        for level in levels
        for what in ("price", "amount")
    )
    return len(levels) if whole and levels == set(range(len(levels))) else 0


def sources_of_images(name: str, table: pa.Table, reading: Reading) -> list[Source]:
    """The depth of images of a book, one a row; none of those whose levels end within the band."""
    rows = rows_of_market(name, table, reading)
    table = table.filter(rows)
    bids, asks = (_side(name, table, side, level_columns(table)) for side in ("bids", "asks"))
    with np.errstate(invalid="ignore"):  # of sides that are empty, or hold what is no price
        mid = bids[0][:, 0] / 2 + asks[0][:, 0] / 2
        reach = mid * DEPTH_BPS * BPS
        bid_depth, bids_known = _within(bids, (mid - reach)[:, None], +1)
        ask_depth, asks_known = _within(asks, (mid + reach)[:, None], -1)
    known = bids_known & asks_known & np.isfinite(mid)
    events = np.zeros(table.num_rows, EVENT)
    events["kind"], events["bid_depth"], events["ask_depth"] = DEPTH, bid_depth, ask_depth
    numbers = np.flatnonzero(rows)
    times_into(events, name, table, reading, numbers)
    return [Source(name, events[known], numbers[known])]


_Side = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _side(name: str, table: pa.Table, side: str, levels: int) -> _Side:
    """Prices and sizes of one side, each of shape (rows, levels), best first; NaN where there is no level."""
    rows = np.arange(table.num_rows)
    prices, sizes = (
        np.stack(
            [
                floats(Column(table[f"{side}[{level}].{what}"], f"{name}: {side}[{level}].{what}", rows))
                for level in range(levels)
            ],
            axis=1,
        )
        for what in ("price", "amount")
    )
    return prices, sizes


def _within(side: _Side, edge: npt.NDArray[np.float64], sign: int) -> tuple[Any, Any]:
    """The size of each row up to the edge, and whether its levels reach so far, or are all there are."""
    prices, sizes = side
    inside = prices >= edge if sign > 0 else prices <= edge
    known = np.isnan(prices[:, -1]) | ~inside[:, -1]
    return np.where(inside, np.nan_to_num(sizes), 0.0).sum(axis=1), known


def sources_of_changes(name: str, table: pa.Table, reading: Reading) -> list[Source]:
    """Quotes and depth of a book kept from changes, a row a level: `is_snapshot`, `side`, `price`, `amount`.

    Rows received at one time are one message. A snapshot starts the book over.
    """
    rows = rows_of_market(name, table, reading)
    table, numbers = table.filter(rows), np.flatnonzero(rows)
    stamps = np.zeros(table.num_rows, EVENT)
    times_into(stamps, name, table, reading, numbers)
    received = stamps["time_received_ns"]
    columns = {each: Column(table[each], f"{name}: column {each}", numbers) for each in ("price", "amount")}
    prices, sizes = floats(columns["price"]).tolist(), floats(columns["amount"]).tolist()
    is_bid = [side == "bid" for side in table["side"].cast("string").to_pylist()]
    whole = [str(each).lower() == "true" for each in table[IS_SNAPSHOT].cast("string").to_pylist()]
    starts = [0, *(np.flatnonzero(np.diff(received)) + 1).tolist(), len(prices)]
    book, best, begun = Book(), None, False
    made: list[Row] = []
    at_rows: list[int] = []
    for number, (start, end) in enumerate(pairwise(starts), 1):
        bids: list[Level] = [(prices[at], sizes[at]) for at in range(start, end) if is_bid[at]]
        asks: list[Level] = [(prices[at], sizes[at]) for at in range(start, end) if not is_bid[at]]
        if whole[start] and not begun:
            book.snapshot(number, bids, asks, max(len(bids), len(asks)))
            book.believe()  # there is nobody to ask for another
        else:
            book.apply(Delta(number, number, bids, asks))
        begun = whole[start]
        time_event_ns, time_received_ns = stamps[start].item()[:2]
        top, depth = book.top(), book.depth_within(DEPTH_BPS)
        if top is not None and top != best:
            made.append(quote_row(time_event_ns, time_received_ns, *top))
        if depth is not None:
            made.append(depth_row(time_event_ns, time_received_ns, *depth))
        best = top
        at_rows += [numbers[start]] * (len(made) - len(at_rows))
    return [Source(name, np.array(made, EVENT), np.array(at_rows, np.int64))]
