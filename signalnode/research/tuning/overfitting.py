"""How much of a best result is owed to its having been looked for.

Both take `gains`, shape (candidates, blocks): how much better each candidate did in each block than what
stands now. The first candidate may be what stands, with gains of 0.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from signalnode.research.tuning.splits import groups_of, halvings

Gains = npt.NDArray[np.float64]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def overfitting_probability(teaching: Gains, examining: Gains | None = None) -> float:
    """Probability of backtest overfitting: how often the best candidate of one half of the blocks is below
    the middle of all in the other half, over every way of halving (CSCV: Bailey, Borwein, López de Prado and
    Zhu, The probability of backtest overfitting, Journal of Computational Finance, 2015).

    `examining` are the gains that it is examined by, where these are others than those that teach.
    """
    examining = teaching if examining is None else examining
    starts = groups_of(teaching.shape[1])
    inside = halvings(len(starts))
    taught = _means(teaching, starts, inside)
    examined = _means(examining, starts, 1.0 - inside)
    best = np.argmax(taught, axis=1)
    mine = np.take_along_axis(examined, best[:, None], axis=1)
    below = np.sum(examined < mine, axis=1) + 0.5 * np.sum(examined == mine, axis=1)
    return float(np.mean(below / examined.shape[1] <= 0.5))


def _means(gains: Gains, starts: npt.NDArray[np.int64], chosen: Gains) -> Gains:
    """The mean gain of each candidate over the blocks of the chosen groups, shape (ways, candidates)."""
    sums = np.ascontiguousarray(np.add.reduceat(gains, starts, axis=1).T)
    sizes = np.diff(starts, append=gains.shape[1]).astype(float)
    # Not by matrix product, whose threads cost more than they bring; in rows of candidates, half the time.
    out: Gains = np.einsum("wg,gc->wc", chosen, sums)
    out /= np.einsum("wg,g->w", chosen, sizes)[:, None]
    return out


def deflated_probability(gains: Gains, best: int) -> float:
    """The probability that the candidate `best` is better than what stands, after all that was tried.

    Its ratio of mean gain to deviation over the blocks is held against the highest that as many candidates
    without any gain would show by chance (deflated Sharpe ratio: Bailey and López de Prado, Journal of
    Portfolio Management, 2014), gains of the information coefficient by block in the place of returns.
    """
    moving = gains[gains.std(axis=1) > 0.0]
    own = gains[best]
    if len(moving) < 2 or own.std() == 0.0:
        return 0.0
    ratios = moving.mean(axis=1) / moving.std(axis=1, ddof=1)
    ratio = own.mean() / own.std(ddof=1)
    deviations = (own - own.mean()) / own.std()
    skewness, kurtosis = np.mean(deviations**3), np.mean(deviations**4)
    spread = 1.0 - skewness * ratio + 0.25 * (kurtosis - 1.0) * ratio * ratio
    blocks = gains.shape[1]
    by_chance = min(float(ratios.std(ddof=1)), 1.0 / math.sqrt(blocks - 1))
    surprise = ratio - highest_by_chance(len(moving), by_chance)
    return _NORMAL.cdf(float(surprise * math.sqrt((blocks - 1) / max(spread, 1e-12))))


def highest_by_chance(count: int, deviation: float) -> float:
    """The highest to expect of `count` ≥ 2 normal figures of mean 0 and that standard deviation."""
    quantiles = (_NORMAL.inv_cdf(1.0 - 1.0 / (count * share)) for share in (1.0, math.e))
    nearer, farther = quantiles
    return deviation * ((1.0 - _EULER) * nearer + _EULER * farther)
