"""Relations of so many markets that of each only the strongest others are known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.strategies.base import Floats, Relation, Relations

Columns = Mapping[str, npt.NDArray[Any]]

FIELDS = ("correlation", "lead", "lead_correlation")


class StrongestRelations(Relations):
    """`couples` and `leaders` have a row a market: `other`, its place, −1 for none, the strongest first;
    `correlation`; `lead`, the steps by which the market moves before it; `lead_correlation`.

    The matrices are made when asked for: NaN where a couple is not among the strongest, its lead 0.
    """

    __slots__ = ("_couples", "_leaders", "_matrices", "_places", "_step_s")
    _couples: Columns
    _leaders: Columns
    _matrices: list[Floats] | None
    _places: dict[str, int]
    _step_s: float

    def __init__(self, markets: tuple[str, ...], couples: Columns, leaders: Columns, step_s: float) -> None:
        for name, value in (
            ("markets", markets),
            ("_couples", couples),
            ("_leaders", leaders),
            ("_step_s", step_s),
            ("_places", {name: place for place, name in enumerate(markets)}),
            ("_matrices", None),
        ):
            object.__setattr__(self, name, value)

    def between(self, first: str, second: str) -> Relation | None:
        """The relation of two markets, NaN and 0 where it is not among the strongest; None without a row."""
        here, there = self._places.get(first), self._places.get(second)
        if here is None or there is None:
            return None
        if here == there:
            return Relation(1.0, 0.0, 1.0)
        for row, other, sign in ((here, there, 1.0), (there, here, -1.0)):
            for columns in (self._couples, self._leaders):
                found = np.flatnonzero(columns["other"][row] == other)
                if len(found):
                    at = row, found[0]
                    rho, lead, lead_rho = (float(columns[name][at]) for name in FIELDS)
                    return Relation(rho, sign * lead * self._step_s + 0.0, lead_rho)
        return Relation(math.nan, 0.0, math.nan)

    def leaders(self, market: str, correlation_min: float) -> list[str]:
        """Markets that move before `market` with at least that correlation, the strongest first."""
        row = self._places.get(market)
        if row is None:
            return []
        others = self._leaders["other"][row]
        chosen = (others >= 0) & (np.abs(self._leaders["lead_correlation"][row]) >= correlation_min)
        return [self.markets[other] for other in others[chosen].tolist()]

    def correlated(self, correlation_min: float, most: int) -> list[tuple[str, str]]:
        """The `most` couples of the highest correlation, from that on; the highest first."""
        others, rho = self._couples["other"], self._couples["correlation"]
        rows, places = np.nonzero((others >= 0) & (rho >= correlation_min))
        columns = others[rows, places]
        both = np.stack([np.minimum(rows, columns), np.maximum(rows, columns)])
        both, first = np.unique(both, axis=1, return_index=True)
        best = np.argsort(-rho[rows[first], places[first]], kind="stable")[:most]
        return [(self.markets[both[0, k]], self.markets[both[1, k]]) for k in best]

    @property
    def correlation(self) -> Floats:
        """Shape (n, n)."""
        return self._dense()[0]

    @property
    def lead_s(self) -> Floats:
        """Row before column."""
        return self._dense()[1]

    @property
    def lead_correlation(self) -> Floats:
        """Shape (n, n)."""
        return self._dense()[2]

    def _dense(self) -> list[Floats]:
        if self._matrices is None:
            count = len(self.markets)
            made = [np.full((count, count), empty) for empty in (np.nan, 0.0, np.nan)]
            for columns in (self._couples, self._leaders):
                rows, places = np.nonzero(columns["other"] >= 0)
                others = columns["other"][rows, places]
                for matrix, name, turned in zip(made, FIELDS, (1.0, -1.0, 1.0), strict=True):
                    matrix[rows, others] = columns[name][rows, places]
                    matrix[others, rows] = turned * columns[name][rows, places]
            made[1] = made[1] * self._step_s + 0.0
            for place in (0, 2):
                np.fill_diagonal(made[place], 1.0)
            for matrix in made:
                matrix.setflags(write=False)
            object.__setattr__(self, "_matrices", made)
            return made
        return self._matrices
