"""Threshold: enter when a score reaches a level, leave when it falls below a lower one.

Two levels instead of one (a Schmitt trigger): between `exit` and `entry` nothing changes, so that a score
which trembles around a level does not decide over and over. A position lasts at least `dwell_s`, unless its
market falls silent: after `lost_s` without sound data it is closed, since nobody knows any more what it rests
on. A market that is `settling` is heard again: it is decided on when it is fresh, but not lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np

from signalnode.bus.wire import Direction
from signalnode.clock import NS_PER_S
from signalnode.settings.bounds import Within
from signalnode.strategies.base import Decision, Flags, Floats, View
from signalnode.strategies.plain import Scores, view_of


@dataclass(slots=True)
class _Position:
    direction: Direction
    since_ns: int
    sound_ns: int


@dataclass(kw_only=True)
class Threshold:
    """One position a market at a time, on the pair of scores `long` and `short`; markets without them are
    left alone.
    """

    long: str = "momentum_long"
    short: str = "momentum_short"
    entry: Annotated[float, Within(0, 100)] = 90.0
    exit: Annotated[float, Within(0, 100)] = 60.0
    # Shortest time from entry to exit.
    dwell_s: Annotated[float, Within(0, 86_400)] = 5.0
    # Time without sound data after which a position is closed. While a market settles its data are sound:
    # were that counted in, an outage of half this time would close its positions.
    lost_s: Annotated[float, Within(0, 86_400)] = 30.0
    # Share of its baseline a market must have seen before it is decided on.
    warm_min: Annotated[float, Within(0, 1)] = 0.5

    def __post_init__(self) -> None:
        self._positions: dict[str, _Position] = {}
        if self.exit > self.entry:
            raise ValueError(f"exit = {self.exit:g} is above entry = {self.entry:g}; put it below")

    def evaluate_opportunities(self, view: View | Scores) -> list[Decision]:
        """Entries and exits at `view`."""
        view = view_of(view)
        decisions = []
        for market in view.sift((self.long, self.short), self._may_enter, self._positions):
            position = self._positions.get(market)
            if position is None:
                decision = self._entry(view, market)
            else:
                position.sound_ns = view.time_ns
                value = view[market][self._score(position.direction)]
                decision = self._exit(view, market, position, value)
            if decision is not None:
                decisions.append(decision)
        return decisions + self._lost(view)

    def state(self) -> dict[str, tuple[Direction, int]]:
        """Direction and time of entry of every position, by market."""
        return {market: (each.direction, each.since_ns) for market, each in self._positions.items()}

    def restore(self, state: Any, time_ns: int) -> None:
        """Hold those positions; the time without sound data starts anew."""
        held = msgspec.convert(state, dict[str, tuple[Direction, int]])
        self._positions = {
            market: _Position(direction, min(since_ns, time_ns), time_ns)
            for market, (direction, since_ns) in held.items()
        }

    def _may_enter(self, scores: Mapping[str, Floats]) -> Flags:
        return np.maximum(scores[self.long], scores[self.short]) >= self.entry

    def _entry(self, view: View, market: str) -> Decision | None:
        if view.markets[market].warm < self.warm_min:
            return None
        up, down = view[market][self.long], view[market][self.short]
        if max(up, down) < self.entry or up == down:
            return None
        if min(up, down) > self.entry:  # nobody knows who wins a fight
            return None
        direction: Direction = "long" if up > down else "short"
        name, value = self._score(direction), max(up, down)
        self._positions[market] = _Position(direction, view.time_ns, view.time_ns)
        return Decision(
            action="enter",
            markets=(market,),
            direction=direction,
            strength=value,
            reasons=(f"{name} {value:.1f} reached entry {self.entry:g}",),
            scores={market: {self.long: up, self.short: down}},
        )

    def _exit(self, view: View, market: str, position: _Position, value: float) -> Decision | None:
        held_s = (view.time_ns - position.since_ns) / NS_PER_S
        if value >= self.exit or held_s < self.dwell_s:
            return None
        del self._positions[market]
        name = self._score(position.direction)
        return Decision(
            action="exit",
            markets=(market,),
            direction=position.direction,
            strength=100.0 - value,
            reasons=(f"{name} {value:.1f} fell below exit {self.exit:g}", f"held {held_s:.1f} s"),
            scores={market: {name: value}},
        )

    def _lost(self, view: View) -> list[Decision]:
        lost = []
        for market, position in list(self._positions.items()):
            if position.sound_ns == view.time_ns:
                continue
            if market in view.markets and view.markets[market].state == "settling":
                position.sound_ns = view.time_ns
            silent_s = (view.time_ns - position.sound_ns) / NS_PER_S
            gone = market not in view.markets
            if silent_s <= self.lost_s and not gone:
                continue
            del self._positions[market]
            if gone:
                continue  # it left the config: nobody to send a decision about
            reason = f"{market} is {view.markets[market].state}: no sound data for {silent_s:.1f} s"
            lost.append(
                Decision(
                    action="exit",
                    markets=(market,),
                    direction=position.direction,
                    strength=100.0,
                    reasons=(reason,),
                )
            )
        return lost

    def _score(self, direction: Direction) -> str:
        return self.long if direction == "long" else self.short
