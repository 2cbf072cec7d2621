"""How far a driftless walk would come, and whether one reading foresees more than another."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from signalnode.research.statistics import BLOCK_S, DRAWS, Series, block_sums, correlation, drawn, ranks

WALKS = 20


def walk_chance(returns: Series, back_s: float, ahead_s: float, step_s: float, stride: int) -> float:
    """What |correlation| of the distance from an average over `back_s` with the return of the next `ahead_s`
    stays below in 95% of driftless walks of these steps: a walk seems to turn back, the more so the shorter.
    """
    random, n = np.random.default_rng(1), round(ahead_s / step_s)
    found = []
    for _ in range(WALKS):
        steps = np.abs(returns) * random.choice([-1.0, 1.0], len(returns))
        distance = lfilter([1.0], [1.0, -np.exp(-step_s / back_s)], steps)
        path = np.cumsum(steps)
        found.append(abs(correlation(distance[:-n:stride], (path[n:] - path[:-n])[::stride])))
    return float(np.quantile(found, 0.95))


def paired(new: Series, old: Series, future: Series, step_s: float, ahead_s: float) -> tuple[float, float]:
    """Interval of 95% of how much more `new` foresees than `old`: the difference of their rank correlations
    with `future`, over the same blocks of time drawn for both (Künsch 1989). NaN for less than ten blocks.
    """
    known = np.isfinite(new) & np.isfinite(old) & np.isfinite(future)
    if not known.any():
        return np.nan, np.nan
    x, z, y = (np.zeros(len(known)) for _ in range(3))
    for out, given in ((x, new), (z, old), (y, future)):
        out[known] = ranks(given[known])
    length = max(BLOCK_S, 2.0 * ahead_s) / step_s
    sums = [block_sums(each, y, known, length) for each in (x, z)]
    blocks = sums[0].shape[1]
    if blocks < 10:
        return np.nan, np.nan
    found = []
    for each in sums:
        _, own, others, both = each @ drawn(blocks, DRAWS)
        found.append(both / np.sqrt(np.maximum(own * others, 1e-12)))
    low, high = np.quantile(found[0] - found[1], [0.025, 0.975])
    return float(low), float(high)
