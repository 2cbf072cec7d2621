"""Time-decayed second moments of many series at once, each pair over the steps at which both were there.

Exponential weights by step, as in RiskMetrics (J.P. Morgan, 1996): a step k steps ago weighs λ^k. Instead of
decaying n² numbers at every step, the newest step's weight grows by 1/λ, and everything is scaled back before
it can overflow: the ratio of sums is the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

GAIN_MAX = 1e100  # rescale above; doubles reach 1e308
STEPS_MIN = 10.0  # weighted steps below which a correlation says nothing and is NaN
VARIANCE_MIN = 1e-14  # of a series' mean square; less is rounding, and counts as constant
LANCZOS_FROM = 100  # rows; up to here LAPACK takes half a millisecond
LANCZOS_STEPS_MAX = 80  # then LAPACK after all


class Workspace:
    """Scratch matrices that every reading uses again:

    large ones made anew each time would tear the heap apart.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.numbers = np.empty((4, size, size))
        self.flag = np.empty((size, size), dtype=np.bool_)


class CrossMoments:
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

    def rearranged(self, rows: list[int | None]) -> CrossMoments:
        """The same for another choice of columns:

        `rows[k]` is the old place of new column k, None a new one.
        """
        old = np.array([row for row in rows if row is not None], dtype=np.intp)
        new = np.array([k for k, row in enumerate(rows) if row is not None], dtype=np.intp)
        other = CrossMoments(len(rows), self._sums.shape[1], self._decay)
        other._gain = self._gain
        other._weight[np.ix_(new, new)] = self._weight[np.ix_(old, old)]
        for kind in range(3):
            for number in range(self._sums.shape[1]):
                other._sums[kind, number][np.ix_(new, new)] = self._sums[kind, number][np.ix_(old, old)]
        return other

    def _accumulate(self, into: Floats, left: npt.ArrayLike, right: npt.ArrayLike) -> None:
        np.multiply.outer(left, right, out=self._spare)
        into += self._spare


class LagMoments:
    """Cross-correlation of returns at lags 0 to `lags` steps, and from it who moves first.

    ρ_l(i, j) = (Σ w x_i(t−l) x_j(t) / Σ w m_i(t−l) m_j(t)) / (σ_i σ_j) with σ_i² = Σ w x_i² / Σ w m_i:
    returns have no mean worth subtracting at these steps, as in realised covariance (Andersen and others,
    2003). The lead of i over j is the lag of the largest |ρ| in both directions (Huth and Abergel, High
    frequency lead/lag, 2014).
    """

    def __init__(self, size: int, lags: int, decay: float) -> None:
        self._lags, self._decay = lags, decay
        self._gain = 1.0
        self._cross = np.zeros((lags + 1, size, size))
        self._weight = np.zeros((lags + 1, size, size))
        self._square = np.zeros(size)
        self._seen = np.zeros(size)
        self._past = np.full((lags + 1, size), np.nan)  # row l: l steps ago
        self._spare = np.empty((size, size))

    def add(self, returns: Floats) -> None:
        """Add one step; shape (size,), NaN where a market has no return."""
        self._gain /= self._decay
        if self._gain > GAIN_MAX:
            for total in (self._cross, self._weight, self._square, self._seen):
                np.divide(total, self._gain, out=total)
            self._gain = 1.0
        self._past = np.roll(self._past, 1, axis=0)
        self._past[0] = returns
        mask = np.isfinite(returns)
        now, here = np.where(mask, returns, 0.0) * self._gain, mask * self._gain
        self._square += now * np.where(mask, returns, 0.0)
        self._seen += here
        for lag, row in enumerate(self._past):
            before = np.isfinite(row)
            np.multiply.outer(np.where(before, row, 0.0), now, out=self._spare)
            self._cross[lag] += self._spare
            np.multiply.outer(before.astype(np.float64), here, out=self._spare)
            self._weight[lag] += self._spare

    def at(self, lag: int, out: Floats | None = None, flag: npt.NDArray[np.bool_] | None = None) -> Floats:
        """Matrix of ρ_lag: row now minus `lag` steps, column now; NaN while unknown."""
        weight = self._weight[lag]
        with np.errstate(all="ignore"):
            precision = 1.0 / np.sqrt(self._square / self._seen)
            rho: Floats = np.divide(self._cross[lag], weight, out=out)
            rho *= precision
            rho *= precision[:, None]
        unknown = np.less(weight, STEPS_MIN * self._gain, out=flag)
        np.copyto(rho, np.nan, where=unknown)
        return rho

    def leads(self) -> tuple[Floats, Floats]:
        """(lead, ρ at that lead), each (size, size): row leads column by so many steps; both 0 while unknown.

        Of equal |ρ| the shortest lag counts. Antisymmetric in the lead, symmetric in ρ.
        """
        *_, found = self.leads_by_lag()
        return found

    def leads_by_lag(
        self, work: Workspace | None = None, into: tuple[Floats, Floats] | None = None
    ) -> Iterator[tuple[Floats, Floats]]:
        """`leads` in pieces of work: what is found within 0, 1, … lags; the last is the answer."""
        work = work or Workspace(len(self._square))
        lead, best = into or (np.empty_like(work.numbers[0]), np.empty_like(work.numbers[0]))
        ahead, either, spare, mask = work.numbers
        flag = work.flag
        np.nan_to_num(self.at(0, best, flag), copy=False)
        lead[:] = 0.0
        yield lead, best
        for lag in range(1, self._lags + 1):
            np.nan_to_num(self.at(lag, ahead, flag), copy=False)
            np.copyto(either, ahead.T)
            np.abs(ahead, out=spare)
            np.copyto(mask, np.greater(spare, spare.T, out=flag))  # 1 where the row is stronger ahead
            _choose(either, ahead, mask, spare)
            np.subtract(mask, mask.T, out=ahead)  # +1 where the row leads, −1 where the column does
            ahead *= lag
            np.abs(either, out=spare)
            np.copyto(mask, np.greater(spare, np.abs(best, out=mask), out=flag))
            _choose(best, either, mask, spare)
            _choose(lead, ahead, mask, spare)
            yield lead, best

    def rearranged(self, rows: list[int | None]) -> LagMoments:
        """The same for another choice of columns, as CrossMoments.rearranged."""
        old = np.array([row for row in rows if row is not None], dtype=np.intp)
        new = np.array([k for k, row in enumerate(rows) if row is not None], dtype=np.intp)
        other = LagMoments(len(rows), self._lags, self._decay)
        other._gain = self._gain
        other._square[new], other._seen[new] = self._square[old], self._seen[old]
        other._past[:, new] = self._past[:, old]
        for lag in range(self._lags + 1):
            other._cross[lag][np.ix_(new, new)] = self._cross[lag][np.ix_(old, old)]
            other._weight[lag][np.ix_(new, new)] = self._weight[lag][np.ix_(old, old)]
        return other


