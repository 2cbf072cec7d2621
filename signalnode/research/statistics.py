"""What a column of scores says of what followed: rank correlation, how sure that is, and what chance gives.

The information coefficient (IC) is Spearman's rank correlation of a score with what followed within a
horizon. Neighbouring moments tell the same story twice, so none of what is said of it counts rows:

- the interval of 95% is of a bootstrap over blocks of time (Künsch 1989), drawn as sums of blocks;
- the null is every rotation of one series against the other (Politis and Romano 1992), all at once by Fourier
  transform. Its spread is Bartlett's (1935) √(Σ ρx ρy / n), and its inverse square the effective sample;
- p is of Student's t and the larger of the two errors: that over the rotations, and that of block sums. Its
  degrees of freedom are one less than there are blocks, horizons, or memories of the score, whichever are
  fewest (Ibragimov and Müller 2010): a score of the price's own past seems to turn it back in few of them.

Many looks find something in noise: `holm` says which of them are left (Holm 1979).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]

ROWS_MIN = 30  # of both columns known, for a correlation
BLOCK_S = 300.0  # moves and volumes cluster for minutes
BLOCKS_WANTED = 12  # so blocks are shorter where there is less; of 30, noise is shown twice as often
BLOCK_HORIZONS = 2.0  # a block holds so many horizons at least
BLOCKS_MIN = 20  # independent ones, below which nothing can be shown
DRAWS = 400
APART_S = 600.0  # time rotated by less is none
FFT_STEP = 1_024  # lengths are multiples, for a prime one takes ten times as long
LEVEL = 0.05  # of all the looks together


@dataclass(frozen=True, slots=True)
class Foresight:
    """A rank correlation and what is known of it; NaN where that cannot be said."""

    ic: float
    low: float = math.nan  # the interval of 95%
    high: float = math.nan
    chance: float = math.nan  # |IC| of rotated time stays below it in 95%
    effective: float = 0.0  # as many independent rows would tell as much
    blocks: float = 0.0  # of one horizon that follow each other in the rows
    p: float = 1.0  # of so much or more by chance, whichever way


NOTHING = Foresight(math.nan)


def ranks(x: Series) -> Series:
    """Mean ranks of mean 0 and mean square 1; zeros where all are alike. `x` holds no NaN."""
    order = np.argsort(x)
    ordered = x[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    counts = np.diff(starts, append=len(x))
    out = np.empty(len(x))
    out[order] = np.repeat(starts + 0.5 * (counts - len(x)), counts)
    size = math.sqrt(float(np.mean(out * out))) if len(x) else 0.0
    return out / size if size > 0.0 else out


def correlation(x: Series, y: Series) -> float:
    """Spearman's, over the rows at which both are known; NaN for less than ROWS_MIN."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < ROWS_MIN:
        return math.nan
    return float(np.mean(ranks(x[known]) * ranks(y[known])))


