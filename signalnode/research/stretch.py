"""The rows of one stretch as they come, with what lies behind each and what follows it.

What followed within h seconds of time t, by kind:

    return   ln mid(t + h) − ln mid(t)
    size     mean square of the returns of a second that begin at or after t and end by t + h, which flicker
             within it does not reach; below two seconds the squared return, a second's worth of it
    volume   traded in (t, t + h]
    cost     mean over (t, t + h] of what an order of ORDER_SHARE of the usual top size costs: half the
             spread, and half the width that the depth lies in times the order over the depth

The last three, and the return over the root of the usual size, are held against the mean of the USUAL_S
before t, or since the stretch began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from signalnode.feeds.base import DEPTH_BPS
from signalnode.research.claims import HORIZONS_S, Kind
from signalnode.research.grid import GRID_S, Floats, Rows

USUAL_S = 1_800.0
SETTLED_S = 120.0  # of a stretch, until which nothing is called usual
ORDER_SHARE = 0.3  # of what usually stands at the top of the book
CHUNK_ROWS = 36_000  # an hour
SECOND_ROWS = round(1.0 / GRID_S)
BEHIND_ROWS = round(USUAL_S / GRID_S)
AHEAD_ROWS = round(max(HORIZONS_S) / GRID_S)

Places = npt.NDArray[np.intp]
FIELDS = ("log_mid", "volume", "spread", "cost", "squares", "top")


def running(values: npt.ArrayLike) -> Floats:
    """Sums of the first 0, 1, … values."""
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


@dataclass(frozen=True)
class Chunk:
    """Some rows of a stretch, `inside`, among those before and after them. Arrays are of all of them."""

    times_ns: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    counted: npt.NDArray[np.bool_]  # warm, and what is usual is known
    columns: dict[str, Floats]
    inside: slice
    # Running sums, of values and, where some are unknown, of how many are known.
    _totals: dict[str, tuple[Floats, Floats | None]] = field(default_factory=dict)

    @property
    def log_mid(self) -> Floats:
        """ln of the mid."""
        return self.columns["log_mid"]

    @property
    def spread(self) -> Floats:
        """ln of ask over bid."""
        return self.columns["spread"]

    def later(self, at: Places, horizon_s: float) -> tuple[Places, npt.NDArray[np.bool_]]:
        """The places so long after `at`, and whether the stretch goes on until then."""
        then = at + round(horizon_s / GRID_S)
        is_there = then < len(self.times_ns)
        return np.minimum(then, len(self.times_ns) - 1), is_there

    def usual(self, name: str, at: Places) -> Floats:
        """The mean of a column over USUAL_S up to `at`."""
        return self._between(name, np.maximum(at + 1 - BEHIND_ROWS, 0), at + 1)

    def way_behind(self, at: Places) -> tuple[Floats, Places]:
        """ln of the mid over that of USUAL_S before, or of the stretch's first, and how many rows that is."""
        since = np.maximum(at - BEHIND_ROWS, 0)
        return self.log_mid[at] - self.log_mid[since], at - since

    def followed(self, kind: Kind, at: Places, horizon_s: float) -> Floats:
        """What followed; see the module. A return as such, the others over the usual; NaN over the end."""
        then, is_there = self.later(at, horizon_s)
        rows = round(horizon_s / GRID_S)
        if kind == "return":
            found = self.log_mid[then] - self.log_mid[at]
        elif kind == "size":
            if rows < 2 * SECOND_ROWS:
                found = (self.log_mid[then] - self.log_mid[at]) ** 2 / horizon_s
            else:
                first = np.minimum(at + SECOND_ROWS, then)
                found = self._between("squares", first, then + 1)
            found = _over(found, self.usual("squares", at))
        else:
            found = _over(self._between(kind, at + 1, then + 1), self.usual(kind, at))
        return np.where(is_there, found, np.nan)

    def _between(self, name: str, first: Places, stop: Places) -> Floats:
        """Mean of the known rows from `first` to before `stop`."""
        if name not in self._totals:
            known = np.isfinite(self.columns[name])
            kept = np.where(known, self.columns[name], 0.0)
            self._totals[name] = running(kept), None if known.all() else running(known)
        total, count = self._totals[name]
        rows = stop - first if count is None else count[stop] - count[first]
        with np.errstate(invalid="ignore"):
            out: Floats = (total[stop] - total[first]) / rows
        return out


def _over(found: Floats, usual: Floats) -> Floats:
    """Their ratio; NaN where there was none of it in all that time."""
    out: Floats = np.where(usual > 0.0, found / np.where(usual > 0.0, usual, 1.0), np.nan)
    return out


class Stretch:
    """Rows in, chunks out, each row inside one of them once."""

    def __init__(self) -> None:
        self._clear()

    def take(self, rows: Rows) -> Iterator[Chunk]:
        """The chunks that are complete with these rows, which the stretch goes on with or begins with."""
        if rows.begins:
            yield from self.end()
        self._append(rows)
        while len(self._times) - self._done >= CHUNK_ROWS + AHEAD_ROWS:
            yield self._chunk(self._done + CHUNK_ROWS)
            self._forget()

    def end(self) -> Iterator[Chunk]:
        """What is left of the stretch."""
        while self._done < len(self._times):
            yield self._chunk(min(self._done + CHUNK_ROWS, len(self._times)))
        self._clear()

    def _clear(self) -> None:
        self._done = self._passed = 0
        self._times, self._scores = np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
        self._counted = np.zeros(0, np.bool_)
        self._columns = {name: np.zeros(0) for name in FIELDS}

    def _append(self, rows: Rows) -> None:
        before = len(self._times)
        self._times = np.concatenate([self._times, rows.times_ns])
        self._scores = np.concatenate([self._scores, rows.scores]) if before else rows.scores
        age = self._passed + before + np.arange(len(rows.times_ns))
        settled = age >= SETTLED_S / GRID_S
        self._counted = np.concatenate([self._counted, rows.warm & settled])
        for name in ("log_mid", "volume", "spread", "top"):
            self._columns[name] = np.concatenate([self._columns[name], getattr(rows, name)])
        new = np.arange(before, len(self._times))
        log_mid = self._columns["log_mid"]
        squares = (log_mid[new] - log_mid[np.maximum(new - SECOND_ROWS, 0)]) ** 2
        self._columns["squares"] = np.concatenate([self._columns["squares"], squares])
        top = running(self._columns["top"])
        since = np.maximum(new + 1 - BEHIND_ROWS, 0)
        order = ORDER_SHARE * (top[new + 1] - top[since]) / (new + 1 - since)
        width = DEPTH_BPS * 1e-4 if rows.has_depth else rows.spread
        with np.errstate(invalid="ignore"):
            cost = 0.5 * rows.spread + 0.5 * width * order * rows.thinness
        cost[~np.isfinite(cost)] = np.nan  # no quote yet, or one side of the depth is empty
        self._columns["cost"] = np.concatenate([self._columns["cost"], cost])

    def _chunk(self, stop: int) -> Chunk:
        inside, self._done = slice(self._done, stop), stop
        return Chunk(self._times, self._scores, self._counted, self._columns, inside)

    def _forget(self) -> None:
        """Let go of what lies further behind than anything looks."""
        gone = max(0, self._done - BEHIND_ROWS - SECOND_ROWS)
        if not gone:
            return
        self._times, self._scores = self._times[gone:].copy(), self._scores[gone:].copy()
        self._counted = self._counted[gone:].copy()
        self._columns = {name: column[gone:].copy() for name, column in self._columns.items()}
        self._done, self._passed = self._done - gone, self._passed + gone
