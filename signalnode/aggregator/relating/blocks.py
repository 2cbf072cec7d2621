"""Correlation and lead of a block of markets with another, by products of matrices. Pure.

The formulas of `measures/correlation.py` and `measures/lead.py`, whose sums over steps are products here:
with y = √w x, Σ w x_i x_j = (YᵀY)_ij, and Σ w(t) x_i(t−l) x_j(t) = λ^(−l/2) Σ y_i(t−l) y_j(t). Where neither
block has a gap, of the sums of a couple only these are left: the others are the same for all. In float32, of
series brought to mean 0 and deviation 1 in double precision first: right to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.correlation import VARIANCE_MIN
from signalnode.aggregator.measures.decay import STEPS_MIN
from signalnode.aggregator.relating.ring import Flags, Singles

SHARE_MIN = 1e-6  # of a series' variance over all its steps, in those shared; less is rounding, thus constant

Steps = npt.NDArray[np.int8]


@dataclass(slots=True)
class Window:
    """What all blocks of one pass share."""

    roots: Singles  # √w of each step, shape (steps,)
    present: Flags  # of which steps anything came
    decay: float

    @property
    def weight(self) -> float:
        """Σ w of the steps that came."""
        return float(np.square(self.roots[self.present], dtype=np.float64).sum())

    def lagged_weight(self, lag: int) -> float:
        """Σ w(t) over steps that came, as did the one `lag` before."""
        both = self.present[lag:] & self.present[: max(len(self.present) - lag, 0)]
        return float(np.square(self.roots[lag:][both], dtype=np.float64).sum())


class Block:
    """Some markets over the window, ready for products; `values`, shape (steps, markets), has NaN in gaps."""

    __slots__ = (
        "here",
        "is_constant",
        "is_whole",
        "raw",
        "scaled",
        "shift",
        "size",
        "squares",
        "tilt",
        "window",
    )

    def __init__(self, values: Singles, window: Window, *, lagged: bool = True) -> None:
        self.window, self.size = window, values.shape[1]
        self.here: Singles | None = None
        self.squares: Singles | None = None
        here = np.isfinite(values)
        self.is_whole = bool((here == window.present[:, None]).all())
        x = values.astype(np.float64)
        x[~here] = 0.0
        weight = np.square(window.roots.astype(np.float64))
        seen = np.full(self.size, window.weight) if self.is_whole else weight @ here.astype(np.float64)
        with np.errstate(all="ignore"):
            mean = (weight @ x) / seen
            np.subtract(x, mean, out=x, where=here)
            variance = (weight @ np.square(x)) / seen
            mean_square = variance + np.square(mean)
            self.is_constant = ~(variance > VARIANCE_MIN * mean_square)
            deviation = np.where(self.is_constant, 1.0, np.sqrt(variance))
            rms = np.sqrt(mean_square)
            self.tilt = np.nan_to_num(deviation / rms).astype(np.float32)
            self.shift = np.nan_to_num(mean / rms).astype(np.float32)
            x /= deviation
        root = window.roots[:, None]
        z = x.astype(np.float32)
        self.scaled: Singles = z * root  # mean 0, deviation 1
        self.raw: Singles | None = None
        if lagged:  # root mean square 1, and no mean taken out
            self.raw = self.scaled * self.tilt
            np.add(self.raw, root * self.shift, out=self.raw, where=here)
        if not self.is_whole:
            self.here = here * root
            self.squares = z * self.scaled


@dataclass(slots=True)
class Couples:
    """Of rows with columns: ρ, NaN while unknown; the lead in steps, row before column; ρ at that lead."""

    correlation: Singles
    lead: Steps
    lead_correlation: Singles


def correlated(rows: Block, columns: Block) -> tuple[Singles, Singles]:
    """(ρ, the same with no mean taken out) of every row with every column; NaN while unknown or constant."""
    rho = rows.scaled.T @ columns.scaled
    if rows.is_whole and columns.is_whole:
        weight = rows.window.weight
        rho /= np.float32(max(weight, STEPS_MIN))
        plain = rho * rows.tilt[:, None] * columns.tilt + rows.shift[:, None] * columns.shift
        if weight < STEPS_MIN:
            rho[:], plain[:] = np.nan, np.nan
    else:
        rho, plain = _with_gaps(rho, rows, columns)
    np.clip(rho, -1.0, 1.0, out=rho)
    rho[rows.is_constant], rho[:, columns.is_constant] = np.nan, np.nan
    return rho, plain


def coupled(rows: Block, columns: Block, lags: int) -> Couples:
    """Of every row with every column: ρ, and the lag of the largest |ρ|, the shortest of equal ones."""
    rho, best = correlated(rows, columns)
    np.nan_to_num(best, copy=False)
    lead = np.zeros(rho.shape, np.int8)
    for lag in range(1, lags + 1):
        ahead = _lagged(rows, columns, lag)
        behind = ahead.T if rows is columns else _lagged(columns, rows, lag).T
        is_ahead, is_behind = np.abs(ahead) > np.abs(behind), np.abs(behind) > np.abs(ahead)
        either = np.where(is_ahead, ahead, behind)
        stronger = np.abs(either) > np.abs(best)
        np.copyto(best, either, where=stronger)
        np.copyto(lead, np.int8(lag) * (is_ahead.astype(np.int8) - is_behind.astype(np.int8)), where=stronger)
    return Couples(rho, lead, best)


def _with_gaps(cross: Singles, rows: Block, columns: Block) -> tuple[Singles, Singles]:
    here, there = _presence(rows), _presence(columns)
    with np.errstate(all="ignore"):
        weight: Singles = here.T @ there
        first = (rows.scaled.T @ there) / weight  # means and squares over the steps that two share
        second = (here.T @ columns.scaled) / weight
        spread = (_squares(rows).T @ there) / weight - first * first
        other = (here.T @ _squares(columns)) / weight - second * second
        cross /= weight
        plain = rows.tilt[:, None] * cross * columns.tilt
        plain += rows.tilt[:, None] * first * columns.shift
        plain += rows.shift[:, None] * second * columns.tilt
        plain += rows.shift[:, None] * columns.shift
        cross -= first * second
        cross /= np.sqrt(spread * other)
    unknown = weight < STEPS_MIN
    plain[unknown] = np.nan
    cross[unknown | ~(spread > SHARE_MIN) | ~(other > SHARE_MIN)] = np.nan
    return cross, plain


def _lagged(leading: Block, following: Block, lag: int) -> Singles:
    """ρ at `lag`: the leading then, the following now; 0 while unknown."""
    window, then, now = leading.window, leading.raw, following.raw
    if then is None or now is None:
        raise ValueError("blocks that were not made for lags")
    until = max(len(window.roots) - lag, 0)
    rho: Singles = then[:until].T @ now[lag:]
    scale = window.decay ** (-lag / 2)
    if leading.is_whole and following.is_whole:
        weight = window.lagged_weight(lag)
        if weight < STEPS_MIN:
            return np.zeros_like(rho)
        rho *= np.float32(scale / weight)
        return rho
    weights = _presence(leading)[:until].T @ _presence(following)[lag:]
    unknown = weights < STEPS_MIN / scale
    with np.errstate(all="ignore"):
        rho /= weights
    rho[unknown] = 0.0
    return rho


def _presence(block: Block) -> Singles:
    if block.here is not None:
        return block.here
    window = block.window
    column: Singles = np.where(window.present, window.roots, 0.0).astype(np.float32)
    return np.broadcast_to(column[:, None], (len(column), block.size))


def _squares(block: Block) -> Singles:
    if block.squares is not None:
        return block.squares
    return (np.square(block.scaled) / block.window.roots[:, None]).astype(np.float32, copy=False)


class Sum:
    """Sum of ρ over the couples of different markets of whole blocks, none of which needs to be worked out:
    Σ_ij Σ w z_i z_j is Σ w (Σ_i z_i)².
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._total = np.zeros(len(window.roots))
        self._markets = 0

    def add(self, block: Block) -> None:
        """Take in one block without gaps."""
        varied = ~block.is_constant
        self._total += block.scaled[:, varied].sum(axis=1, dtype=np.float64)
        self._markets += int(np.count_nonzero(varied))

    def read(self) -> tuple[float, int]:
        """(sum, couples, each counted twice)."""
        weight, count = self._window.weight, self._markets
        if weight < STEPS_MIN:
            return 0.0, 0
        return float(np.square(self._total).sum() / weight) - count, count * (count - 1)
