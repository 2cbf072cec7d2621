"""Divergence: two markets that move together and have come apart.

For each pair with a correlation of returns of at least `correlation_min`, the log price ratio s =
ln(mid_a/mid_b) is compared with its own exponentially weighted mean μ and deviation σ (half-life
`half_life_s`): z = (s − μ)/σ. At |z| ≥ `entry` the cheap one is bought against the rich one, if the
reversion scores of both agree; at |z| ≤ `exit` the pair is closed. As in pairs trading (Gatev, Goetzmann and
Rouwenhorst, 2006), with decayed mean and variance. A pair that was not seen for longer than the half-life
is watched anew: the time away teaches nothing, or its one step would leave no deviation to compare with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from signalnode.clock import NS_PER_S
from signalnode.settings.bounds import Within
from signalnode.strategies.base import Decision, View
from signalnode.strategies.plain import Scores, view_of

RESCAN_S = 5.0  # how often the pairs to watch are chosen; correlations move slower
REVERSION = ("mean_reversion_long", "mean_reversion_short")
DEVIATION_MIN = 1e-9  # of a log ratio; below, the prices do not move


@dataclass(slots=True)
class _Spread:
    first: str
    second: str
    time_ns: int
    mean: float
    variance: float = 0.0
    age_s: float = 0.0
    rich: str = ""  # the one sold while the pair is open


@dataclass(kw_only=True)
class Divergence:
    """Watches the most correlated pairs; one open position a spread."""

    correlation_min: Annotated[float, Within(0, 1)] = 0.5
    entry: Annotated[float, Within(0, 100)] = 2.5
    exit: Annotated[float, Within(0, 100)] = 0.5
    half_life_s: Annotated[float, Within(0.1, 604_800)] = 120.0
    # Reversion scores that the cheap one (long) and the rich one (short) must have.
    agree_min: Annotated[float, Within(0, 100)] = 50.0
    warm_min: Annotated[float, Within(0, 1)] = 0.5
    # A pair is watched this long before it is decided on.
    watch_s: Annotated[float, Within(0, 604_800)] = 60.0
    spreads_max: Annotated[int, Within(1, 10_000)] = 50

    def __post_init__(self) -> None:
        self._spreads: dict[tuple[str, str], _Spread] = {}
        self._rescan_ns: int = 0
        if self.exit >= self.entry:
            raise ValueError(f"exit = {self.exit:g} is not below entry = {self.entry:g}; put it below")

    def evaluate_opportunities(self, view: View | Scores) -> list[Decision]:
        """Pairs to open and to close at `view`."""
        view = view_of(view)
        if view.time_ns >= self._rescan_ns:
            self._rescan_ns = view.time_ns + int(RESCAN_S * NS_PER_S)
            self._rescan(view)
        decisions = []
        for spread in self._spreads.values():
            if not all(view.knows(market, REVERSION) for market in (spread.first, spread.second)):
                continue
            ratio = self._ratio(view, spread.first, spread.second)
            if ratio is None:
                continue
            if view.time_ns - spread.time_ns > self.half_life_s * NS_PER_S:
                spread.time_ns, spread.age_s = view.time_ns, 0.0
            decision = self._decide(view, spread, self._z(spread, ratio))
            self._learn(spread, ratio, view.time_ns)
            if decision is not None:
                decisions.append(decision)
        return decisions

    def state(self) -> Any:
        """Every spread that is watched, with its mean and variance, and whether it is open."""
        # Asked at each view with a decision; dataclasses' `asdict` copies every field of 50 spreads.
        return msgspec.to_builtins(list(self._spreads.values()))

    def restore(self, state: Any, time_ns: int) -> None:
        """Watch those spreads, and hold the open ones."""
        spreads = msgspec.convert(state, list[_Spread])
        for spread in spreads:
            spread.time_ns = min(spread.time_ns, time_ns)
        self._spreads = {(spread.first, spread.second): spread for spread in spreads}

    def _rescan(self, view: View) -> None:
        wanted = view.relations.correlated(self.correlation_min, self.spreads_max)
        kept = {key: spread for key, spread in self._spreads.items() if spread.rich or key in wanted}
        for key in wanted:
            if key in kept or key[0] not in view or key[1] not in view:
                continue
            ratio = self._ratio(view, *key)
            if ratio is not None:
                kept[key] = _Spread(*key, view.time_ns, ratio)
        self._spreads = {key: spread for key, spread in kept.items() if set(key) <= set(view.markets)}

    @staticmethod
    def _ratio(view: View, first: str, second: str) -> float | None:
        mids = view.markets[first].mid, view.markets[second].mid
        return math.log(mids[0] / mids[1]) if min(mids) > 0 else None

    @staticmethod
    def _z(spread: _Spread, ratio: float) -> float:
        deviation = math.sqrt(spread.variance)
        return (ratio - spread.mean) / deviation if deviation > DEVIATION_MIN else 0.0

    def _learn(self, spread: _Spread, ratio: float, now_ns: int) -> None:
        """Decayed mean and variance (West, 1979), weighed by the time since the last step."""
        step_s = (now_ns - spread.time_ns) / NS_PER_S
        spread.time_ns = now_ns
        spread.age_s += step_s
        keep = 0.5 ** (step_s / self.half_life_s)
        gap = ratio - spread.mean
        spread.mean += (1.0 - keep) * gap
        spread.variance = keep * (spread.variance + (1.0 - keep) * gap * gap)

    def _decide(self, view: View, spread: _Spread, z: float) -> Decision | None:
        if spread.rich:
            sign = 1.0 if spread.rich == spread.first else -1.0
            return self._close(view, spread, sign * z) if sign * z <= self.exit else None
        if spread.age_s < self.watch_s or abs(z) < self.entry:
            return None
        rich, cheap = (spread.first, spread.second) if z > 0 else (spread.second, spread.first)
        if min(view.markets[rich].warm, view.markets[cheap].warm) < self.warm_min:
            return None
        agree = min(view[cheap]["mean_reversion_long"], view[rich]["mean_reversion_short"])
        if agree < self.agree_min:
            return None
        spread.rich = rich
        relation = view.relations.between(cheap, rich)
        correlation = relation.correlation if relation is not None else math.nan
        return Decision(
            action="enter",
            markets=(cheap, rich),
            direction="long",
            strength=100.0 * (1.0 - self.exit / abs(z)),
            reasons=(
                f"{cheap} is cheap against {rich}: {abs(z):.2f} deviations, entry {self.entry:g}",
                f"correlation of returns {correlation:.2f}",
                f"reversion scores of both at least {agree:.1f}",
            ),
            scores=_reversion(view, cheap, rich),
        )

    def _close(self, view: View, spread: _Spread, apart: float) -> Decision:
        cheap = spread.second if spread.rich == spread.first else spread.first
        rich, spread.rich = spread.rich, ""
        return Decision(
            action="exit",
            markets=(cheap, rich),
            direction="long",
            strength=100.0,
            reasons=(f"{cheap} and {rich} are {apart:.2f} deviations apart, exit {self.exit:g}",),
            scores=_reversion(view, cheap, rich),
        )


def _reversion(view: View, *markets: str) -> dict[str, dict[str, float]]:
    return {market: {name: view[market][name] for name in REVERSION} for market in markets}
