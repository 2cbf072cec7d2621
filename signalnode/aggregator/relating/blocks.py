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

SLICE_MARKETS = 32  # of a block; 0.9 MB of double precision at 3,600 steps
SHARE_MIN = 1e-6  # of a series' variance over all its steps, in those shared; less is rounding, thus constant

Steps = npt.NDArray[np.int8]


@dataclass(slots=True)
class Window:
    """What all blocks of one pass share."""

    roots: Singles  # √w of each step, shape (steps,)
    present: Flags  # of which steps anything came
    decay: float

    @property
    def known_roots(self) -> Singles:
        """√w of the steps that came, 0 of the others."""
        return np.where(self.present, self.roots, np.float32(0.0))

    @property
    def weight(self) -> float:
        """Σ w of the steps that came."""
        return float(np.square(self.roots[self.present], dtype=np.float64).sum())

    def lagged_weight(self, lag: int) -> float:
        """Σ w(t) over steps that came, as did the one `lag` before."""
        both = self.present[lag:] & self.present[: max(len(self.present) - lag, 0)]
        return float(np.square(self.roots[lag:][both], dtype=np.float64).sum())


class Block:
    """Some markets over the window, ready for products; `values`, shape (steps, markets), has NaN in gaps, is
    used up. All blocks are there at once, so they are small: what needs double precision is worked out
    SLICE_MARKETS at a time, and what gaps need for each couple of blocks (`Masked`).
    """

    __slots__ = (
        "_sums",
        "here",
        "is_constant",
        "is_whole",
        "scaled",
        "shift",
        "size",
        "tilt",
        "window",
    )

    def __init__(self, values: Singles, window: Window) -> None:
        self.window, self.size = window, values.shape[1]
        here = np.isfinite(values)
        self.is_whole = bool((here == window.present[:, None]).all())
        self.is_constant = np.empty(self.size, np.bool_)
        self.tilt, self.shift = np.empty(self.size, np.float32), np.empty(self.size, np.float32)
        self.scaled = values  # mean 0, deviation 1
        self.here: Flags | None = None if self.is_whole else here
        self._sums: dict[int, tuple[Singles, Singles]] = {}
        for begin in range(0, self.size, SLICE_MARKETS):
            markets = slice(begin, begin + SLICE_MARKETS)
            self._scale(markets, here[:, markets])

    def _scale(self, markets: slice, here: Flags) -> None:
        absent = None if here.all() else ~here.T
        roots = self.window.roots
        weight = np.square(roots.astype(np.float64))
        x = self.scaled[:, markets].T.astype(np.float64, order="C")  # a row a market: numpy likes them long
        if absent is not None:
            x[absent] = 0.0
        seen = self.window.weight if self.is_whole else here.T @ weight
        with np.errstate(all="ignore"):
            mean = (x @ weight) / seen
            x -= mean[:, None]
            if absent is not None:
                x[absent] = 0.0
            variance = (np.square(x) @ weight) / seen
            mean_square = variance + np.square(mean)
            is_constant = ~(variance > VARIANCE_MIN * mean_square)
            deviation = np.where(is_constant, 1.0, np.sqrt(variance))
            rms = np.sqrt(mean_square)
            self.tilt[markets] = np.nan_to_num(deviation / rms)
            self.shift[markets] = np.nan_to_num(mean / rms)
            x /= deviation[:, None]
        self.is_constant[markets] = is_constant
        z = x.astype(np.float32)
        z *= roots
        self.scaled[:, markets] = z.T

    def sums(self, lag: int) -> tuple[Singles, Singles]:
        """Σ √w(t) √w(t−lag) times its series, of the one then and of the one now."""
        found = self._sums.get(lag)
        if found is None:
            roots, until = self.window.known_roots, max(len(self.window.roots) - lag, 0)
            found = self.scaled[:until].T @ roots[lag:], roots[:until] @ self.scaled[lag:]
            self._sums[lag] = found
        return found


class Masked:
    """A block as one of a couple in which there are gaps."""

    __slots__ = ("_raw", "block", "here")

    def __init__(self, block: Block) -> None:
        window, self.block = block.window, block
        column = window.known_roots[:, None]
        shape = len(column), block.size
        self.here: Singles = np.broadcast_to(column, shape) if block.here is None else block.here * column
        self._raw: Singles | None = None

    def squares(self) -> Singles:
        """w z²."""
        squares: Singles = np.square(self.block.scaled)
        squares /= self.block.window.roots[:, None]
        return squares

    def raw(self) -> Singles:
        """Root mean square 1, and no mean taken out."""
        if self._raw is None:
            self._raw = self.block.scaled * self.block.tilt
            self._raw += self.here * self.block.shift
        return self._raw


@dataclass(slots=True)
class Couples:
    """Of rows with columns: ρ, NaN while unknown; the lead in steps, row before column; ρ at that lead."""

    correlation: Singles
    lead: Steps
    lead_correlation: Singles


