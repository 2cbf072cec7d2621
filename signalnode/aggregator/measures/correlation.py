"""Correlation of many series at once, each pair over the steps at which both were there, decayed in time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.decay import GAIN_MAX, STEPS_MIN, Floats, Workspace, old_and_new

VARIANCE_MIN = 1e-14  # of a series' mean square; less is rounding, and counts as constant


class Correlations:
    """Pearson correlation of every two columns, for `series` kinds of numbers that come and go together.

    With weights w, mask m (1 where present) and values x, sums over steps: W_ij = Σ w m_i m_j, S_ij = Σ w
    x_i m_j, Q_ij = Σ w x_i² m_j, C_ij = Σ w x_i x_j. Then, over the steps that i and j share, cov_ij =
    C_ij/W_ij − S_ij S_ji/W_ij², var_i|j = Q_ij/W_ij − (S_ij/W_ij)², ρ_ij = cov_ij/√(var_i|j var_j|i).
    """

    def __init__(self, size: int, series: int, decay: float) -> None:
        self._decay = decay
        self._gain = 1.0
        self._weight = np.zeros((size, size))
        self._sums = np.zeros((3, series, size, size))  # S, Q, C
        self._spare = np.empty((size, size))

    def add(self, values: Floats) -> None:
        """Add one step; `values` has shape (series, size), NaN in every series where a column is absent."""
        self._gain /= self._decay
        if self._gain > GAIN_MAX:
            self._weight /= self._gain
            self._sums /= self._gain
            self._gain = 1.0
        mask = np.isfinite(values).all(axis=0)
        if not mask.any():
            return
        present = mask.astype(np.float64)
        self._accumulate(self._weight, present * self._gain, present)
        for number, row in enumerate(values):
            x = np.where(mask, row, 0.0)
            weighed = x * self._gain
            for kind, (left, right) in enumerate(((weighed, present), (weighed * x, present), (weighed, x))):
                self._accumulate(self._sums[kind, number], left, right)

    def correlation(self, number: int, work: Workspace | None = None) -> Floats:
        """Matrix of ρ for one series, shape (size, size); 1 on the diagonal, NaN while unknown or constant.

        With a workspace it is one of its matrices, overwritten by the next reading.
        """
        work = work or Workspace(len(self._weight))
        weight = self._weight
        s, q, c = self._sums[:, number]
        mean, square, variance, rho = work.numbers
        flag = work.flag
        with np.errstate(all="ignore"):
            np.divide(s, weight, out=mean)
            np.divide(q, weight, out=square)
            np.multiply(mean, mean, out=variance)
            np.subtract(square, variance, out=variance)
            square *= VARIANCE_MIN
            np.less_equal(variance, square, out=flag)
            np.copyto(variance, np.nan, where=flag)
            np.multiply(mean, mean.T, out=square)
            np.divide(c, weight, out=rho)
            rho -= square
            np.multiply(variance, variance.T, out=square)
            np.sqrt(square, out=square)
            rho /= square
        np.less(weight, STEPS_MIN * self._gain, out=flag)
        np.copyto(rho, np.nan, where=flag)
        np.clip(rho, -1.0, 1.0, out=rho)
        known = np.isfinite(rho.diagonal())
        np.fill_diagonal(rho, np.where(known, 1.0, np.nan))
        return rho

    def rearranged(self, rows: list[int | None]) -> Correlations:
        """The same for another choice of columns; see `old_and_new`."""
        old, new = old_and_new(rows)
        other = Correlations(len(rows), self._sums.shape[1], self._decay)
        other._gain = self._gain
        other._weight[np.ix_(new, new)] = self._weight[np.ix_(old, old)]
        for kind in range(3):
            for number in range(self._sums.shape[1]):
                other._sums[kind, number][np.ix_(new, new)] = self._sums[kind, number][np.ix_(old, old)]
        return other

    def _accumulate(self, into: Floats, left: npt.ArrayLike, right: npt.ArrayLike) -> None:
        np.multiply.outer(left, right, out=self._spare)
        into += self._spare
