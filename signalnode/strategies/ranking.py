"""Ranking: the best `k` of all markets by a weighted score, as one table of opportunities.

value(market, direction) = Σ w·score / Σ w, where `momentum` and `mean_reversion` stand for their long or
short score and the other names for themselves. What that was worth is

    net(market, direction) = Σ w·μ / Σ w − spread,  in basis points,

over the weighted scores that have a direction, with μ the mean move that followed within `horizon_s` where
the score stood as now (`view.outcomes`), and the spread where it is known. A market's direction is the one
with the higher net, and the highest net comes first; what is not known, of fewer than EFFECTIVE_MIN moments,
counts as 0, and of equal ones the value decides. With `by = "score"` the value decides alone. A table goes
out when its order changed, and at most every `interval_s`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from signalnode.bus.wire import Direction
from signalnode.clock import NS_PER_S
from signalnode.settings.bounds import Within
from signalnode.strategies.base import DIRECTIONS, Decision, Flags, Floats, View, score_name
from signalnode.strategies.plain import Scores, view_of

EFFECTIVE_MIN = 10.0  # independent moments from which a mean move says anything


@dataclass(frozen=True, slots=True)
class Opportunity:
    """One line of the table."""

    market: str
    direction: Direction
    value: float  # 0 to 100
    net_bps: float | None = None  # expected of it, less the spread; None: not known


@dataclass(kw_only=True)
class Ranking:
    """Weighs the scores of every fresh and warm market that has all of them."""

    k: Annotated[int, Within(1, 100)] = 3
    weights: dict[str, float] = field(
        default_factory=lambda: {"momentum": 1.0, "volume_spike": 0.5, "liquidity_opportunity": 0.5}
    )
    # Opportunities below this value are not listed.
    value_min: Annotated[float, Within(0, 100)] = 50.0
    # What decides on order and direction: what followed, or the value.
    by: Literal["outcome", "score"] = "outcome"
    # Of the horizons within which outcomes are learnt, the one nearest to this.
    horizon_s: Annotated[float, Within(0.1, 3_600)] = 30.0
    # Shortest time between two tables.
    interval_s: Annotated[float, Within(0, 86_400)] = 10.0
    warm_min: Annotated[float, Within(0, 1)] = 0.5

    def __post_init__(self) -> None:
        self._order: tuple[tuple[str, Direction], ...] = ()
        self._sent_ns: int | None = None
        self._weights = {
            direction: [(score_name(name, direction), weight) for name, weight in self.weights.items()]
            for direction in DIRECTIONS
        }
        numbers = [value for value in self.weights.values() if isinstance(value, int | float)]
        if (
            len(numbers) < len(self.weights)
            or not numbers
            or min(numbers) < 0
            or not 0 < sum(numbers) < math.inf
        ):
            raise ValueError(
                f"weights = {self.weights}: give at least one score a weight above 0, none below"
            )
        self._total: float = sum(numbers)

    def evaluate_opportunities(self, view: View | Scores) -> list[Decision]:
        """A new table, if there is one."""
        view = view_of(view)
        if self._sent_ns is not None and view.time_ns - self._sent_ns < self.interval_s * NS_PER_S:
            return []
        table = self.table(view)
        order = tuple((line.market, line.direction) for line in table)
        if order == self._order:
            return []
        self._order, self._sent_ns = order, view.time_ns
        if not table:
            return []
        return [
            Decision(
                action="rank",
                markets=tuple(line.market for line in table),
                direction=table[0].direction,
                strength=table[0].value,
                reasons=tuple(
                    f"{place}. {line.market} {line.direction} {line.value:.1f}{_expected(line)}"
                    for place, line in enumerate(table, start=1)
                ),
                scores={line.market: self._rested_on(view, line) for line in table},
            )
        ]

    def state(self) -> tuple[tuple[tuple[str, Direction], ...], int | None]:
        """Order and time of the newest table."""
        return self._order, self._sent_ns

    def restore(self, state: Any, time_ns: int) -> None:
        """Count that table as sent."""
        order, sent_ns = msgspec.convert(state, tuple[tuple[tuple[str, Direction], ...], int | None])
        self._order, self._sent_ns = order, None if sent_ns is None else min(sent_ns, time_ns)

    def table(self, view: View) -> list[Opportunity]:
        """The best `k` now, best first; of equal ones the name decides."""
        names = [name for weighed in self._weights.values() for name, _ in weighed]
        worth = view.sift(names, self._may_be_worth)
        warm = [market for market in worth if view.markets[market].warm >= self.warm_min]
        kept = [line for market in warm if (line := self._best(view, market)) is not None]
        return sorted(kept, key=lambda line: (-(line.net_bps or 0.0), -line.value, line.market))[: self.k]

    def _may_be_worth(self, scores: Mapping[str, Floats]) -> Flags:
        """By the very sums of `_value`."""
        may: Flags | bool = False
        for weighed in self._weights.values():
            total: Floats | float = 0.0
            for name, weight in weighed:
                total = total + weight * scores[name]
            may = may | np.asarray(total / self._total >= self.value_min)
        return np.asarray(may)

    def _best(self, view: View, market: str) -> Opportunity | None:
        """The better direction of those that are worth `value_min`."""
        lines = [
            Opportunity(market, side, value, self._net_bps(view, market, side))
            for side in DIRECTIONS
            if (value := self._value(view, market, side)) >= self.value_min
        ]
        return max(lines, key=lambda line: (line.net_bps or 0.0, line.value), default=None)

    def _net_bps(self, view: View, market: str, direction: Direction) -> float | None:
        """What is expected of it, less the spread; None where that is not known."""
        outcomes = view.outcomes.get(market)
        if self.by == "score" or outcomes is None:
            return None
        total = weights = 0.0
        for name, weight in self._weights[direction]:
            if weight == 0.0 or not name.endswith(f"_{direction}"):
                continue
            followed = outcomes.at(name, view[market][name], self.horizon_s)
            if not followed.effective >= EFFECTIVE_MIN:
                return None
            total, weights = total + weight * followed.move_bps, weights + weight
        return total / weights - (view.markets[market].spread_bps or 0.0) if weights else None

    def _value(self, view: View, market: str, direction: Direction) -> float:
        scores = view[market]
        total = 0.0
        for name, weight in self._weights[direction]:
            total += weight * scores[name]
        return total / self._total

    def _rested_on(self, view: View, line: Opportunity) -> dict[str, float]:
        names = [score_name(name, line.direction) for name in self.weights]
        return {name: view[line.market][name] for name in names}


def _expected(line: Opportunity) -> str:
    return "" if line.net_bps is None else f", {line.net_bps:+.2f} bps expected net"
