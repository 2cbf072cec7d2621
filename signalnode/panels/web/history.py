"""The last quarter of an hour of every market, so that a chart has a past when it is opened. Pure.

One place a step, round and round: a market takes 8 + k bytes of it, 14 kB in all, and a thousand 14 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from signalnode.bus.wire import MarketState, ViewMessage
from signalnode.clock import NS_PER_S

STEP_NS = NS_PER_S
STEPS_MAX = 900  # 15 minutes
COLUMNS_MAX = 64  # scores of a market, as on the wire
UNKNOWN = 255  # as a score's byte; the others are halves of a point: 0 to 200
STRIP_STEPS = 60
STRIP_UNKNOWN = -128
REGIME_STEPS = 180
NOT_HEARD = frozenset({"unheard", "silent", "down", "ended"})  # what such a market said last is over

Bytes = npt.NDArray[np.uint8]


def score_rows(markets: Sequence[MarketState], columns: Sequence[str]) -> Bytes:
    """Their scores in the order of `columns`, a byte each, twice the score or UNKNOWN; shape (n, columns)."""
    nothing = [UNKNOWN / 2] * len(columns)
    in_order = itemgetter(*columns) if len(columns) > 1 else None
    rows: list[Sequence[float]] = []
    for market in markets:
        scores, unknown = market.scores, market.unknown
        if market.mid <= 0.0:
            rows.append(nothing)
        elif in_order and not unknown and len(scores) == len(columns):
            rows.append(in_order(scores))
        else:
            known = {name: score for name, score in scores.items() if name not in unknown}
            rows.append([known.get(name, UNKNOWN / 2) for name in columns])
    values = np.array(rows, np.float64).reshape(len(rows), len(columns))
    return np.rint(2.0 * values).astype(np.uint8)


class History:
    """Mids and scores of every market at the last STEPS_MAX whole steps, the same steps for all."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()
        self._times_ms = np.zeros(STEPS_MAX)
        self._regimes: dict[str, Bytes] = {}
        self._mids: dict[str, npt.NDArray[np.float64]] = {}
        self._scores: dict[str, Bytes] = {}
        self._count = 0  # steps taken so far
        self._step = -1

    def take(self, view: ViewMessage, columns: tuple[str, ...]) -> None:
        """Keep it as the step that its time is in, unless there is one. Other columns begin anew."""
        time_ns, markets = view.time_published_ns, view.markets
        if time_ns // STEP_NS <= self._step:
            return
        if columns != self.columns:
            self.columns, self._scores, self._mids = columns, {}, {}
        self._step = time_ns // STEP_NS
        for gone in self._mids.keys() - markets.keys():
            del self._mids[gone], self._scores[gone]
        at = self._count % STEPS_MAX
        self._times_ms[at] = time_ns / 1e6
        rows = score_rows(list(markets.values()), columns)
        for row, (name, state) in zip(rows, markets.items(), strict=True):
            if name not in self._mids:
                self._mids[name] = np.full(STEPS_MAX, np.nan)
                self._scores[name] = np.full((STEPS_MAX, len(columns)), UNKNOWN, np.uint8)
            is_shown = state.state not in NOT_HEARD and state.mid > 0.0
            self._mids[name][at] = state.mid if is_shown else np.nan
            self._scores[name][at] = row if is_shown else UNKNOWN
        for regime, strength in view.regime.items():
            strengths = self._regimes.setdefault(regime, np.full(STEPS_MAX, UNKNOWN, np.uint8))
            strengths[at] = round(2 * strength)
        self._count += 1

    def of(self, market: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], Bytes]:
        """Times (ms since 1970), mids (NaN: none), scores as bytes, oldest first: (n,), (n,), (n, k)."""
        order = self._order(STEPS_MAX)
        if market not in self._mids:
            return np.empty(0), np.empty(0), np.empty((0, len(self.columns)), np.uint8)
        return self._times_ms[order], self._mids[market][order], self._scores[market][order]

    def strips(self, markets: Sequence[str]) -> npt.NDArray[np.int8]:
        """The last minute's stronger side of momentum, shape (markets, STRIP_STEPS): the long's strength, the
        short's below 0, STRIP_UNKNOWN where there is none.
        """
        strips = np.full((len(markets), STRIP_STEPS), STRIP_UNKNOWN, np.int8)
        if not {"momentum_long", "momentum_short"} <= set(self.columns):
            return strips
        both = [self.columns.index("momentum_long"), self.columns.index("momentum_short")]
        order = self._order(STRIP_STEPS)
        for row, name in enumerate(markets):
            if name in self._scores and len(order):
                strips[row, -len(order) :] = stronger(*self._scores[name][order][:, both].T)
        return strips

    def regimes(self, names: Sequence[str]) -> Bytes:
        """The last minutes of each regime as bytes, shape (names, REGIME_STEPS), UNKNOWN before the first."""
        rows = np.full((len(names), REGIME_STEPS), UNKNOWN, np.uint8)
        order = self._order(REGIME_STEPS)
        for row, name in enumerate(names):
            if name in self._regimes and len(order):
                rows[row, -len(order) :] = self._regimes[name][order]
        return rows

    def _order(self, steps: int) -> npt.NDArray[np.intp]:
        count = min(self._count, steps)
        return np.arange(self._count - count, self._count) % STEPS_MAX


def stronger(long: Bytes, short: Bytes) -> npt.NDArray[np.int8]:
    """The larger of two scores as bytes, in whole points, the short's below 0. Shape as given."""
    longs, shorts = (long // 2).astype(np.int8), (short // 2).astype(np.int8)
    sides = np.where(longs >= shorts, longs, -shorts).astype(np.int8)
    sides[(long == UNKNOWN) | (short == UNKNOWN)] = STRIP_UNKNOWN
    return sides