def _choose(into: Floats, other: Floats, mask: Floats, spare: Floats) -> None:
    """into ← other where mask is 1, exactly; `other` is spoilt. A third of what a masked copy takes."""
    np.subtract(1.0, mask, out=spare)
    into *= spare
    other *= mask
    into += other


def largest_eigenvalue(matrix: Floats) -> float:
    """Largest eigenvalue of a symmetric matrix: exactly for small ones, by Lanczos iteration for large ones.

    Lanczos (1950) with full reorthogonalisation; stops when the residual bound of the Ritz pair, whose
    square over the gap bounds the error of the value, is under 1e-7 of it. Right to 1e-9 where LAPACK is,
    which takes 36 times as long for 500 rows, all in one view (docs/decisions/speed.md).
    """
    size = len(matrix)
    if size <= LANCZOS_FROM:
        return float(np.linalg.eigvalsh(matrix)[-1]) if size else 0.0
    basis = np.zeros((LANCZOS_STEPS_MAX + 1, size))
    basis[0] = 1.0 / np.sqrt(size) + np.linspace(-1e-3, 1e-3, size)
    basis[0] /= np.linalg.norm(basis[0])
    alpha, beta = np.zeros(LANCZOS_STEPS_MAX), np.zeros(LANCZOS_STEPS_MAX)
    for k in range(LANCZOS_STEPS_MAX):
        step = matrix @ basis[k]
        alpha[k] = basis[k] @ step
        for _ in range(2):
            step -= basis[: k + 1].T @ (basis[: k + 1] @ step)
        beta[k] = np.linalg.norm(step)
        if k % 4 == 3 or beta[k] < 1e-12:
            inner = np.diag(alpha[: k + 1]) + np.diag(beta[:k], 1) + np.diag(beta[:k], -1)
            values, vectors = np.linalg.eigh(inner)
            if beta[k] * abs(vectors[-1, -1]) <= 1e-7 * abs(values[-1]):
                return float(values[-1])
        basis[k + 1] = step / beta[k]
    return float(np.linalg.eigvalsh(matrix)[-1])
