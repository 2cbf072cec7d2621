"""The cross-market measures of one board, a step at a time.

Every `measure_step_ms` the newest mid and scores of each fresh market are read off the board (previous-tick
sampling: what was known then, whenever it arrived) and one step is added to the sums. A market that is not
fresh is absent from that step; its return is counted again once it was fresh at two steps in a row. A return
beyond `return_max` is a break in the data and left out. A market of whose scores some are unknown is absent
from what is made of scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from signalnode.aggregator.board import Board
from signalnode.aggregator.kept import KeptOutcomes, resumed
from signalnode.aggregator.measures.component import largest_eigenvalue
from signalnode.aggregator.measures.correlation import Correlations
from signalnode.aggregator.measures.decay import Floats, Workspace
from signalnode.aggregator.measures.lead import LaggedCorrelations
from signalnode.aggregator.measures.outcomes import Outcomes
from signalnode.aggregator.measures.regime import Smoothed, strengths
from signalnode.bus.relations import encode_relations
from signalnode.bus.wire import SCORE_NAMES
from signalnode.clock import NS_PER_MS
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import NO_RELATIONS, Relations

SERIES = ("momentum", "mean_reversion", "volatility_breakout", "volume_spike", "liquidity_opportunity")
CELLS_MAX = 1_500_000  # matrix cells worked through at one view, about 6 ms; enough for 190 markets at once
ADD_CELLS = 6  # what adding a step's returns costs, in cells per pair of markets; its scores cost the same
STRONGEST_MAX = 50  # relations a view message carries
BASIS_POINTS = 1e4
SEVEN = len(SCORE_NAMES)
NAMES_MAX = 128  # scores, of all markets together, whose outcomes are learnt


class Measures:
    """All cross-market numbers of one board; `update` at every view, the rest reads what that has left."""

    def __init__(self, settings: AggregatorSettings, board: Board) -> None:
        self._board = board
        self._step_ns = max(settings.measure_step_ms, settings.view_interval_ms) * NS_PER_MS
        # Where every view is a step, none is left for what a step puts off: each then reads on all the same.
        self._spreads = self._step_ns > settings.view_interval_ms * NS_PER_MS
        self._return_max = settings.return_max
        step_s = self._step_ns / 1e9
        self._step_s = step_s
        decay = 0.5 ** (step_s / settings.correlation_half_life_s)
        self._fast_decay = 0.5 ** (step_s / settings.regime_half_life_s)
        self._markets: list[str] = list(board.entries)
        size = len(self._markets)
        self._returns = Correlations(size, 1, decay)
        self._scores = Correlations(size, len(SERIES), decay)
        self._lags = LaggedCorrelations(size, settings.lag_steps_max, decay)
        self._work = Workspace(size)
        self._matrices = _matrices(size)
        self._smoothed = Smoothed(self._fast_decay)
        self._mids = np.full(size, np.nan)
        self._drift = np.zeros(size)  # decayed sum of log returns
        self._names = list(SCORE_NAMES)  # of all scores that any market has had, in order of appearance
        self.outcomes = Outcomes(
            self._markets,
            sorted(settings.outcome_horizons_s),
            step_s=step_s,
            half_life_s=settings.outcome_half_life_s,
            return_max=settings.return_max,
        )
        self._unadded: Floats | None = None  # scores of the newest step, while they wait for their view
        self._step = -1
        self._quick: dict[str, float] = {}
        self._numbers: dict[str, float] = {}
        self._reading: Iterator[int] | None = None
        self._unread = False
        self._relations = NO_RELATIONS
        self._packed: tuple[Relations, bytes] | None = None
        self._strongest: list[dict[str, Any]] = []

    def update(self, at_ns: int) -> None:
        """Add the step that `at_ns` is in, unless it has been added."""
        step, added = at_ns // self._step_ns, 0
        if step != self._step:
            if step != self._step + 1:
                self._mids[:] = np.nan  # a pause: a return over it would be of another length
                self.outcomes.pause()
            self._step = step
            self._add_scores()
            if list(self._board.entries) != self._markets:
                self._rearrange(list(self._board.entries))
            self._add(at_ns)
            self._unread = True
            added = ADD_CELLS * len(self._markets) ** 2 if self._spreads else 0
        self._read_on(added)

    def go_on(self, kept: KeptOutcomes, now_ns: int) -> None:
        """Learn outcomes on from what was kept; before the first step."""
        self._names = list(resumed(kept, self.outcomes, now_ns))

    def regime(self) -> dict[str, float]:
        """Strength by name; see `measures/regime.py`."""
        return self._smoothed.read()

    def numbers(self) -> dict[str, float]:
        """`fresh_share`, `breadth`, `dispersion_bps`, `correlation_<series>`, `first_component_share`.

        Those of them, by name, that are known.

        breadth: (rising − falling)/fresh, by the decayed return of the regime's half-life, −1 to 1.
        dispersion: standard deviation of those returns across markets, in basis points. correlation: mean
        over all pairs. first component: largest eigenvalue of the correlation matrix of returns over its
        trace (unknown pairs as 0).
        """
        return self._quick | self._numbers

    def relations(self) -> Relations:
        """Correlation and lead of every two markets."""
        return self._relations

    def packed_relations(self) -> bytes:
        """Them all as they are sent to whoever asks; made once for all that ask before the next are known."""
        if self._packed is None or self._packed[0] is not self._relations:
            told = self._relations
            content = encode_relations(
                told.markets, self._step_s, told.correlation, told.lead_s, told.lead_correlation
            )
            self._packed = (told, content)
        return self._packed[1]

    def strongest(self) -> list[dict[str, Any]]:
        """The most correlated pairs for the view message, by |ρ|, at most STRONGEST_MAX."""
        return self._strongest

    def correlation_of(self, series: str) -> Floats:
        """Matrix of ρ of `returns` or one of SERIES between markets, in the board's order; not to be kept."""
        self._add_scores()
        work = self._work
        return (
            self._returns.correlation(0)
            if series == "returns"
            else self._scores.correlation(SERIES.index(series), work)
        )

    def _add(self, at_ns: int) -> None:
        mids, rows = self._sampled(at_ns)
        self.outcomes.add(self._names, mids, rows)
        scores = _series(rows)
        with np.errstate(invalid="ignore"):
            returns = np.log(mids / self._mids)
            returns[np.abs(returns) > self._return_max] = np.nan
        self._mids = mids
        self._drift = self._fast_decay * self._drift + np.nan_to_num(returns)
        self._drift[np.isnan(mids)] = 0.0
        self._returns.add(returns[None, :])
        self._lags.add(returns)
        self._unadded = scores
        known = np.isfinite(scores[:4]).all(axis=0)
        if known.any():
            self._smoothed.add(strengths(*scores[:4, known]))
        self._quick = self._summary()

    def _add_scores(self) -> None:
        """Add the newest step's scores if they still wait: where markets are many, for the next view."""
        if self._unadded is not None:
            self._scores.add(self._unadded)
            self._unadded = None

    def _sampled(self, at_ns: int) -> tuple[Floats, Floats]:
        """(mids, scores) of the fresh markets now, shapes (n,) and (n, names); NaN for what is not known, and
        for the others.
        """
        board = self._board
        self._name_added()
        rows = np.full((len(self._markets), len(self._names)), np.nan)
        mids = np.full(len(self._markets), np.nan)
        places = {name: place for place, name in enumerate(self._names)}
        for place, entry in enumerate(board.entries.values()):
            if entry.newest is None or entry.state(at_ns, board.silent_after_ns) != "fresh":
                continue
            newest = entry.newest
            rows[place, :SEVEN] = [newest.scores[name] for name in SCORE_NAMES]
            if len(newest.scores) > SEVEN:
                added = [name for name in newest.scores if places.get(name, 0) >= SEVEN]
                rows[place, [places[name] for name in added]] = [newest.scores[name] for name in added]
            unknown = [places[name] for name in newest.unknown if name in places]
            rows[place, unknown] = np.nan
            mids[place] = entry.message.mid if entry.message and entry.message.mid > 0 else np.nan
        return mids, rows

    def _name_added(self) -> None:
        """Take up the names of scores that markets have added, NAMES_MAX in all."""
        for entry in self._board.entries.values():
            if entry.newest is not None and len(entry.newest.scores) > SEVEN:
                new = [name for name in entry.newest.scores if name not in self._names]
                self._names += new[: NAMES_MAX - len(self._names)]

    def _read_on(self, cells_added: int) -> None:
        """Read the sums: all of them at every step, or in turn over several views where markets are many."""
        left = CELLS_MAX - cells_added
        if left > 0 and self._unadded is not None:  # reading goes on then too, however many they are
            self._add_scores()
            left = max(1, left - ADD_CELLS * len(self._markets) ** 2)
        while left > 0:
            if self._reading is None:
                if not self._unread:
                    return
                self._unread = False
                self._reading = self._read()
            try:
                left -= next(self._reading)
            except StopIteration:
                self._reading = None

    def _read(self) -> Iterator[int]:
        """Yields the matrix cells it has worked through; what is read is shown when all of it is there."""
        cells = len(self._markets) ** 2
        rho, lead, lead_rho = self._matrices
        np.copyto(rho, self._returns.correlation(0, self._work))
        numbers: dict[str, float] = {}
        _add_mean(numbers, "returns", rho)
        yield 2 * cells
        known = np.isfinite(rho.diagonal())
        if known.any():
            matrix = self._work.numbers[0]  # a market without correlations is a row of zeros, which adds none
            np.copyto(matrix, rho)
            np.nan_to_num(matrix, copy=False)
            numbers["first_component_share"] = largest_eigenvalue(matrix) / int(known.sum())
            yield 2 * cells
        for name in SERIES:
            _add_mean(numbers, name, self.correlation_of(name))
            yield 2 * cells
        for _ in self._lags.leads_by_lag(self._work, (lead, lead_rho)):
            yield 2 * cells
        lead *= self._step_s
        for matrix in (rho, lead, lead_rho):
            matrix.setflags(write=False)
        self._relations = Relations(tuple(self._markets), rho, lead, lead_rho)
        self._matrices = _matrices(len(self._markets))
        self._strongest = _strongest(self._relations)
        self._numbers = numbers
        yield cells

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
        self._returns, self._scores = self._returns.rearranged(rows), self._scores.rearranged(rows)
        self._lags = self._lags.rearranged(rows)
        self._mids = np.array([np.nan if row is None else self._mids[row] for row in rows])
        self._drift = np.array([0.0 if row is None else self._drift[row] for row in rows])
        self.outcomes.rearrange(rows, markets)
        self._markets = markets
        self._work = Workspace(len(markets))
        self._matrices = _matrices(len(markets))
        self._reading = None


