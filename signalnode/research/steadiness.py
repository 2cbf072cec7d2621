"""How a score moves by itself: its spread over 0 to 100, how long it remembers, how often it crosses."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]

TENTHS = np.arange(10, 100, 10)
HIGH, LOW = 90.0, 10.0  # between which a trip goes


class Steadiness(NamedTuple):
    """The farthest that a decile is off, points; the share of time above HIGH; the lag in seconds at which
    the autocorrelation falls to a half; trips HIGH → LOW → HIGH an hour.
    """

    off: float
    above: float
    half_life_s: float
    trips: float


def steadiness(score: Series, step_s: float) -> Steadiness:
    """`score` at times `step_s` apart, without NaN."""
    off = float(np.max(np.abs(np.quantile(score, TENTHS / 100.0) - TENTHS)))
    trips = crossings(score) / 2.0 / (len(score) * step_s / 3_600.0)
    return Steadiness(off, float(np.mean(score > HIGH)), half_life_s(autocorrelation(score), step_s), trips)


def crossings(score: Series) -> int:
    """How often it went from HIGH to LOW or back."""
    ends = score[(score >= HIGH) | (score <= LOW)] >= HIGH
    return int(np.count_nonzero(ends[1:] != ends[:-1]))


def autocorrelation(series: Series) -> Series:
    """At every lag from 0, shape (n,), each by the rows it has; by Fourier. NaN where all is one."""
    centred = series - series.mean()
    power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    together = np.fft.irfft(power)[: len(centred)] / np.arange(len(centred), 0, -1)
    with np.errstate(invalid="ignore"):
        out: Series = together / together[0] if together[0] > 0.0 else np.full(len(centred), math.nan)
    return out


def half_life_s(correlations: Series, step_s: float) -> float:
    """The first lag, each `step_s` after the one before, at which it is below a half; ∞ where it never is."""
    below = np.flatnonzero(correlations < 0.5)
    return float(below[0] * step_s) if len(below) else math.inf
