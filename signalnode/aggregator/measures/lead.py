"""Who moves first: correlation of returns at lags in both directions, decayed in time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.decay import (
    GAIN_MAX,
    STEPS_MIN,
    Floats,
    Workspace,
    old_and_new,
    zero_unknown,
)


class LaggedCorrelations:
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

    def leads_by_lag(
        self, work: Workspace | None = None, into: tuple[Floats, Floats] | None = None
    ) -> Iterator[tuple[Floats, Floats]]:
        """(lead, ρ at that lead), each (size, size): row leads column by so many steps; both 0 while unknown.

        In pieces of work: what is found within 0, 1, … lags; the last is the answer. Of equal |ρ| the
        shortest lag counts. Antisymmetric in the lead, symmetric in ρ.
        """
        work = work or Workspace(len(self._square))
        lead, best = into or (np.empty_like(work.numbers[0]), np.empty_like(work.numbers[0]))
        ahead, either, spare, mask = work.numbers
        flag = work.flag
        zero_unknown(self.at(0, best, flag), flag)
        lead[:] = 0.0
        yield lead, best
        for lag in range(1, self._lags + 1):
            zero_unknown(self.at(lag, ahead, flag), flag)
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

    def rearranged(self, rows: list[int | None]) -> LaggedCorrelations:
        """The same for another choice of columns; see `old_and_new`."""
        old, new = old_and_new(rows)
        other = LaggedCorrelations(len(rows), self._lags, self._decay)
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
