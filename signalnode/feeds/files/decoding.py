"""What captures and recordings have in common: files that become sound events, in slices of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from signalnode.events import Events
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.marks import Mark

Gaps = list[int]  # kernel times at which the book broke, and was sound again, by turns; they never fall
Marks = list[tuple[int, Mark]]  # how many of the events come before each, which never falls
GAPS_MAX = 1_000  # breaks placed in time; more are counted among the faults, and no more


class Slice(NamedTuple):
    """Sound events, possibly none, and the fraction of all files read so far."""

    events: Events
    done: float


class Decoding(Protocol):
    """Files being turned into events; `faults`, `gaps` and `marks` grow with the slices, and are whole at
    their end. With a slice, they hold all up to its last event.
    """

    faults: Faults
    gaps: Gaps
    marks: Marks

    def slices(self) -> Iterator[Slice]:
        """All events, in kernel time order, in pieces of bounded size. Raises DataError."""
        ...

    def gather(self) -> Events:
        """All events in one array, shape (n,). Raises DataError."""
        ...


def in_gap(gaps: npt.ArrayLike, times_ns: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether the book was broken at each kernel time (any shape): from a break on, until it was sound again.

    `gaps` are as in Gaps.
    """
    turns = np.asarray(gaps, np.int64)  # an empty list would be of floats
    broken: npt.NDArray[np.bool_] = (np.searchsorted(turns, times_ns, side="right") & 1) == 1
    return broken
