"""How far a driftless walk would come."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from signalnode.research.statistics import Series, correlation

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
