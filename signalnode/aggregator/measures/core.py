"""The cross-market measures of one board, a step at a time.

Every `measure_step_ms` the newest mid and scores of each fresh market are read off the board (previous-tick
sampling: what was known then, whenever it arrived) and one step is added to the sums. A market that is not
fresh is absent from that step; its return is counted again once it was fresh at two steps in a row. A return
beyond `return_max` is a break in the data and left out. A market of whose scores some are unknown is absent
from what is made of scores.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from signalnode.aggregator.board import Board
from signalnode.aggregator.kept import KeptOutcomes, resumed
from signalnode.aggregator.measures.decay import Floats
from signalnode.aggregator.measures.grid import Relating, grid_of
from signalnode.aggregator.measures.joined import Joined
from signalnode.aggregator.measures.outcomes import Outcomes
from signalnode.aggregator.measures.regime import Smoothed, strengths
from signalnode.aggregator.measures.waiting import Sample, Waiting
from signalnode.bus.digest import UNKNOWN
from signalnode.bus.wire import SCORE_NAMES, Score
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import Relations

BASIS_POINTS = 1e4
SEVEN = len(SCORE_NAMES)
WAITING_MARKETS_MAX = 100  # beyond, `Joined` reads a step over several views, which are its own
NAMES_MAX = 128  # scores, of all markets together, whose outcomes are learnt


class Measures:
    """All cross-market numbers of one board; `update` at every view, the rest reads what that has left.

    What is made of couples of markets is `relating`'s: correlation and lead of every two, and their means.

    With `waits` steps are laid by, and added when something is asked for the first time: then all of them, in
    their order, so that the numbers are the same, and from then on each at once.
    """

    def __init__(
        self,
        settings: AggregatorSettings,
        board: Board,
        relating: Relating | None = None,
        *,
        waits: bool = False,
    ) -> None:
        self._board = board
        grid = grid_of(settings)
        self._step_ns = grid.step_ns
        self._return_max = settings.return_max
        self._fast_decay = 0.5 ** (grid.step_s / settings.regime_half_life_s)
        self._markets: list[str] = list(board.entries)
        size = len(self._markets)
        self.relating: Relating = relating or Joined(self._markets, grid)
        self._smoothed = Smoothed(self._fast_decay)
        self._mids = np.full(size, np.nan)
        self._drift = np.zeros(size)  # decayed sum of log returns
        self._names = list(SCORE_NAMES)  # of all scores that any market has had, in order of appearance
        self.outcomes = Outcomes(
            self._markets,
            sorted(settings.outcome_horizons_s),
            step_s=grid.step_s,
            half_life_s=settings.outcome_half_life_s,
            return_max=settings.return_max,
        )
        self._step = -1
        self._quick: dict[str, float] = {}
        is_waiting = waits and size <= WAITING_MARKETS_MAX
        self._waiting = Waiting(size) if is_waiting else None
        self._is_read = not is_waiting

    def update(self, at_ns: int) -> None:
        """Add the step that `at_ns` is in, unless it has been added."""
        step = at_ns // self._step_ns
        if step != self._step:
            follows, self._step = step == self._step + 1, step
            if list(self._board.entries) != self._markets:
                self.keep_up()
                self._rearrange(list(self._board.entries))
            sample = Sample(step, follows, *self._sampled(at_ns))
            if self._waiting is None:
                self._add(sample)
            elif self._waiting.add(sample):
                self._add_waiting(self._waiting)
        if self._is_read:
            self.relating.turn()

    def keep_up(self) -> None:
        """Add what waits, and wait no more."""
        if self._waiting is not None:
            self._add_waiting(self._waiting)
            self._waiting = None

    def _add_waiting(self, waiting: Waiting) -> None:
        for sample in waiting.drain():
            self._add(sample)

    def _related(self) -> Relating:
        """What relates markets, read up to the newest step."""
        self.keep_up()
        if not self._is_read:
            self._is_read = True
            self.relating.turn()
        return self.relating

    def learnt(self) -> Outcomes:
        """What scores were followed by."""
        self.keep_up()
        return self.outcomes

    def go_on(self, kept: KeptOutcomes, now_ns: int) -> None:
        """Learn outcomes on from what was kept; before the first step."""
        self._names = list(resumed(kept, self.outcomes, now_ns))

    def regime(self) -> dict[str, float]:
        """Strength by name; see `measures/regime.py`."""
        self.keep_up()
        return self._smoothed.read()

    def numbers(self) -> dict[str, float]:
        """`fresh_share`, `breadth`, `dispersion_bps`, `correlation_<series>`, `first_component_share`.

        Those of them, by name, that are known.

        breadth: (rising − falling)/fresh, by the decayed return of the regime's half-life, −1 to 1.
        dispersion: standard deviation of those returns across markets, in basis points. correlation: mean
        over all pairs. first component: largest eigenvalue of the correlation matrix of returns over its
        trace (unknown pairs as 0).
        """
        related = self._related()
        return self._quick | related.numbers()

    def relations(self) -> Relations:
        """Correlation and lead of every two markets."""
        return self._related().relations()

    def _add(self, sample: Sample) -> None:
        mids, rows = sample.mids, sample.scores
        if not sample.follows:
            self._mids[:] = np.nan  # a pause: a return over it would be of another length
            self.outcomes.pause()
        self.outcomes.add(self._names[: rows.shape[1]], mids, rows)
        scores = _series(rows)
        with np.errstate(invalid="ignore"):
            returns = np.log(mids / self._mids)
            returns[np.abs(returns) > self._return_max] = np.nan
        self._mids = mids
        self._drift = self._fast_decay * self._drift + np.where(np.isnan(returns), 0.0, returns)
        self._drift[np.isnan(mids)] = 0.0
        self.relating.add(sample.step, returns, scores)
        known = np.isfinite(scores[:4]).all(axis=0)
        if known.any():
            self._smoothed.add(strengths(*scores[:4, known]))
        self._quick = self._summary()

    def _sampled(self, at_ns: int) -> tuple[Floats, Floats]:
        """(mids, scores) of the fresh markets now, shapes (n,) and (n, names); NaN for what is not known, and
        for the others.
        """
        board = self._board
        self._name_added()
        table, own = board.rows.table, len(board.own)
        rows = np.full((len(self._markets), len(self._names)), np.nan)
        for column, name in enumerate(SCORE_NAMES):
            rows[:own, column] = table[name]
        mids = np.concatenate([table["mid"], board.carried.mids()])
        if len(mids) > own:
            for column, name in enumerate(self._names):
                rows[own:, column] = board.carried.score(name)
        self._sample_added(rows)
        is_fresh = board.is_fresh(at_ns)
        rows[(rows == UNKNOWN) | ~is_fresh[:, None]] = np.nan
        mids[~(is_fresh & (mids > 0.0))] = np.nan
        return mids, rows

    def _sample_added(self, rows: Floats) -> None:
        """The scores that own markets have beside the seven, into their rows."""
        columns = {name: column for column, name in enumerate(self._names[SEVEN:], start=SEVEN)}
        for place, newest in self._with_added():
            for name, score in newest.scores.items():
                if name in columns:
                    rows[place, columns[name]] = UNKNOWN if name in newest.unknown else score

    def _name_added(self) -> None:
        """Take up the names of scores that markets have added, NAMES_MAX in all."""
        for _, newest in self._with_added():
            self._names += [each for each in newest.scores if each not in self._names]
        self._names += [name for name in self._board.carried.score_names() if name not in self._names]
        del self._names[NAMES_MAX:]

    def _with_added(self) -> Iterator[tuple[int, Score]]:
        entries = list(self._board.own.values())
        for place in self._board.rows.with_added():
            newest = entries[place].newest
            if newest is not None:
                yield place, newest

    def _summary(self) -> dict[str, float]:
        """What costs nothing to know at every step."""
        fresh = np.isfinite(self._mids)
        numbers = {"fresh_share": float(fresh.mean()) if len(fresh) else 0.0}
        if fresh.any():
            drift = self._drift[fresh]
            numbers["breadth"] = float(np.sign(drift).mean())
            numbers["dispersion_bps"] = float(drift.std() * BASIS_POINTS)
        return numbers

    def _rearrange(self, markets: list[str]) -> None:
        place = {name: row for row, name in enumerate(self._markets)}
        rows = [place.get(name) for name in markets]
        self.relating.rearrange(rows, markets)
        self._mids = np.array([np.nan if row is None else self._mids[row] for row in rows])
        self._drift = np.array([0.0 if row is None else self._drift[row] for row in rows])
        self.outcomes.rearrange(rows, markets)
        self._markets = markets


def _series(rows: Floats) -> Floats:
    """SERIES of the seven scores, shape (len(SERIES), n)."""
    up, down, back_up, back_down, volatility, volume, liquidity = rows.T[:SEVEN]
    return np.array([up - down, back_up - back_down, volatility, volume, liquidity])
