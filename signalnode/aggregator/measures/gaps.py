"""The same asset elsewhere: how far a market's price lags behind the others of its asset.

With the log mids ℓ of the fresh markets of one asset at one time, for each two of them

    o_ij = ℓ_j − ℓ_i,  d_ij = o_ij − its decayed mean over MEAN_S,  gap_i = 10⁴ · mean_j d_ij  (bps):

above 0 the others stand higher against this market than they have lately, and below 0 lower. The mean takes
out what stays between two markets: a basis, a premium, the rate of another quote currency. It is one of time,
with the weight 1 − e^(−h/τ) for a step of h seconds, over the share of τ seen (as in an average that begins
with nothing), and a pair counts from KNOWN_S on. After AWAY_S without a step it begins anew. `usual_bps` is
the root of the mean square of the gap over USUAL_S. The definition is our own; that one venue's price leads
another's is old (Hasbrouck 1995).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.measures.decay import Floats
from signalnode.bus.wire import Gap, MarketState
from signalnode.clock import NS_PER_S

Flags = npt.NDArray[np.bool_]

MEAN_S = 30.0
USUAL_S = 300.0
KNOWN_S = 10.0  # a pair's time together before its offset says anything
AWAY_S = 5.0  # without a price of both; then what was between them need not be any more
BASIS_POINTS = 1e4


class Gaps:
    """The gaps of all markets of which some other quotes the same asset; `update` at every view."""

    def __init__(self) -> None:
        self._assets: dict[str, _Asset] = {}

    def expect(self, assets: Mapping[str, str]) -> None:
        """From now on these markets, each with its asset; what is known of those that stay goes on."""
        groups: dict[str, list[str]] = {}
        for market, asset in assets.items():
            groups.setdefault(asset, []).append(market)
        wanted = {asset: names for asset, names in groups.items() if len(names) > 1}
        kept = {asset: each for asset, each in self._assets.items() if wanted.get(asset) == each.markets}
        self._assets = {asset: kept.get(asset) or _Asset(names) for asset, names in wanted.items()}

    def update(self, markets: Mapping[str, MarketState], at_ns: int) -> dict[str, Gap]:
        """The gaps now, by market, of those of which one is known."""
        found: dict[str, Gap] = {}
        for asset in self._assets.values():
            found |= asset.update(markets, at_ns)
        return found


class _Asset:
    """The markets of one asset; matrices are (market, other)."""

    def __init__(self, markets: Sequence[str]) -> None:
        size = len(markets)
        self.markets = list(markets)
        self._mean = np.zeros((size, size))
        self._seen_s = np.zeros((size, size))  # together
        self._newest_ns = np.zeros((size, size), np.int64)  # when both had a price
        self._squares, self._squares_s = np.zeros(size), np.zeros(size)
        self._at_ns = 0

    def update(self, markets: Mapping[str, MarketState], at_ns: int) -> dict[str, Gap]:
        step_s, self._at_ns = (at_ns - self._at_ns) / NS_PER_S, at_ns
        logs = np.array([_log_mid(markets.get(name)) for name in self.markets])
        offsets = logs[None, :] - logs[:, None]
        both = np.isfinite(offsets)
        np.fill_diagonal(both, val=False)
        self._seen_s[both & (at_ns - self._newest_ns > AWAY_S * NS_PER_S)] = 0.0
        self._newest_ns[both] = at_ns
        gaps = self._gaps(offsets, both)
        self._learn(offsets, both, step_s)
        return self._told(gaps, step_s)

    def _gaps(self, offsets: Floats, both: Flags) -> Floats:
        """Of each market, in bps, by what was known before this step; NaN where nothing was."""
        known = both & (self._seen_s >= KNOWN_S)
        apart = np.where(known, offsets - self._mean, 0.0)
        with np.errstate(invalid="ignore"):
            gaps: Floats = BASIS_POINTS * apart.sum(axis=1) / known.sum(axis=1)
        return gaps

    def _learn(self, offsets: Floats, both: Flags, step_s: float) -> None:
        self._seen_s[both] += step_s if step_s < AWAY_S else 0.0
        first = both & (self._seen_s <= step_s)
        weight = -np.expm1(-step_s / MEAN_S) / np.maximum(-np.expm1(-self._seen_s / MEAN_S), 1e-12)
        weight = np.where(first, 1.0, np.minimum(weight, 1.0))
        self._mean = np.where(both, self._mean + weight * (offsets - self._mean), self._mean)

    def _told(self, gaps: Floats, step_s: float) -> dict[str, Gap]:
        known = np.isfinite(gaps)
        keep = math.exp(-min(step_s, AWAY_S) / USUAL_S)
        self._squares = np.where(known, keep * self._squares + (1.0 - keep) * gaps**2, self._squares)
        self._squares_s = np.where(known, keep * self._squares_s + (1.0 - keep), self._squares_s)
        usual = np.sqrt(self._squares / np.maximum(self._squares_s, 1e-12))
        return {
            self.markets[place]: Gap(gap_bps=float(gaps[place]), usual_bps=float(usual[place]))
            for place in np.flatnonzero(known)
        }


def _log_mid(market: MarketState | None) -> float:
    is_there = market is not None and market.state == "fresh" and market.mid > 0.0
    return math.log(market.mid) if is_there and market is not None else math.nan
