"""Decisions as trades: what each brought in basis points, mid to mid and after costs.

A decision is acted on at the view after it, a quarter of a second later, for nobody is quicker than that.
`enter` opens a position and `exit` closes it. A table (`rank`) holds its first market until the next one puts
another first. Every other decision is held for `hold_s`. A decision on two markets buys the first, or with
direction short sells it, against the second. A position that is held already is not opened again.

Each leg costs half the spread at both ends, where quotes tell it, and the fee twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from signalnode.bus.wire import DecisionMessage, MarketState
from signalnode.clock import NS_PER_S

BASIS_POINTS = 1e4
RANK, ENTER, EXIT = "rank", "enter", "exit"
LEGS_MAX = 2


@dataclass(frozen=True, slots=True)
class Trade:
    """A position opened and closed; of two legs, both together."""

    markets: tuple[str, ...]
    direction: str
    entered_ns: int
    exited_ns: int
    move_bps: float  # mid to mid
    spread_bps: float  # what the spread took; NaN where there are no quotes
    fees_bps: float

    @property
    def net_bps(self) -> float:
        """What is left; without quotes the spread is not taken off."""
        return self.move_bps - self.fees_bps - (0.0 if math.isnan(self.spread_bps) else self.spread_bps)


@dataclass(slots=True)
class _Position:
    markets: tuple[str, ...]
    direction: str
    entered_ns: int
    mids: tuple[float, ...]
    half_spreads: float
    until_ns: int | None  # when it is closed by itself
    is_ranked: bool


class Trades:
    """Of one strategy: views and its decisions in, trades out."""

    def __init__(self, hold_s: float, fee_bps: float) -> None:
        self._hold_ns, self._fee_bps = round(hold_s * NS_PER_S), fee_bps
        self._open: dict[tuple[str, ...], _Position] = {}
        self._waiting: list[DecisionMessage] = []

    @property
    def still_open(self) -> int:
        """Positions that were not closed."""
        return len(self._open)

    def take(
        self, time_ns: int, markets: Mapping[str, MarketState], decisions: Sequence[DecisionMessage]
    ) -> Iterator[Trade]:
        """The trades that are closed at this view; what is decided on it waits for the next."""
        for key, position in list(self._open.items()):
            if position.until_ns is not None and position.until_ns <= time_ns:
                yield from self._close(key, time_ns, markets)
        waiting, self._waiting = self._waiting, list(decisions)
        for decision in waiting:
            yield from self._act(decision, time_ns, markets)

    def _act(
        self, decision: DecisionMessage, time_ns: int, markets: Mapping[str, MarketState]
    ) -> Iterator[Trade]:
        is_ranked = decision.action == RANK
        key = tuple(decision.markets[: 1 if is_ranked else LEGS_MAX])
        if decision.action == EXIT:
            yield from self._close(key, time_ns, markets)
            return
        for other, position in list(self._open.items()):
            is_other = other != key or position.direction != decision.direction
            if is_other and (other == key or (is_ranked and position.is_ranked)):
                yield from self._close(other, time_ns, markets)
        if key in self._open or not key:
            return
        found = _prices(key, markets)
        if found is not None:
            is_timed = decision.action not in (ENTER, RANK)
            until_ns = time_ns + self._hold_ns if is_timed else None
            self._open[key] = _Position(key, decision.direction, time_ns, *found, until_ns, is_ranked)

    def _close(
        self, key: tuple[str, ...], time_ns: int, markets: Mapping[str, MarketState]
    ) -> Iterator[Trade]:
        position, found = self._open.get(key), _prices(key, markets)
        if position is None or found is None:
            return
        del self._open[key]
        mids, half_spreads = found
        sign = 1.0 if position.direction == "long" else -1.0
        moves = [
            sign * side * BASIS_POINTS * math.log(after / before)
            for side, before, after in zip((1.0, -1.0), position.mids, mids, strict=False)
        ]
        yield Trade(
            markets=key,
            direction=position.direction,
            entered_ns=position.entered_ns,
            exited_ns=time_ns,
            move_bps=sum(moves),
            spread_bps=position.half_spreads + half_spreads,
            fees_bps=2.0 * self._fee_bps * len(key),
        )


def _prices(
    names: tuple[str, ...], markets: Mapping[str, MarketState]
) -> tuple[tuple[float, ...], float] | None:
    """Mids, and half the spreads together; None where one has no price."""
    states = [markets[name] for name in names if name in markets]
    if len(states) < len(names) or not all(state.mid > 0.0 for state in states):
        return None
    half = sum(math.nan if state.spread_bps is None else 0.5 * state.spread_bps for state in states)
    return tuple(state.mid for state in states), half
