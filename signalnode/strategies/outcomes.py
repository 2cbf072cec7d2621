"""What a score was worth: by market, score and decile, what followed. Views carry it, and the wire does.

A score of 90 is as rare in one market as in another, and no more than that: what it is followed by each
market has by itself. `aggregator/measures/outcomes.py` learns it, and has the formulas.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.bus.wire import ToldOutcomes

DECILES = 10
FIELDS = (
    "seen",
    "effective",
    "hit_rate",
    "hit_low",
    "hit_high",
    "move_bps",
    "move_low_bps",
    "move_high_bps",
    "size_bps",
)
SUMS = ("weight", "weight_squares", "changed", "hits", "moves", "move_squares", "sizes")
Z = 1.959964  # of a normal distribution, 95% lie within
EFFECTIVE_MIN = 2.0  # below, a mean has no interval

Floats = npt.NDArray[np.float64]


class Decile(NamedTuple):
    """What followed while a score stood in one tenth of its range, within one horizon; NaN where not known.

    `move_bps` is in the score's own direction: for a `…_short` a fall counts up. Intervals are of 95%.
    """

    seen: float  # moments, each weighing less the older it is
    effective: float  # as many independent ones would tell as much
    hit_rate: float  # share of the moves that went the score's way, those that were none left out
    hit_low: float
    hit_high: float
    move_bps: float  # mean move of the mid, basis points
    move_low_bps: float
    move_high_bps: float
    size_bps: float  # mean size of the move, whichever way


class MarketOutcomes:
    """Those of one market; `values` has shape (FIELDS, horizons, scores, DECILES)."""

    __slots__ = ("_places", "horizons_s", "scores", "values")

    def __init__(
        self, horizons_s: tuple[float, ...], scores: tuple[str, ...], values: npt.NDArray[np.float64]
    ) -> None:
        self.horizons_s, self.scores, self.values = horizons_s, scores, values
        self._places = {name: place for place, name in enumerate(scores)}

    def deciles(self, score: str, horizon_s: float | None = None) -> list[Decile]:
        """From the lowest to the highest, within the horizon nearest to `horizon_s` (None: the shortest).

        Raises LookupError for a score that this market has not.
        """
        cells = self._of(self._horizon(horizon_s), self._places[score])
        return [Decile(*cell) for cell in cells.T.tolist()]

    def at(self, score: str, value: float, horizon_s: float | None = None) -> Decile:
        """What followed where the score stood as now, at `value`; as `deciles`."""
        decile = min(int(value * DECILES / 100.0), DECILES - 1)
        return Decile(*self._of(self._horizon(horizon_s), self._places[score])[:, decile].tolist())

    def told(self) -> ToldOutcomes:
        """As it goes on the wire."""
        cells = self.values.astype(object)
        cells[~np.isfinite(self.values)] = None
        known = cells.tolist()
        by_score = {
            name: {field: [horizon[place] for horizon in known[row]] for row, field in enumerate(FIELDS)}
            for name, place in self._places.items()
        }
        return ToldOutcomes(horizons_s=list(self.horizons_s), scores=by_score)

    def _of(self, horizon: int, score: int) -> Floats:
        return self.values[:, horizon, score]

    def _horizon(self, horizon_s: float | None) -> int:
        wanted_s, places = horizon_s or 0.0, range(len(self.horizons_s))
        return min(places, key=lambda place: abs(self.horizons_s[place] - wanted_s))


class HeardOutcomes(dict[str, MarketOutcomes]):
    """As the wire told them: each view carries a few markets in turn."""

    def hear(self, told: Mapping[str, ToldOutcomes]) -> None:
        """Take what a view carries; what is of another shape is no outcome of this version."""
        for market, each in told.items():
            shape = (len(FIELDS), len(each.scores), len(each.horizons_s), DECILES)
            with contextlib.suppress(KeyError, ValueError):
                columns = [[by[field] for by in each.scores.values()] for field in FIELDS]
                values = np.array(columns, np.float64).reshape(shape).swapaxes(1, 2)
                self[market] = MarketOutcomes(tuple(each.horizons_s), tuple(each.scores), values)


NO_OUTCOMES: Mapping[str, MarketOutcomes] = MappingProxyType({})


def cells_of(sums: Floats, steps: Floats) -> Floats:
    """FIELDS of sums, shape (SUMS, …), with windows of `steps`: the formulas of `Outcomes`, which learns."""
    weight, weight_squares, changed, hits, moves, move_squares, sizes = sums
    out = np.empty((len(FIELDS), *weight.shape))
    with np.errstate(all="ignore"):
        effective = weight * weight / weight_squares / steps
        rate, independent = hits / changed, effective * changed / weight
        z2 = Z * Z / independent
        centre = (rate + 0.5 * z2) / (1.0 + z2)
        around = Z * np.sqrt(rate * (1.0 - rate) / independent + 0.25 * z2 / independent) / (1.0 + z2)
        mean = moves / weight
        half = Z * np.sqrt(np.maximum(move_squares / weight - mean * mean, 0.0) / effective)
        half[~(effective >= EFFECTIVE_MIN)] = np.nan
        out[:] = (
            weight,
            np.where(weight > 0.0, effective, 0.0),
            rate,
            np.maximum(centre - around, 0.0),
            np.minimum(centre + around, 1.0),
            mean,
            mean - half,
            mean + half,
            sizes / weight,
        )
    return out
