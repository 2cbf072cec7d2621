"""What one market says by itself, and what all of them say together: as much of each as it deserves.

A market's gain g_m is known to a standard error s_m. What markets differ by beyond such errors is real; the
rest is chance, and drawn back to the mean of all, μ:

    μ + B_m (g_m − μ),    B_m = τ² / (τ² + s_m²),

the parametric empirical Bayes estimator (James and Stein 1961; Efron and Morris, Journal of the American
Statistical Association, 1973; for unequal errors Morris, the same, 1983). τ² is what the spread of the
markets exceeds by what their errors alone would make. It is one multiple of s², found over all candidates at
once, for a spread over a few markets says little of one; and 0 where the errors explain it all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Gains = npt.NDArray[np.float64]


def pooled(gains: Gains) -> Gains:
    """The mean over the markets that have the block, of (markets, candidates, blocks); NaN where none has."""
    known = np.isfinite(gains)
    count = known.sum(axis=0)
    total = np.where(known, gains, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def own_shares(gains: Gains) -> npt.NDArray[np.float64]:
    """B_m for each market and candidate, shape (markets, candidates): 1 what it says by itself, 0 the pool.

    `gains` has the shape (markets, candidates, blocks), with NaN where a market has no such block. Of one
    market all shares are 0: it is the pool.
    """
    means, errors = _means_and_errors(gains)
    markets = len(gains)
    usual = errors.mean(axis=0)
    if markets < 2 or not usual.sum() > 0.0:
        return np.zeros(means.shape)
    spread = np.sum((means - means.mean(axis=0)) ** 2, axis=0) / (markets - 1)
    real = max(0.0, float(spread.sum() / usual.sum()) - 1.0) * usual
    total = real + errors
    return np.where(total > 0.0, real / np.where(total > 0.0, total, 1.0), 0.0)


def shrunk(gains: Gains) -> Gains:
    """Each market's gains, block by block, with what its B_m leaves: shape as `gains`, NaN where the market
    has no such block. Their mean over a market's blocks is its estimate.
    """
    if len(gains) == 1:
        return gains
    share = own_shares(gains)[:, :, None]
    return np.where(np.isfinite(gains), share * gains + (1.0 - share) * pooled(gains), np.nan)


def _means_and_errors(gains: Gains) -> tuple[Gains, Gains]:
    """Mean gain and squared standard error by market and candidate; blocks count as independent."""
    known = np.isfinite(gains)
    count = np.maximum(known.sum(axis=2), 1)
    filled = np.where(known, gains, 0.0)
    means = filled.sum(axis=2) / count
    squares = np.where(known, (gains - means[:, :, None]) ** 2, 0.0).sum(axis=2)
    return means, squares / np.maximum(count - 1, 1) / count
