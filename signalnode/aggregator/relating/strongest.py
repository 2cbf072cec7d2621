"""Of each market the strongest others, gathered block by block. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.decay import Places
from signalnode.aggregator.relating.blocks import Couples
from signalnode.aggregator.relating.ring import Singles

COUPLES_MAX = 50  # of each market: so the 50 strongest of all are among them, as many as a view tells
LEADERS_MAX = 16  # of each market

FIELDS = (
    ("strength", np.float32, 0.0),
    ("other", np.int32, -1),
    ("correlation", np.float32, np.nan),
    ("lead", np.int8, 0),
    ("lead_correlation", np.float32, 0.0),
)


class Strongest:
    """A row a market, in it the others with the most `strength` first: `other` is its place, −1 for none,
    `lead` the steps by which the market moves before it.
    """

    def __init__(self, markets: int, most: int) -> None:
        self._most = min(most, max(markets - 1, 0))
        shape = (markets, self._most)
        self.fields: dict[str, npt.NDArray[Any]] = {
            name: np.full(shape, empty, kind) for name, kind, empty in FIELDS
        }

    def take(self, rows: Places, columns: Places, couples: Couples, strength: Singles) -> None:
        """Markets at places `rows` with others at `columns`; a couple without strength is not kept."""
        width = strength.shape[1]
        first = max(width - self._most, 0)
        if not self._most:
            return
        chosen = np.argpartition(strength, first, axis=1)[:, first:] if first else _all(strength)
        new: dict[str, npt.NDArray[Any]] = {
            "strength": strength,
            "correlation": couples.correlation,
            "lead": couples.lead,
            "lead_correlation": couples.lead_correlation,
        }
        found = {name: np.take_along_axis(each, chosen, axis=1) for name, each in new.items()}
        found["other"] = np.where(found["strength"] > 0.0, columns[chosen], -1).astype(np.int32)
        joined = {name: np.concatenate([old[rows], found[name]], axis=1) for name, old in self.fields.items()}
        kept = np.argsort(-joined["strength"], axis=1, kind="stable")[:, : self._most]
        for name, each in joined.items():
            self.fields[name][rows] = np.take_along_axis(each, kept, axis=1)


def by_correlation(couples: Couples) -> Singles:
    """|ρ|, 0 while unknown."""
    return np.nan_to_num(np.abs(couples.correlation))


def by_lead(couples: Couples) -> Singles:
    """|ρ| at its lead, of columns that move before the row; 0 of others."""
    return np.where(couples.lead < 0, np.abs(couples.lead_correlation), np.float32(0.0))


def turned(couples: Couples) -> Couples:
    """The same, rows and columns changed over."""
    return Couples(couples.correlation.T, -couples.lead.T, couples.lead_correlation.T)


def _all(strength: Singles) -> Places:
    return np.broadcast_to(np.arange(strength.shape[1]), strength.shape)
