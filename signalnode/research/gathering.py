"""What is kept of a market's chunks, whatever the span: a table that thins itself, and sums.

The table holds every n-th row of the grid with what followed within each horizon; n doubles where it would
hold more than ROWS_MAX. The sums are of every row: how a score is spread, how it remembers, how often it
crosses, and what entering at a level brought.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.research.claims import HORIZONS_S, Claim, Kind
from signalnode.research.grid import GRID_NS, GRID_S, Floats
from signalnode.research.statistics import BLOCK_HORIZONS, BLOCK_S
from signalnode.research.steadiness import HIGH, LOW
from signalnode.research.stretch import Chunk

ROWS_MAX = 65_536  # 15 MB with four kinds of outcome; more bring time and hardly any evidence
BASIS_POINTS = 1e4
SCALES: dict[Kind, float] = {
    "return": BASIS_POINTS,
    "size": BASIS_POINTS**2,
    "volume": 1.0,
    "cost": BASIS_POINTS,
}
TENTHS = 10
LEVELS = (80.0, 90.0, 95.0)  # at which is entered
LAGS = np.unique(np.round(np.geomspace(1, 6_000, 28)).astype(int))  # rows of the grid, up to ten minutes
BLOCK_ROWS = [round(max(BLOCK_S, BLOCK_HORIZONS * each) / GRID_S) for each in HORIZONS_S]
ENTRY_SUMS = ("blocks", "n", "nn", "m", "mm", "mn", "c", "cc", "cn")  # m: moves, c: moves less the spread


class Table(NamedTuple):
    """Rows `step` of the grid apart, but for silences; NaN where nothing is known. bps are of the mid."""

    step: int
    times_ns: npt.NDArray[np.int64]  # shape (n,)
    counted: npt.NDArray[np.bool_]  # warm, and what is usual is known
    scores: npt.NDArray[np.float32]  # shape (n, names)
    log_mid: Floats
    usual_bps: npt.NDArray[np.float32]  # root of the mean square of a second's return, half an hour back
    drift: npt.NDArray[np.float32]  # |way made in that half hour| over √ of the sum of squares
    spread_bps: npt.NDArray[np.float32]
    followed: dict[Kind, npt.NDArray[np.float32]]  # shape (n, horizons); a return in bps

    @property
    def step_s(self) -> float:
        """Seconds between two rows."""
        return self.step * GRID_S

    def thinned(self, step: int) -> Table:
        """Those of its rows that are `step` of the grid apart."""
        kept = (self.times_ns - self.times_ns[0]) // GRID_NS % step == 0
        columns: dict[str, Any] = {name: getattr(self, name)[kept] for name in COLUMNS}
        followed = {kind: rows[kept] for kind, rows in self.followed.items()}
        return Table(step=step, followed=followed, **columns)


COLUMNS = tuple(name for name in Table._fields if name not in ("step", "followed"))


class Entries(NamedTuple):
    """Sums over blocks of time, by claim, level and horizon; shape (ENTRY_SUMS, claims, levels, horizons)."""

    claims: tuple[Claim, ...]
    sums: Floats


class Gathering:
    """Chunks in; `table`, `tenths`, `products`, `entries` out. `claims` are of all the scores there are."""

    def __init__(self, names: Sequence[str], claims: Sequence[Claim], rows_max: int = ROWS_MAX) -> None:
        self.names = tuple(names)
        self._kinds: tuple[Kind, ...] = tuple(dict.fromkeys(["return", *(each.kind for each in claims)]))
        self._rows_max = rows_max
        self._step = 1
        self._first_ns = 0
        self._tables: list[Table] = []
        self._held = 0
        count = len(self.names)
        self.tenths = np.zeros((count, TENTHS))  # rows by tenth of the score
        self.rows = 0  # counted ones
        self.moments = np.zeros((3, count))  # Σ 1, Σ x, Σ x² of the scores less 50
        self.products = np.zeros((len(LAGS), count))  # Σ of two such, by lag
        self.products_of = np.zeros((len(LAGS), count))  # how many
        self.crossings = np.zeros(count)
        self._ends = np.full(count, np.nan)  # which end of its range each touched last
        directed = tuple(each for each in claims if each.is_directed)
        self.entries = Entries(
            directed, np.zeros((len(ENTRY_SUMS), len(directed), len(LEVELS), len(HORIZONS_S)))
        )

    def take(self, chunk: Chunk) -> None:
        """Take what is inside this chunk; what lies around it was, or is still to come."""
        self._first_ns = self._first_ns or int(chunk.times_ns[chunk.inside.start])
        self._keep(chunk)
        inside = chunk.scores[chunk.inside]
        known = np.isfinite(inside) & chunk.counted[chunk.inside, None]
        self.rows += int(chunk.counted[chunk.inside].sum())
        self._spread_of(inside, known)
        self._remember(chunk)
        for place, claim in enumerate(self.entries.claims):
            self._enter(chunk, claim, self.entries.sums[:, place])

    def table(self) -> Table:
        """All that was kept, in order of time."""
        return self._joined()

    def _keep(self, chunk: Chunk) -> None:
        numbers = (chunk.times_ns[chunk.inside] - self._first_ns) // GRID_NS
        at = chunk.inside.start + np.flatnonzero(numbers % self._step == 0)
        if not len(at):
            return
        self._tables.append(self._rows_at(chunk, at))
        self._held += len(at)
        while self._held > self._rows_max:
            self._step *= 2
            self._tables = [self._joined().thinned(self._step)]
            self._held = len(self._tables[0].times_ns)

    def _rows_at(self, chunk: Chunk, at: npt.NDArray[np.intp]) -> Table:
        squares = chunk.usual("squares", at)
        way, rows = chunk.way_behind(at)
        followed = {}
        for kind in self._kinds:
            columns = [chunk.followed(kind, at, horizon_s) for horizon_s in HORIZONS_S]
            scale = BASIS_POINTS if kind == "return" else 1.0
            followed[kind] = (scale * np.stack(columns, axis=1)).astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            drift = np.abs(way) / np.sqrt(squares * rows * GRID_S)
        return Table(
            self._step,
            chunk.times_ns[at],
            chunk.counted[at],
            chunk.scores[at],
            chunk.log_mid[at],
            (BASIS_POINTS * np.sqrt(squares)).astype(np.float32),
            drift.astype(np.float32),
            (BASIS_POINTS * chunk.spread[at]).astype(np.float32),
            followed,
        )

    def _joined(self) -> Table:
        tables = self._tables
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(table, name) for table in tables]) for name in COLUMNS
        }
        followed = {kind: np.concatenate([table.followed[kind] for table in tables]) for kind in self._kinds}
        self._tables = [Table(step=self._step, followed=followed, **columns)]
        return self._tables[0]

    def _spread_of(self, scores: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]) -> None:
        for place in range(len(self.names)):
            column = scores[known[:, place], place]
            tenths = np.minimum(column * (TENTHS / 100.0), TENTHS - 1).astype(np.intp)
            self.tenths[place] += np.bincount(tenths, minlength=TENTHS)
            ends = column[(column >= HIGH) | (column <= LOW)] >= HIGH
            if len(ends):
                before = self._ends[place]
                self.crossings[place] += np.count_nonzero(ends[1:] != ends[:-1]) + (before == 1.0 - ends[0])
                self._ends[place] = ends[-1]

    def _remember(self, chunk: Chunk) -> None:
        """Sums for the autocorrelation; of long lags every tenth of the lag's rows is enough."""
        first, stop = chunk.inside.start, chunk.inside.stop
        last = min(stop + int(LAGS[-1]), len(chunk.times_ns))
        scores = chunk.scores[first:last]
        known = np.isfinite(scores) & chunk.counted[first:last, None]
        centred = np.where(known, scores - np.float32(50.0), np.float32(0.0)).astype(np.float64)
        is_whole = bool(known.all())
        rows, ones = stop - first, known.astype(np.float64)
        inside = centred[:rows]
        self.moments += np.stack([ones[:rows].sum(0), inside.sum(0), np.einsum("ij,ij->j", inside, inside)])
        for place, lag in enumerate(LAGS.tolist()):
            every = max(1, lag // 10)
            earlier = slice(0, max(0, min(rows, len(scores) - lag)), every)
            later = slice(lag, lag + earlier.stop, every)
            self.products[place] += np.einsum("ij,ij->j", centred[earlier], centred[later])
            count = len(range(earlier.stop)[::every])
            self.products_of[place] += (
                count if is_whole else np.einsum("ij,ij->j", ones[earlier], ones[later])
            )

    def _enter(self, chunk: Chunk, claim: Claim, sums: Floats) -> None:
        """Take what followed each moment at which the score rose to a level."""
        score = chunk.scores[:, self.names.index(claim.score)]
        first, stop = max(chunk.inside.start, 1), chunk.inside.stop
        before, now = score[first - 1 : stop - 1], score[first:stop]
        for level_place, level in enumerate(LEVELS):
            at = first + np.flatnonzero((now >= level) & (before < level) & chunk.counted[first:stop])
            if not len(at):
                continue
            for place, horizon_s in enumerate(HORIZONS_S):
                then, is_there = chunk.later(at, horizon_s)
                begun, ended = at[is_there], then[is_there]
                move = claim.sign * BASIS_POINTS * (chunk.log_mid[ended] - chunk.log_mid[begun])
                spread = 0.5 * BASIS_POINTS * (chunk.spread[begun] + chunk.spread[ended])
                blocks = (begun - chunk.inside.start) // BLOCK_ROWS[place]
                n, m, c = (np.bincount(blocks, weights) for weights in (None, move, move - spread))
                sums[:, level_place, place] += [
                    np.count_nonzero(n), n.sum(), (n * n).sum(),
                    m.sum(), (m * m).sum(), (m * n).sum(), c.sum(), (c * c).sum(), (c * n).sum(),
                ]  # fmt: skip
