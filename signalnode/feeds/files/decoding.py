"""What captures and recordings have in common: files that become sound events, in slices of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from signalnode.errors import DataError
from signalnode.events import Events
from signalnode.feeds import sieve
from signalnode.feeds.faults import Faults

Gaps = list[int]  # kernel times at which the book broke, and was sound again, by turns; they never fall
GAPS_MAX = 1_000  # breaks placed in time; more are counted among the faults, and no more

COSTLY = frozenset(range(1, len(sieve.NAMES))) - {
    sieve.TIME_CLAMPED,
    sieve.EVENT_TIME_ABSURD,
}  # rows left out
_MENDS = {
    "time_backwards": "put its rows in order of time",
    "time_absurd": "write times in ns since 1970",
    "price_jump": "does it hold one market alone?",
    "line_corrupt": "is it a capture?",
}


class Slice(NamedTuple):
    """Sound events, possibly none, and the fraction of all files read so far."""

    events: Events
    done: float


class Decoding(Protocol):
    """Files being turned into events; `faults` and `gaps` grow with the slices, and are whole at their end.

    With a slice, `gaps` hold every break and mending up to its last event.
    """

    faults: Faults
    gaps: Gaps

    def slices(self) -> Iterator[Slice]:
        """All events, in kernel time order, in pieces of bounded size. Raises DataError."""
        ...

    def gather(self) -> Events:
        """All events in one array, shape (n,). Raises DataError."""
        ...


class Tally:
    """What became of the rows, or of the lines, of one file; a file most of which is unsound is refused.

    What little is left of such a file is no market: mostly it is one that is not in order, or of other units.
    """

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
            f"({name}{first}): {_MENDS.get(name, 'check how it was made')}"
        )


def in_gap(gaps: npt.ArrayLike, times_ns: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether the book was broken at each kernel time (any shape): from a break on, until it was sound again.

    `gaps` are as in Gaps.
    """
    turns = np.asarray(gaps, np.int64)  # an empty list would be of floats
    broken: npt.NDArray[np.bool_] = (np.searchsorted(turns, times_ns, side="right") & 1) == 1
    return broken
