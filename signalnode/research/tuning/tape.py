"""A market's recording laid out for many replays: its events in one mapped file, what followed in columns.

It is read once, with what stands now: the outcomes depend on the market alone, and the memory of its scores
(their half-life) says how long blocks must be. After that a trial is one replay of the mapped events, which
all processes share, on a grid of GRID_NS.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from signalnode.clock import NS_PER_S
from signalnode.events import EVENT, Events, join_rows
from signalnode.research.grid import SILENCE_NS, Walk
from signalnode.research.replay import whole_instants
from signalnode.research.steadiness import autocorrelation, half_life_s
from signalnode.research.stretch import Chunk, Stretch
from signalnode.research.tuning.targets import Target

GRID_NS = NS_PER_S  # a row each second: the shortest claim is of the next one
EVENTS_AT_ONCE = 262_144  # of a mapped file, 21 MB

Score = Callable[[Events, int], npt.NDArray[Any]]  # events and the grid's step, ns: rows of scores


@dataclass(frozen=True, slots=True)
class Tape:
    """One market's. Arrays have a row for each second of its recording that counts."""

    market: str
    path: Path  # EVENT rows and nothing else
    events: int
    digest: str  # of the events
    first_ns: int
    last_ns: int
    times_ns: npt.NDArray[np.int64]  # shape (rows,)
    outcomes: dict[str, npt.NDArray[np.float32]]  # by target, shape (rows,); NaN where it is not known
    half_lives_s: dict[str, float]  # by target, of the column as it stands; NaN where it does not vary

    @property
    def span_s(self) -> float:
        """From the first event to the last, without silences."""
        return len(self.times_ns) * GRID_NS / NS_PER_S


def laid_out(
    market: str,
    slices: Iterable[tuple[Events, float]],
    score: Score,
    targets: Sequence[Target],
    path: Path,
    *,
    progress: Callable[[float], None] | None = None,
) -> Tape:
    """Read a recording once, into the file `path` and the columns. `score` has what stands now. Raises
    OSError where it cannot be written, and whatever reading and scoring raise.
    """
    walk, stretch, columns = Walk(score), Stretch(), _Columns(targets)
    digest = hashlib.blake2b(digest_size=16)
    with path.open("wb") as file:
        for events, done in whole_instants(slices):
            _append(file, events, digest)
            for rows in walk.take(events):
                for chunk in stretch.take(rows):
                    columns.take(chunk, walk)
            if progress:
                progress(done)
    for chunk in stretch.end():
        columns.take(chunk, walk)
    times_ns, outcomes, half_lives_s = columns.joined()
    return Tape(
        market,
        path,
        walk.events,
        digest.hexdigest(),
        walk.first_ns,
        walk.last_ns,
        times_ns,
        outcomes,
        half_lives_s,
    )


def _append(file: BinaryIO, events: Events, digest: Any) -> None:
    rows = np.ascontiguousarray(events).tobytes()
    file.write(rows)
    digest.update(rows)


class _Columns:
    """The rows of each chunk that stand on the grid of trials."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self._times: list[npt.NDArray[np.int64]] = []
        self._outcomes: dict[str, list[npt.NDArray[np.float32]]] = {each.name: [] for each in targets}
        self._scores: dict[str, list[npt.NDArray[np.float64]]] = {each.name: [] for each in targets}

    def take(self, chunk: Chunk, walk: Walk) -> None:
        """Take what is inside the chunk."""
        inside = np.arange(chunk.inside.start, chunk.inside.stop)
        on_grid = (chunk.times_ns[inside] - walk.first_ns) % GRID_NS == 0
        at = inside[on_grid & chunk.counted[inside]]
        self._times.append(chunk.times_ns[at])
        for target in self._targets:
            score = np.zeros(len(at))
            for name, sign in zip(target.scores, target.signs, strict=True):
                score += sign * chunk.scores[at, walk.names.index(name)]
            followed = chunk.followed(target.kind, at, target.horizon_s)
            followed[~np.isfinite(score)] = math.nan
            self._scores[target.name].append(score)
            self._outcomes[target.name].append(followed.astype(np.float32))

    def joined(
        self,
    ) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.float32]], dict[str, float]]:
        """Times, outcomes and half-lives."""
        if not self._times:
            empty = np.zeros(0, np.float32)
            return (
                np.zeros(0, np.int64),
                dict.fromkeys(self._outcomes, empty),
                dict.fromkeys(self._outcomes, math.nan),
            )
        outcomes = {name: np.concatenate(pieces) for name, pieces in self._outcomes.items()}
        scores = {name: np.concatenate(pieces) for name, pieces in self._scores.items()}
        return (
            np.concatenate(self._times),
            outcomes,
            {name: _memory_s(column) for name, column in scores.items()},
        )


def _memory_s(column: npt.NDArray[np.float64]) -> float:
    known = column[np.isfinite(column)]
    if len(known) < 2 or not np.ptp(known) > 0.0:
        return math.nan
    return half_life_s(autocorrelation(known), GRID_NS / NS_PER_S)


def mapped(path: Path) -> Events:
    """The events of a tape, as they lie on disk: what is looked at is read, and shared by all processes."""
    # Copied on write, which nobody does: what asks for arrays it may write to would copy a read-only one.
    if not path.stat().st_size:
        return np.zeros(0, EVENT)
    return np.asarray(np.memmap(path, EVENT, mode="c"))


def silences(events: Events) -> list[int]:
    """The events that end a silence, by their places: the same in every replay."""
    return (np.flatnonzero(np.diff(events["time_received_ns"]) >= SILENCE_NS) + 1).tolist()


def replayed(events: Events, silent: Sequence[int], score: Score) -> npt.NDArray[Any]:
    """Every row of a tape with these `silences`, on the grid of GRID_NS from the first event on; each of
    them has one row.
    """
    times = events["time_received_ns"]
    tables, next_ns, start = [], int(times[0]), 0
    for stop in [*silent, len(events)]:
        for at in range(start, stop, EVENTS_AT_ONCE):
            piece = events[at : min(at + EVENTS_AT_ONCE, stop)]
            table = score(piece, GRID_NS)
            next_ns += len(table) * GRID_NS
            tables.append(table)
        if stop < len(events):
            step_ns = ((int(times[stop]) - next_ns) // GRID_NS + 1) * GRID_NS
            score(events[stop : stop + 1], step_ns)
            next_ns += step_ns
            start = stop + 1
    return join_rows(tables)