def _series(rows: Floats) -> Floats:
    """SERIES of the seven scores, shape (len(SERIES), n)."""
    up, down, back_up, back_down, volatility, volume, liquidity = rows.T[:SEVEN]
    return np.array([up - down, back_up - back_down, volatility, volume, liquidity])


def _matrices(size: int) -> Floats:
    """The next relations' three matrices, written on at once so that their memory is there from the start."""
    return np.full((3, size, size), np.nan)


def _add_mean(numbers: dict[str, float], series: str, matrix: Floats) -> None:
    """Mean over all known pairs."""
    on_diagonal = int(np.isfinite(matrix.diagonal()).sum())
    known = np.isfinite(matrix)
    count = int(known.sum()) - on_diagonal
    if count:
        numbers[f"correlation_{series}"] = (float(np.sum(matrix, where=known)) - on_diagonal) / count


def _strongest(relations: Relations) -> list[dict[str, Any]]:
    """Sorted by |ρ|; of equal ones the first in the board's order comes first."""
    count = len(relations.markets)
    size = np.triu(np.abs(relations.correlation), 1).ravel()
    np.nan_to_num(size, copy=False)
    most = min(STRONGEST_MAX, count * (count - 1) // 2)
    first = len(size) - most
    best = np.sort(np.argpartition(size, first)[first:]) if most else np.arange(0)
    found = []
    for k in sorted(best, key=lambda k: -size[k]):
        at = divmod(int(k), count)
        if not size[k]:
            break
        found.append(
            {
                "markets": [relations.markets[at[0]], relations.markets[at[1]]],
                "correlation": float(relations.correlation[at]),
                "lead_s": float(relations.lead_s[at]),
                "lead_correlation": float(relations.lead_correlation[at]),
            }
        )
    return found