class Ranked:
    """A column as standardised ranks, 0 where it is unknown: what many comparisons share, made once.

    `values` stand at times one step apart; NaN is unknown.
    """

    def __init__(self, values: npt.ArrayLike) -> None:
        given = np.asarray(values, np.float64)
        self.known = np.isfinite(given)
        self.ranks = np.zeros(len(given))
        self.ranks[self.known] = ranks(given[self.known])
        self.varies = bool(self.ranks.any())

    def __len__(self) -> int:
        return len(self.ranks)

    @functools.cached_property
    def spectrum(self) -> npt.NDArray[np.complex128]:
        """Its Fourier transform, padded with unknown rows to a length that is quickly done."""
        return np.fft.rfft(self.ranks, -(-len(self) // FFT_STEP) * FFT_STEP)

    @functools.cached_property
    def memory(self) -> float:
        """Rows that tell one story: twice the time constant of a decay with the same half-life."""
        together = np.fft.irfft(np.abs(self.spectrum) ** 2)[: len(self) // 2]
        below = np.flatnonzero(together < 0.5 * together[0])
        return 2.0 / math.log(2.0) * float(below[0] if len(below) else len(self))


def foresight(x: Ranked, y: Ranked, step_s: float, horizon_s: float) -> Foresight:
    """How well `x` foresees `y`, what followed it within `horizon_s`; rows are `step_s` apart."""
    both = x.known & y.known
    count = int(both.sum())
    if count < ROWS_MIN or not (x.varies and y.varies):
        return NOTHING
    a, b = x.ranks, y.ranks
    block_s = max(min(BLOCK_S, count * step_s / BLOCKS_WANTED), BLOCK_HORIZONS * horizon_s)
    size = math.sqrt(float((a * a)[both].sum() * (b * b)[both].sum()))
    if not size > 0.0:
        return NOTHING
    ic = float((a * b)[both].sum()) / size
    sums = block_sums(a, b, both, block_s / step_s)
    chance, error = rotated(x, y, size, step_s)
    blocks = count * step_s / horizon_s
    low, high = bootstrapped(sums)
    largest = max(error, block_error(sums, ic)) if math.isfinite(error) else math.nan
    freedom = int(min(sums.shape[1], blocks, count / x.memory)) - 1
    p = student_p(ic / largest, freedom) if largest > 0.0 and freedom > 0 else 1.0
    effective = min(1.0 / error**2, count) if error > 0.0 else blocks
    return Foresight(ic, low, high, chance, effective, blocks, p)


def block_sums(a: Series, b: Series, both: npt.NDArray[np.bool_], length: float) -> Series:
    """By block of `length` rows: how many are known, Σ a², Σ b², Σ ab over them; shape (4, blocks). What is
    under half of one, at the end or before a gap, is none: it says nothing of how sure the rest is.
    """
    starts = np.arange(0, len(a), max(1, round(length)))
    kept = both.astype(np.float64)
    sums = np.stack([np.add.reduceat(v, starts) for v in (kept, a * a * kept, b * b * kept, a * b)])
    return sums[:, sums[0] >= 0.5 * sums[0].max()]


def bootstrapped(sums: Series, draws: int = DRAWS) -> tuple[float, float]:
    """Interval of 95% of the correlation whose block sums these are; NaN for less than ten blocks."""
    blocks = sums.shape[1]
    if blocks < 10:
        return math.nan, math.nan
    _, aa, bb, ab = sums @ drawn(blocks, draws)
    low, high = np.quantile(ab / np.sqrt(np.maximum(aa * bb, 1e-12)), [0.025, 0.975])
    return float(low), float(high)


@functools.lru_cache(maxsize=8)
def drawn(blocks: int, draws: int) -> Series:
    """How often each block is taken in each draw, shape (blocks, draws)."""
    chances = np.full(blocks, 1.0 / blocks)
    return np.random.default_rng(1).multinomial(blocks, chances, draws).T.astype(np.float64)


def block_error(sums: Series, ic: float) -> float:
    """Standard error of the correlation, from its blocks taken as independent (delta method)."""
    _, aa, bb, ab = sums
    blocks = len(ab)
    if blocks < 2:
        return math.nan
    size = math.sqrt(float(aa.sum() * bb.sum()))
    influence = ab / size - 0.5 * ic * (aa / aa.sum() + bb / bb.sum())
    return math.sqrt(blocks / (blocks - 1) * float(np.sum(influence**2)))


def rotated(x: Ranked, y: Ranked, size: float, step_s: float) -> tuple[float, float]:
    """|Correlation| under 95% of the rotations by APART_S and more, and their standard error; NaN where the
    rows are too few for that.
    """
    apart = round(APART_S / step_s)
    if len(x) <= 4 * apart:
        apart = len(x) // 8
    if apart < 1:
        return math.nan, math.nan
    length = -(-len(x) // FFT_STEP) * FFT_STEP
    shifted = np.fft.irfft(x.spectrum * np.conj(y.spectrum), length)[apart:-apart] / size
    error = math.sqrt(float(np.mean(shifted * shifted)))
    place = int(0.95 * len(shifted))
    return float(np.partition(np.abs(shifted), place)[place]), error


def student_p(t: float, freedom: int) -> float:
    """P(|T| ≥ |t|) of Student's t with whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(abs(t) / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = total = (math.cos(angle) if freedom > 1 else 0.0) if odd else 1.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    within = 2.0 / math.pi * (angle + sine * total) if odd else sine * total
    return min(max(1.0 - within, 0.0), 1.0)


def holm(p: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which of these looks are left when all together may be wrong with probability `level` (Holm 1979)."""
    left = [False] * len(p)
    for place, at in enumerate(sorted(range(len(p)), key=lambda at: p[at])):
        if not p[at] <= level / (len(p) - place):
            break
        left[at] = True
    return left
