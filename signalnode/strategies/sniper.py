"""Sniper: waits until several scores, the regime and the leaders agree on one market, then strikes once.

Long needs every score of `needs` at its level, with `momentum` and `mean_reversion` read as their long
scores; short the same with the short ones. The regime must have every strength of `regime`. Of the markets
that move before this one (correlation at their lead at least `leader_correlation_min`), none may point the
other way. After a shot the market is safe until its scores have been below `needs` by `rearm_gap` once, and
`rearm_s` have passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import numpy as np

from signalnode.bus.wire import Direction
from signalnode.clock import NS_PER_S
from signalnode.settings.bounds import Within
from signalnode.strategies.base import DIRECTIONS, Decision, Flags, Floats, View, score_name
from signalnode.strategies.plain import Scores, view_of

MOMENTUM = ("momentum_long", "momentum_short")


@dataclass(slots=True)
class _Safety:
    shot_ns: int
    fell: bool = False  # the scores have been clearly below the levels since


@dataclass(kw_only=True)
class Sniper:
    """At most one decision for each time everything comes together, in markets that have all the scores."""

    needs: dict[str, float] = field(
        default_factory=lambda: {"momentum": 80.0, "volume_spike": 60.0, "volatility_breakout": 50.0}
    )
    regime: dict[str, float] = field(default_factory=dict)
    leader_correlation_min: Annotated[float, Within(0, 1)] = 0.2
    rearm_gap: Annotated[float, Within(0, 100)] = 10.0
    rearm_s: Annotated[float, Within(0, 86_400)] = 30.0
    warm_min: Annotated[float, Within(0, 1)] = 0.5

    def __post_init__(self) -> None:
        self._safe: dict[tuple[str, Direction], _Safety] = {}
        self._high: set[tuple[str, Direction]] = set()  # of them, whose scores have not fallen since
        self._levels = {direction: self._levels_of(direction) for direction in DIRECTIONS}
        for table in (self.needs, self.regime):
            for name, level in table.items():
                if not isinstance(level, int | float) or not 0 <= level <= 100:
                    raise ValueError(f"{name} = {level!r}: give it a level from 0 to 100")
        if not self.needs:
            raise ValueError("needs is empty: name at least one score and its level")

    def evaluate_opportunities(self, view: View | Scores) -> list[Decision]:
        """The shots at `view`."""
        view = view_of(view)
        shots = []
        names = [name for levels in self._levels.values() for name, _ in levels]
        high = [market for market, _ in self._high]
        for market in view.sift(names, self._may_agree, high):
            for direction in DIRECTIONS:
                if self._is_armed(view, market, direction) and self._agrees(view, market, direction):
                    self._safe[market, direction] = _Safety(view.time_ns)
                    self._high.add((market, direction))
                    shots.append(self._shot(view, market, direction))
        return shots

    def state(self) -> list[tuple[str, Direction, int, bool]]:
        """Market, direction and time of every newest shot, and whether the scores have fallen since."""
        return [(*key, each.shot_ns, each.fell) for key, each in self._safe.items()]

    def restore(self, state: Any, time_ns: int) -> None:
        """Count those shots as fired."""
        shots = msgspec.convert(state, list[tuple[str, Direction, int, bool]])
        self._safe = {
            (market, direction): _Safety(min(shot_ns, time_ns), fell)
            for market, direction, shot_ns, fell in shots
        }
        self._high = {key for key, each in self._safe.items() if not each.fell}

    def _levels_of(self, direction: Direction) -> list[tuple[str, float]]:
        return [(score_name(name, direction), level) for name, level in self.needs.items()]

    def _may_agree(self, scores: Mapping[str, Floats]) -> Flags:
        long, short = (
            np.all([scores[name] >= level for name, level in self._levels[side]], axis=0)
            for side in DIRECTIONS
        )
        may: Flags = long | short
        return may

    def _is_armed(self, view: View, market: str, direction: Direction) -> bool:
        safety = self._safe.get((market, direction))
        if safety is None:
            return view.markets[market].warm >= self.warm_min
        scores = view[market]
        if not safety.fell:
            safety.fell = any(
                scores[name] < level - self.rearm_gap for name, level in self._levels[direction]
            )
            if safety.fell:
                self._high.discard((market, direction))
        return safety.fell and view.time_ns - safety.shot_ns >= self.rearm_s * NS_PER_S

    def _agrees(self, view: View, market: str, direction: Direction) -> bool:
        scores = view[market]
        for name, level in self._levels[direction]:
            if scores[name] < level:
                return False
        if any(view.regime.get(name, 0.0) < level for name, level in self.regime.items()):
            return False
        return all(_net(view, leader, direction) >= 0 for leader in self._leaders(view, market))

    def _leaders(self, view: View, market: str) -> Iterator[str]:
        """One by one: the first that points the other way ends the search."""
        leaders = view.relations.leaders(market, self.leader_correlation_min)
        return (leader for leader in leaders if view.knows(leader, MOMENTUM))

    def _shot(self, view: View, market: str, direction: Direction) -> Decision:
        names = {name: score_name(name, direction) for name in self.needs}
        rested = {market: {full: view[market][full] for full in names.values()}}
        reasons = [f"{full} {view[market][full]:.1f} of {self.needs[name]:g}" for name, full in names.items()]
        reasons += [
            f"regime {name} {view.regime[name]:.1f} of {level:g}" for name, level in self.regime.items()
        ]
        for leader in self._leaders(view, market):
            reasons.append(f"leader {leader} points the same way by {_net(view, leader, direction):.1f}")
            rested[leader] = {name: view[leader][name] for name in MOMENTUM}
        return Decision(
            action="strike",
            markets=(market,),
            direction=direction,
            strength=sum(rested[market].values()) / len(rested[market]),
            reasons=tuple(reasons),
            scores=rested,
        )


def _net(view: View, market: str, direction: Direction) -> float:
    """Momentum of `market` in `direction`, −100 to 100."""
    net = view[market]["momentum_long"] - view[market]["momentum_short"]
    return net if direction == "long" else -net
