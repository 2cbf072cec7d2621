"""The ring of the newest steps: returns, and what is made of scores, of all markets. Pure.

Steps by columns; a column is a market's for as long as it stays. Returns are float32; scores, of which only
the mean over all couples is told, are sixteen bits in SCORE_UNIT. It reaches back HALF_LIVES_MAX half-lives,
or as far as RING_BYTES_MAX holds: what is older, `left_out` of all weight, is forgotten at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.decay import Floats, Places

HALF_LIVES_MAX = 12  # beyond is 0.02% of all weight
RING_BYTES_MAX = 134_217_728  # 8 half-lives of 300 s for 4,000 markets
STEPS_LEAST = 64
STEPS_MOST = 65_536
COLUMNS_STEP = 64  # columns come by so many
SCORE_UNIT = 1 / 256  # points; scores lie within ±100
ABSENT = -32_768

Singles = npt.NDArray[np.float32]
Shorts = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]


class Ring:
    """The newest `steps` steps of `markets`; weights fall by `decay` a step."""

    def __init__(self, markets: Sequence[str], series: int, decay: float) -> None:
        self.decay, self._series = decay, series
        self.markets: tuple[str, ...] = ()
        self.columns: Places = np.empty(0, np.intp)  # of each market
        self.steps = self._next = self.filled = 0
        self._returns: Singles = np.empty((0, 0), np.float32)
        self._scores: Shorts = np.empty((0, series, 0), np.int16)
        self.arrange(markets)

    @property
    def left_out(self) -> float:
        """Share of all weight that would stand in steps before the ring's first, 0 to 1."""
        return self.decay**self.steps

    def arrange(self, markets: Sequence[str]) -> None:
        """From now on these markets; what is known of those that stay goes on."""
        place = dict(zip(self.markets, self.columns.tolist(), strict=True))
        kept = {name: place[name] for name in markets if name in place}
        width = COLUMNS_STEP * max(1, -(-len(markets) // COLUMNS_STEP))
        if width != self._returns.shape[1]:
            kept = self._resized(width, kept)
        free = iter(sorted(set(range(width)) - set(kept.values())))
        for name in markets:
            if name not in kept:
                kept[name] = column = next(free)
                self._returns[:, column], self._scores[:, :, column] = np.nan, ABSENT
        self.markets = tuple(markets)
        self.columns = np.array([kept[name] for name in markets], np.intp)

    def add(self, returns: Floats | Singles, scores: Shorts) -> None:
        """Add a step: returns, shape (markets,), NaN where there is none; scores, shape (series, markets), as
        `packed_scores` gives them.
        """
        self._returns[self._next] = np.nan
        self._scores[self._next] = ABSENT
        self._returns[self._next, self.columns] = returns
        self._scores[self._next][:, self.columns] = scores
        self._next = (self._next + 1) % self.steps
        self.filled = min(self.filled + 1, self.steps)

    def skip(self, steps: int) -> None:
        """So many steps brought nothing: they were lost."""
        for _ in range(min(steps, self.steps)):
            self._returns[self._next] = np.nan
            self._scores[self._next] = ABSENT
            self._next = (self._next + 1) % self.steps
            self.filled = min(self.filled + 1, self.steps)

    def returns(self, places: Places) -> Singles:
        """Of the markets at `places`, shape (filled, places), the oldest step first."""
        return _in_order(self._returns, self._next, self.filled, self.columns[places])

    def scores(self, number: int, places: Places) -> Singles:
        """Of one series, in points, shape (filled, places); NaN where there is none."""
        packed = _in_order(self._scores[:, number], self._next, self.filled, self.columns[places])
        found = packed.astype(np.float32)
        found[packed == ABSENT] = np.nan
        found *= np.float32(SCORE_UNIT)
        return found

    def roots(self) -> Singles:
        """Square root of each step's weight, shape (filled,)."""
        return (self.decay ** (np.arange(self.filled - 1, -1, -1) / 2)).astype(np.float32)

    def _resized(self, width: int, kept: dict[str, int]) -> dict[str, int]:
        old = np.array(list(kept.values()), np.intp)
        steps = ring_steps(width, self._series, self.decay)
        keep = min(self.filled, steps)
        returns = np.full((steps, width), np.nan, np.float32)
        returns[:keep, : len(old)] = _in_order(self._returns, self._next, self.filled, old)[-keep or steps :]
        self._returns = returns
        scores = np.full((steps, self._series, width), ABSENT, np.int16)
        for number in range(self._series):
            was = _in_order(self._scores[:, number], self._next, self.filled, old)
            scores[:keep, number, : len(old)] = was[-keep or steps :]
        self._scores = scores
        self.steps, self.filled, self._next = steps, keep, keep % steps
        return {name: column for column, name in enumerate(kept)}


def ring_steps(width: int, series: int, decay: float) -> int:
    """How many steps a ring of that many markets keeps."""
    half_life = math.log(0.5) / math.log(decay)
    within = RING_BYTES_MAX // ((4 + 2 * series) * max(width, 1))
    wanted = math.ceil(HALF_LIVES_MAX * half_life)
    return max(STEPS_LEAST, min(wanted, within, STEPS_MOST))


def packed_scores(scores: Floats) -> Shorts:
    """Scores in points as the ring keeps them: a column of which one series is NaN is absent in all."""
    known = np.isfinite(scores).all(axis=0)
    return np.where(known, np.rint(np.where(known, scores, 0.0) / SCORE_UNIT), ABSENT).astype(np.int16)


def _in_order(ring: npt.NDArray, begin: int, filled: int, columns: Places) -> npt.NDArray:  # type: ignore[type-arg]
    """Columns of the filled steps, the oldest first."""
    found = np.empty((filled, len(columns)), ring.dtype)
    begin = begin if filled == len(ring) else 0
    older = filled - begin
    np.take(ring[begin:filled], columns, axis=1, out=found[:older], mode="clip")
    np.take(ring[:begin], columns, axis=1, out=found[older:], mode="clip")
    return found
