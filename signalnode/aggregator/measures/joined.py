"""Relations kept up as sums over steps, in the aggregator itself: exact, and for some hundreds of markets.

Where they are many, what a step brings is read in turn over the views before the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from signalnode.aggregator.measures.component import largest_eigenvalue
from signalnode.aggregator.measures.correlation import Correlations
from signalnode.aggregator.measures.decay import Floats, Workspace, zero_unknown
from signalnode.aggregator.measures.grid import Grid
from signalnode.aggregator.measures.lead import LaggedCorrelations
from signalnode.bus.relations import encode_relations
from signalnode.strategies.base import NO_RELATIONS, Relations

SERIES = ("momentum", "mean_reversion", "volatility_breakout", "volume_spike", "liquidity_opportunity")
CELLS_MAX = 1_500_000  # matrix cells worked through at one view, about 6 ms; enough for 190 markets at once
# Read a step, on the average: of 120 markets all at each step, of 200, which take 10 ms, at every third.
READ_A_STEP = 400_000
ADD_CELLS = 6  # what adding a step's returns costs, in cells per pair of markets; its scores cost the same
STRONGEST_MAX = 50  # relations a view message carries


class Joined:
    """Sums of `markets`, whose steps come on `grid`."""

    def __init__(self, markets: Sequence[str], grid: Grid) -> None:
        size = len(markets)
        self._markets, self._step_s, self._spreads = list(markets), grid.step_s, grid.spreads
        self._returns = Correlations(size, 1, grid.decay)
        self._scores = Correlations(size, len(SERIES), grid.decay)
        self._lags = LaggedCorrelations(size, grid.lags, grid.decay)
        self._work = Workspace(size)
        self._matrices = _matrices(size)
        self._unadded: Floats | None = None  # scores of the newest step, while they wait for their view
        self._cells_added = 0
        self._may_read = 0  # cells; a reading is begun while it is above 0, and may take it far below
        self._numbers: dict[str, float] = {}
        self._reading: Iterator[int] | None = None
        self._unread = False
        self._relations = NO_RELATIONS
        self._packed: tuple[Relations, bytes] | None = None
        self._strongest: list[dict[str, Any]] = []

    def rearrange(self, rows: list[int | None], markets: Sequence[str]) -> None:
        """Other markets; see `old_and_new`."""
        self._add_scores()
        self._returns, self._scores = self._returns.rearranged(rows), self._scores.rearranged(rows)
        self._lags = self._lags.rearranged(rows)
        self._markets = list(markets)
        self._work = Workspace(len(markets))
        self._matrices = _matrices(len(markets))
        self._reading = None

    def add(self, _step: int, returns: Floats, scores: Floats) -> None:
        """Take one step; shapes (markets,) and (series, markets), NaN where there is none."""
        self._add_scores()
        self._returns.add(returns[None, :])
        self._lags.add(returns)
        self._unadded = scores
        self._unread = True
        self._may_read = min(self._may_read + READ_A_STEP, READ_A_STEP)
        self._cells_added = ADD_CELLS * len(self._markets) ** 2 if self._spreads else 0

    def turn(self) -> None:
        """Read on, at every view."""
        added, self._cells_added = self._cells_added, 0
        self._read_on(added)

    def numbers(self) -> dict[str, float]:
        """Those of `Measures.numbers` that are made of couples."""
        return self._numbers

    def relations(self) -> Relations:
        """Correlation and lead of every two markets."""
        return self._relations

    def packed(self) -> bytes:
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

    def _add_scores(self) -> None:
        """Add the newest step's scores if they still wait: where markets are many, for the next view."""
        if self._unadded is not None:
            self._scores.add(self._unadded)
            self._unadded = None

    def _read_on(self, cells_added: int) -> None:
        """Read the sums: all of them at every step, or in turn over several views where markets are many."""
        left = CELLS_MAX - cells_added
        if left > 0 and self._unadded is not None:  # reading goes on then too, however many they are
            self._add_scores()
            left = max(1, left - ADD_CELLS * len(self._markets) ** 2)
        while left > 0:
            if self._reading is None:
                if not self._unread or self._may_read <= 0:
                    return
                self._unread = False
                self._reading = self._read()
            try:
                cells = next(self._reading)
                left -= cells
                self._may_read -= cells
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
            zero_unknown(matrix)
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
    zero_unknown(size)
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
