"""What a signal is tuned for: its scores as one column, and the outcome that they claim to foresee."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalnode.features.base import Parameter
from signalnode.research.claims import LONG, Claim, Kind, claims_of
from signalnode.signals.base import Signal


@dataclass(frozen=True, slots=True)
class Target:
    """A signal's claim. Its column is Σ sign · score, held against what follows within `horizon_s`."""

    name: str
    scores: tuple[str, ...]
    signs: tuple[float, ...]
    kind: Kind
    horizon_s: float
    own: tuple[Parameter, ...]  # what is searched for its sake

    def column(
        self, table: npt.NDArray[np.void], rows: npt.NDArray[np.intp] | None = None
    ) -> npt.NDArray[np.float64]:
        """Of a replay's table, or of some rows of it; shape (rows,)."""
        out = np.zeros(len(table) if rows is None else len(rows))
        for score, sign in zip(self.scores, self.signs, strict=True):
            out += sign * (table[score] if rows is None else table[score][rows])
        return out


def targets_of(
    signals: Iterable[Signal], known: Sequence[Parameter], own_horizon_s: float
) -> tuple[Target, ...]:
    """One for each signal that has parameters to search, by the first claim of its scores."""
    by_name = {parameter.name: parameter for parameter in known}
    found = []
    for signal in signals:
        own = tuple(
            by_name[name] for name in signal.tuned if name in by_name and by_name[name].search[1] > 0.0
        )
        if not own:
            continue
        claims: list[Claim] = [claims_of(score, own_horizon_s)[0] for score in signal.scores]
        signs = tuple(claim.sign for claim in claims)
        first = claims[0]
        found.append(Target(name_of(signal.scores), signal.scores, signs, first.kind, first.horizon_s, own))
    return tuple(found)


def name_of(scores: Sequence[str]) -> str:
    """What a signal is called: its score, or the long one without that word."""
    return scores[0].removesuffix(LONG) if len(scores) > 1 else scores[0]


def meant(name: str, targets: Iterable[Target]) -> Target | None:
    """The target that is called so, or has a score that is."""
    return next((each for each in targets if name in (each.name, *each.scores)), None)
