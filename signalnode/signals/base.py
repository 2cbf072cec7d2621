"""What a signal is: a reading over the features, and the shape that tells the scale how to score it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from signalnode.compiled import compiled, where
from signalnode.features import evidence
from signalnode.features.base import Parameter
from signalnode.features.logarithm import log

HEARD = "heard_"
VOLATILITY_MIN = 1e-11  # per √second; the finest tick makes 3e-9, the rounding of moves undone at once 1e-16
NEGLIGIBLE = 1e-3  # of the usual: less is as good as nothing, and a logarithm should not chase it


def heard(need: str) -> str:
    """The feature that is 1 where a market has that evidence."""
    return HEARD + need


@dataclass(frozen=True, slots=True)
class Signal:
    """One family of scores.

    - `scores`: one name (one-sided), or the long and the short one (two-sided).
    - `reading(features, parameters) -> float`: dimensionless; features is a record of dtype FEATURES,
      parameters one of PARAMETER_DTYPE. It must be a pure function of the two. Under the mirror a two-sided
      reading changes its sign, a one-sided one stays. −∞ means "nothing at all", NaN "cannot say". In SIGNALS
      it stands under `compiled`; a market's own may be plain Python, or under `numba.njit`, which is faster.
    - `activity`: the same for how much is going on, whichever way; two-sided only. The long strength is
      activity + reading, the short one activity − reading. Without it they are ± reading.
    - `spread`: mean absolute deviation of a strength to expect of a market not seen yet; not of a reading
      without activity that is two-sided.
    - `floor`: spread below which the reading counts as standing still.
    - `needs`: the evidence without which it cannot say: names of `features/evidence.py`, without `heard_`.
    - `anchored`: score from zero instead of from the market's own mean reading; two-sided only.
    - `parameters`: what a market may set for it, where it stands in SIGNALS.
    - `tuned`: the parameters that `tune` searches for its sake, by name; each has a `search`.
    """

    scores: tuple[str, ...]
    reading: Callable[[Any, Any], float]
    spread: float = 0.5
    floor: float = 1e-3
    anchored: bool = False
    parameters: tuple[Parameter, ...] = ()
    needs: tuple[str, ...] = ("prices",)
    activity: Callable[[Any, Any], float] | None = None
    tuned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.needs:
            if heard(name) not in evidence.FEATURES:
                known = ", ".join(each.removeprefix(HEARD) for each in evidence.FEATURES)
                raise ValueError(f"{self.scores[0]} needs {name!r}; known are {known}")

    @property
    def two_sided(self) -> bool:
        """Whether the family has a long and a short score."""
        return len(self.scores) == 2


@compiled
def strengths(reading: float, activity: float) -> tuple[float, float]:
    """The long and the short one; nothing at all, both, where the reading says so."""
    if reading == -math.inf:
        return reading, reading
    if not reading < math.inf:
        return math.nan, math.nan
    return activity + reading, activity - reading


@compiled
def over_spans(moment: float, minute: float, minutes: float, usual: float, least: float) -> float:
    """r₁ r₅³ r₂₅⁴, the three over `usual` > 0 and `least` more each. An eighth of its log is the mean of logs
    over a moment and 5 and 25 times as long, in which what lasts weighs more.
    """
    r1, r5, r25 = moment / usual + least, minute / usual + least, minutes / usual + least
    product: float = r1 * (r5 * r5 * r5) * (r25 * r25) * (r25 * r25)
    return product


@compiled
def log_or_nothing(x: float) -> float:
    """ln x; −∞ where x is too small to be told from zero."""
    return where(x > 0.0, log(x), -math.inf)
