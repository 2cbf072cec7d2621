"""Scores of a recording, slice after slice, across what befell its engine: at a mark a replay goes on with
what the live engine went on with (`feeds/files/marks.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.engine.core import NO_EVENTS, SignalEngine
from signalnode.errors import CheckpointError
from signalnode.events import Events, join_rows
from signalnode.feeds.files.decoding import Marks
from signalnode.feeds.files.marks import Mark
from signalnode.scores import UNKNOWN
from signalnode.settings import MarketSettings


class Replaying:
    """`score` gives the rows of each slice. `marks` may grow meanwhile, ahead of the events: those of a
    `Decoding` do. An engine of other parameters than the live one's, or of a later version, passes over them.
    """

    def __init__(
        self,
        market: str,
        settings: MarketSettings | None = None,
        marks: Marks | None = None,
        interval_ns: int = 100_000_000,
    ) -> None:
        self.engine = SignalEngine(market, settings)
        self.unknown = 2 ** len(self.engine.names) - 1  # in every row so far, as bits
        self.restored = self.passed_over = 0  # marks
        self.events = 0
        self._marks, self._interval_ns = [] if marks is None else marks, interval_ns
        self._next_mark = 0
        self._identity = self.engine.identity()

    def score(self, events: Events) -> npt.NDArray[Any]:
        """Rows of `SignalEngine.replay`, with `unknown`, of the events that come next."""
        tables, start = [], 0
        while self._next_mark < len(self._marks):
            row, mark = self._marks[self._next_mark]
            stop = row - self.events
            if stop > len(events) - start:
                break
            until_ns = mark.time_ns - 1
            if start + stop < len(events):
                until_ns = min(until_ns, int(events["time_received_ns"][start + stop]) - 1)
            tables.append(self._take(events[start : start + stop], until_ns))
            start += stop
            self._pass(mark)
            self._next_mark += 1
        tables.append(self._take(events[start:], 0))
        return tables[0] if len(tables) == 1 else join_rows(tables)

    def _take(self, events: Events, until_ns: int) -> npt.NDArray[Any]:
        table = self.engine.replay(
            events if len(events) else NO_EVENTS, self._interval_ns, with_unknown=True, until_ns=until_ns
        )
        self.events += len(events)
        self.unknown &= int(np.bitwise_and.reduce(table[UNKNOWN], initial=self.unknown))
        return table

    def _pass(self, mark: Mark) -> None:
        if mark.identity != self._identity:
            self.passed_over += 1
            return
        try:
            self.engine.restore(mark.state)
            self.restored += 1
        except CheckpointError:
            self.passed_over += 1
