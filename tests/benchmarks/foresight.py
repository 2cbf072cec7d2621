"""How much of what follows a reading foresees, how far chance alone would come, and how steady a score is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.stats import rankdata

Series = npt.NDArray[np.float64]

BLOCK_S = 300.0  # moves and volumes cluster for minutes
DRAWS = 300
WALKS = 20
NULL_S = 600.0  # time shifted by less is no shuffle
DECILES = np.arange(10, 100, 10)


class Foresight(NamedTuple):
    """A rank correlation, its 95% interval, and what chance stays below in 95%; NaN where unknown."""

    correlation: float
    low: float = np.nan
    high: float = np.nan
    chance: float = np.nan


NOTHING = Foresight(np.nan)


def ranks(x: Series) -> Series:
    """Ranks of mean 0 and mean square 1; zeros where all are alike."""
    out = rankdata(x) - 0.5 * (len(x) + 1)
    size = np.sqrt(np.mean(out * out))
    standardised: Series = out / size if size > 0.0 else out
    return standardised


def correlation(x: Series, y: Series) -> float:
    """Spearman's rank correlation over the rows at which both are known; NaN for less than 30."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 30:
        return float("nan")
    return float(np.mean(ranks(x[known]) * ranks(y[known])))


def foresight(x: Series, y: Series, step_s: float) -> Foresight:
    """`correlation`, with an interval from a bootstrap over blocks of time, and what shuffled time gives.

    Shuffled: every circular shift of one against the other by NULL_S and more, at once by Fourier transform.
    """
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 30 or np.ptp(x[known]) == 0.0:
        return NOTHING
    a, b = ranks(x[known]), ranks(y[known])
    block = max(1, round(BLOCK_S / step_s))
    starts = np.arange(0, len(a), block)
    sums = np.stack([np.add.reduceat(v, starts) for v in (np.ones(len(a)), a, b, a * a, b * b, a * b)])
    picks = np.random.default_rng(1).integers(0, len(starts), (DRAWS, len(starts)))
    n, sa, sb, saa, sbb, sab = sums[:, picks].sum(axis=2)
    spread = np.sqrt(np.maximum((saa / n - (sa / n) ** 2) * (sbb / n - (sb / n) ** 2), 1e-12))
    low, high = np.quantile((sab / n - sa * sb / n**2) / spread, [0.025, 0.975])
    apart = round(NULL_S / step_s)
    chance = np.nan
    if len(a) > 4 * apart:
        shifted = np.fft.irfft(np.fft.rfft(a) * np.conj(np.fft.rfft(b)), len(a)) / len(a)
        chance = float(np.quantile(np.abs(shifted[apart:-apart]), 0.95))
    few = len(starts) < 10
    return Foresight(float(np.mean(a * b)), np.nan if few else low, np.nan if few else high, chance)


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


class Steadiness(NamedTuple):
    """How a score moves: the farthest that a decile is off, the share of time above 90, the lag in seconds at
    which its autocorrelation falls to a half, and trips 90 → 10 → 90 an hour.
    """

    off: float
    above: float
    half_life_s: float
    trips: float


def steadiness(score: Series, step_s: float) -> Steadiness:
    """`score` at times `step_s` apart."""
    off = float(np.max(np.abs(np.quantile(score, DECILES / 100.0) - DECILES)))
    ends = score[(score >= 90.0) | (score <= 10.0)] >= 90.0
    trips = np.count_nonzero(ends[1:] != ends[:-1]) / 2.0 / (len(score) * step_s / 3_600.0)
    return Steadiness(off, float(np.mean(score > 90.0)), _half_life_s(score, step_s), trips)


def _half_life_s(score: Series, step_s: float) -> float:
    centred = score - score.mean()
    power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    together = np.fft.irfft(power)[: len(centred)] / np.arange(len(centred), 0, -1)
    if together[0] <= 0.0:
        return float("inf")
    below = np.flatnonzero(together < 0.5 * together[0])
    return float(below[0] * step_s) if len(below) else float("inf")
