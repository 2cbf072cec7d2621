"""What is left of the past as of one time: every weight that a family measures with, all worked out at once.

A family names its weights (KEPT, SEEN) instead of computing them one after the other as it goes: here all of
them are straight code, in which none waits for another, and LLVM makes vectors of them. Half of what scores
cost was that waiting.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from signalnode.compiled import apart, compiled, written
from signalnode.features import FAMILIES
from signalnode.features.decay import SECONDS_PER_NS, SHORT, near_one, share_seen

KEPT = [weight for family in FAMILIES for weight in getattr(family, "KEPT", ())]
SEEN = [weight for family in FAMILIES for weight in getattr(family, "SEEN", ())]
KEPT_COUNT, COUNT = len(KEPT), len(KEPT) + len(SEEN)


def _dtype() -> np.dtype[Any]:
    """A record of all weights by name, over the memory of the array of them; and two arrays of scratch."""
    arrays = {name: (("<f8", (COUNT,)), 8 * COUNT * i) for i, name in enumerate(("all", "ages", "taus"))}
    single = {weight.name: ("<f8", 8 * place) for place, weight in enumerate([*KEPT, *SEEN])}
    if len(single) < COUNT or single.keys() & arrays.keys():
        raise TypeError(f"weights: each needs a name of its own, and none may be {', '.join(arrays)}")
    formats, offsets = zip(*(arrays | single).values(), strict=True)
    return np.dtype(
        {"names": [*arrays, *single], "formats": formats, "offsets": offsets, "itemsize": 24 * COUNT}
    )


WEIGHTS = _dtype()


_put_all = written(
    "s, p, time_ns, w",
    [
        line
        for place, weight in enumerate([*KEPT, *SEEN])
        for line in (
            f"w.ages[{place}] = (time_ns - s.{weight.since}) * SECONDS_PER_NS",
            f"w.taus[{place}] = {weight.share} * p.{weight.time_constant}",
        )
    ],
    SECONDS_PER_NS=SECONDS_PER_NS,
)


@apart  # so that the machine knows that what it reads here is not what it writes
def _weigh_all(w: Any) -> None:
    """Make the weights of the ages."""
    x, taus, weights = w.ages, w.taus, w.all
    for i in range(COUNT):
        x[i] /= taus[i]
    for i in range(KEPT_COUNT):
        weights[i] = near_one(x[i])
    for i in range(KEPT_COUNT):
        if x[i] >= SHORT:
            weights[i] = math.exp(-x[i])
    for i in range(KEPT_COUNT, COUNT):
        weights[i] = share_seen(x[i])


@compiled
def weigh(s: Any, p: Any, time_ns: int, w: Any) -> None:
    """Write every weight as of `time_ns` into the record `w`."""
    _put_all(s, p, time_ns, w)
    _weigh_all(w)