def correlated(rows: Block, columns: Block) -> Singles:
    """ρ of every row with every column; NaN while unknown or constant."""
    return _correlated(rows, columns, _masked(rows, columns))[0]


def coupled(rows: Block, columns: Block, lags: int) -> Couples:
    """Of every row with every column: ρ, and the lag of the largest |ρ|, the shortest of equal ones."""
    masked = _masked(rows, columns)
    rho, best = _correlated(rows, columns, masked)
    np.nan_to_num(best, copy=False)
    lead = np.zeros(rho.shape, np.int8)
    for lag in range(1, lags + 1):
        ahead, behind = _lagged(rows, columns, masked, lag)
        is_ahead, is_behind = np.abs(ahead) > np.abs(behind), np.abs(behind) > np.abs(ahead)
        either = np.where(is_ahead, ahead, behind)
        stronger = np.abs(either) > np.abs(best)
        np.copyto(best, either, where=stronger)
        np.copyto(lead, np.int8(lag) * (is_ahead.astype(np.int8) - is_behind.astype(np.int8)), where=stronger)
    return Couples(rho, lead, best)


def _masked(rows: Block, columns: Block) -> tuple[Masked, Masked] | None:
    """Both, where one of them has a gap."""
    if rows.is_whole and columns.is_whole:
        return None
    one = Masked(rows)
    return one, one if rows is columns else Masked(columns)


def _correlated(rows: Block, columns: Block, masked: tuple[Masked, Masked] | None) -> tuple[Singles, Singles]:
    """(ρ, the same with no mean taken out)."""
    rho = rows.scaled.T @ columns.scaled
    if masked is None:
        weight = rows.window.weight
        rho /= np.float32(max(weight, STEPS_MIN))
        plain = rho * rows.tilt[:, None] * columns.tilt + rows.shift[:, None] * columns.shift
        if weight < STEPS_MIN:
            rho[:], plain[:] = np.nan, np.nan
    else:
        rho, plain = _with_gaps(rho, *masked)
    np.clip(rho, -1.0, 1.0, out=rho)
    rho[rows.is_constant], rho[:, columns.is_constant] = np.nan, np.nan
    return rho, plain


def _with_gaps(cross: Singles, row: Masked, column: Masked) -> tuple[Singles, Singles]:
    rows, columns, here, there = row.block, column.block, row.here, column.here
    with np.errstate(all="ignore"):
        weight: Singles = here.T @ there
        first = (rows.scaled.T @ there) / weight  # means and squares over the steps that two share
        second = (here.T @ columns.scaled) / weight
        spread = (row.squares().T @ there) / weight - first * first
        other = (here.T @ column.squares()) / weight - second * second
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


def _lagged(
    rows: Block, columns: Block, masked: tuple[Masked, Masked] | None, lag: int
) -> tuple[Singles, Singles]:
    """ρ at `lag`, shape (rows, columns): rows then, columns now, and the other way; 0 while unknown."""
    if masked is None:
        ahead = _lagged_whole(rows, columns, lag)
        return ahead, ahead.T if rows is columns else _lagged_whole(columns, rows, lag).T
    row, column = masked
    ahead = _lagged_with_gaps(row, column, lag)
    return ahead, ahead.T if rows is columns else _lagged_with_gaps(column, row, lag).T


def _lagged_with_gaps(leading: Masked, following: Masked, lag: int) -> Singles:
    window = leading.block.window
    until = max(len(window.roots) - lag, 0)
    rho: Singles = leading.raw()[:until].T @ following.raw()[lag:]
    weights = leading.here[:until].T @ following.here[lag:]
    unknown = weights < STEPS_MIN * window.decay ** (lag / 2)
    with np.errstate(all="ignore"):
        rho /= weights
    rho[unknown] = 0.0
    return rho


def _lagged_whole(leading: Block, following: Block, lag: int) -> Singles:
    """Of raw_i = tilt_i scaled_i + shift_i √w one product of large matrices is left; what the means add is
    one of two rows and two columns.
    """
    window = leading.window
    roots, until, weight = window.known_roots, max(len(window.roots) - lag, 0), window.lagged_weight(lag)
    if weight < STEPS_MIN:
        return np.zeros((leading.size, following.size), np.float32)
    scale = np.float32(window.decay ** (-lag / 2) / weight)
    then, now = leading.sums(lag)[0], following.sums(lag)[1]
    tilt, shift = leading.tilt * scale, leading.shift * scale
    before = now * following.tilt + (roots[:until] @ roots[lag:]) * following.shift
    rho: Singles = leading.scaled[:until].T @ following.scaled[lag:]
    rho *= following.tilt
    rho *= tilt[:, None]
    rho += np.stack([then * tilt, shift], axis=1) @ np.stack([following.shift, before])
    return rho


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
