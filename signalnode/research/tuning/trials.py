"""One trial of one market: a replay with other parameters, and what it foresaw in each block.

The information coefficient of a block is the mean product of standardised ranks over its rows, ranks being of
the whole recording: so the mean over blocks is the rank correlation, and a block has no centre of its own. A
price that walks at random seems to turn back to the middle of any window it is looked at in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.clock import NS_PER_S
from signalnode.research.statistics import ranks
from signalnode.research.tuning.splits import Blocked, block_s, blocks_of
from signalnode.research.tuning.tape import GRID_NS, Score, Tape, mapped, replayed, silences
from signalnode.research.tuning.targets import Target

Begin = Callable[[str, Mapping[str, object]], Score]  # a market and its `[signals]`: an engine of its own


class Found(NamedTuple):
    """Information coefficients by block, which are counted from 1970."""

    blocks: tuple[int, ...]
    ics: tuple[float, ...]


class Trial(NamedTuple):
    """What is to be replayed: a market with these parameters in the place of its own."""

    market: str
    values: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a process needs for trials of one market."""

    tape: Tape
    signals: Mapping[str, object]  # as they stand
    targets: tuple[Target, ...]
    reaches_s: Mapping[str, float]  # by target: horizon and half-life, the longest of all markets


class _Rows(NamedTuple):
    """Of one target: the rows whose outcome is known."""

    places: npt.NDArray[np.intp]  # in a replay's table
    outcomes: npt.NDArray[np.float64]  # as ranks
    blocked: Blocked


class Prepared:
    """A bench with all worked out that no parameter changes; kept by a process from trial to trial."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._events = mapped(bench.tape.path)
        self._silent = silences(self._events)
        self._rows: dict[str, _Rows] = {}

    def measured(self, begin: Begin, values: Mapping[str, float]) -> dict[str, Found]:
        """Replay once with these values, and say what each target foresaw."""
        bench = self._bench
        table = replayed(self._events, self._silent, begin(bench.tape.market, {**bench.signals, **values}))
        if not self._rows:  # the times of the rows are those of every replay
            places = np.searchsorted(table["time_ns"], bench.tape.times_ns)
            self._rows = {each.name: self._rows_of(each, places) for each in bench.targets}
        return {each.name: self._found(each, table) for each in bench.targets}

    def _rows_of(self, target: Target, places: npt.NDArray[np.intp]) -> _Rows:
        outcomes = self._bench.tape.outcomes[target.name]
        known, reach_s = np.flatnonzero(np.isfinite(outcomes)), self._bench.reaches_s[target.name]
        if not len(known):
            return _Rows(known, np.zeros(0), Blocked(known, 1.0))
        blocks = blocks_of(self._bench.tape.times_ns[known], reach_s)
        blocked = Blocked(blocks, rows_per_block(reach_s))
        return _Rows(places[known], ranks(outcomes[known].astype(np.float64)), blocked)

    def _found(self, target: Target, table: npt.NDArray[Any]) -> Found:
        rows = self._rows[target.name]
        if not len(rows.blocked.names):
            return Found((), ())
        mine = ranks(target.column(table, rows.places))
        ics = rows.blocked.means(mine * rows.outcomes)
        return Found(tuple(rows.blocked.names.tolist()), tuple(ics.tolist()))


def rows_per_block(reach_s: float) -> float:
    """Rows of a full block that are not purged."""
    return (block_s(reach_s) - reach_s) * NS_PER_S / GRID_NS


def gains_of(found: Sequence[Sequence[Found]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The blocks of all markets in order, and gains over the first candidate, shape (markets, candidates,
    blocks); `found` is by market and candidate. NaN where a market has no such block.
    """
    blocks = np.unique(np.array([name for market in found for name in market[0].blocks], np.int64))
    ics = np.full((len(found), len(found[0]), len(blocks)), np.nan)
    for place, market in enumerate(found):
        for candidate, each in enumerate(market):
            ics[place, candidate, np.searchsorted(blocks, each.blocks)] = each.ics
    return blocks, ics - ics[:, :1]
