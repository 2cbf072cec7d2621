"""What became of the rows of one file: a file most of which is unsound, or that is in no order, is refused.

What little is left of such a file is no market: mostly it is of other units, or several tables in a row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalnode.errors import DataError
from signalnode.feeds import sieve
from signalnode.feeds.faults import Faults, named

EARLY_SHARE_MAX = 0.01  # of a file's rows: what a recorder may mix up, and a file of no order never has
_MENDED = frozenset((sieve.TIME_CLAMPED, sieve.EVENT_TIME_ABSURD))
COSTLY = frozenset(range(1, len(sieve.NAMES))) - _MENDED  # faults of the sieve that leave a row out
_MENDS = {
    "time_backwards": "put its rows in order of time",
    "time_absurd": "write times in ns since 1970",
    "price_jump": "does it hold one market alone?",
    "line_corrupt": "is it a capture?",
}


class Tally:
    """Counts the rows, or the lines, of one file, and those of them that are left out."""

    def __init__(self, path: Path, unit: str) -> None:
        self._path = path
        self._unit = unit  # "rows" or "lines"
        self._seen = 0
        self._left_out: dict[str, int] = {}

    def add(self, seen: int) -> None:
        """Count rows or lines, sound ones and others."""
        self._seen += seen

    def leave_out(self, name: str, count: int = 1) -> None:
        """Count those of them that a fault cost."""
        self._left_out[name] = self._left_out.get(name, 0) + count

    def finish(self, faults: Faults) -> None:
        """Raise DataError where more than half was left out; `faults` have the places."""
        left_out = sum(self._left_out.values())
        if 2 * left_out <= self._seen:
            return
        name = max(self._left_out, key=self._left_out.__getitem__)
        here = [where for where in faults.examples.get(name, ()) if where.startswith(str(self._path))]
        first = f", first at {here[0]}" if here else ""
        raise DataError(
            f"{self._path}: {left_out:,} of its {self._seen:,} {self._unit} cannot be used "
            f"({named(name)}{first}): {_MENDS.get(name, 'check how it was made')}"
        )


class Order:
    """Whether the rows of one file are in order among themselves; an overlap with the file before is none of
    its faults.
    """

    def __init__(self, path: Path, rows: int) -> None:
        self._path, self._rows = path, rows
        self._has_begun = False
        self._early = 0  # rows left out though others of this file had been taken
        self._first = 0

    def add(self, row: int, codes: npt.NDArray[np.uint8]) -> None:
        """Note what became of the rows of one group, whose first is number `row` of the file."""
        begin = 0 if self._has_begun else int(np.argmax(np.append(codes == 0, True)))
        self._has_begun = begin < len(codes)
        early = np.flatnonzero(codes[begin:] == sieve.TIME_BACKWARDS)
        if len(early) and not self._early:
            self._first = row + begin + int(early[0])
        self._early += len(early)

    def finish(self) -> None:
        """Raise DataError where more than a few rows were too early."""
        if self._early > EARLY_SHARE_MAX * self._rows:
            raise DataError(
                f"{self._path}: not in order of time: {self._early:,} of its {self._rows:,} rows are earlier "
                f"than those before, first at row {self._first}: `signalnode import` puts them in order"
            )
