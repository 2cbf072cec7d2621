"""What is left of the past as of one time: every weight that a family measures with, all worked out at once.

A family names its weights (KEPT, SEEN) instead of computing them one after the other as it goes: here all of
them are straight code, four by four, in which none waits for another.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from signalnode.compiled import written
from signalnode.features import FAMILIES
from signalnode.features.base import Weight
from signalnode.features.decay import SECONDS_PER_NS, decays, shares_seen

_USUAL = {each.name: each.default for family in FAMILIES for each in family.PARAMETERS}
KEPT: list[Weight] = [weight for family in FAMILIES for weight in getattr(family, "KEPT", ())]
SEEN: list[Weight] = sorted(
    (weight for family in FAMILIES for weight in getattr(family, "SEEN", ())),
    key=lambda weight: _USUAL[weight.time_constant],
)
WEIGHTS = np.dtype([(weight.name, "<f8") for weight in [*KEPT, *SEEN]], align=True)


def _lines(weights: list[Weight], function: str) -> Iterator[str]:
    """Four by four, `function` of every weight's age over its time constant into the record `w`."""
    for first in range(0, len(weights), 4):
        four = weights[first : first + 4]
        names = [f"w.{weight.name}" for weight in four]
        ages = [
            f"(time_ns - s.{weight.since}) * SECONDS_PER_NS / ({weight.share} * p.{weight.time_constant})"
            for weight in four
        ]
        none = 4 - len(four)
        yield f"{', '.join(names + ['_'] * none)} = {function}({', '.join(ages + ['0.0'] * none)})"


# Write every weight as of `time_ns` into the record `w`.
weigh = written(
    "s, p, time_ns, w",
    [*_lines(KEPT, "decays"), *_lines(SEEN, "shares_seen")],
    decays=decays,
    shares_seen=shares_seen,
    SECONDS_PER_NS=SECONDS_PER_NS,
)
