"""Catch up: a market lags behind the others of its asset, and follows them.

`view.gaps` says how far, in basis points, and how far usually. At |gap| ≥ `entry` times the usual one, and at
least `gap_min_bps`, which is to be more than a trade costs, the market is entered in the direction of the
others. It is left when the gap has closed to `exit` times the usual one, or after `hold_s`: what has not been
caught up by then is no lag. Where several markets of an asset lag at once each is one entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from signalnode.bus.wire import Direction, Gap
from signalnode.clock import NS_PER_S
from signalnode.settings.bounds import Within
from signalnode.strategies.base import Decision, View
from signalnode.strategies.plain import Scores, view_of


@dataclass(kw_only=True)
class CatchUp:
    """One position a market, in markets whose asset is quoted elsewhere."""

    entry: Annotated[float, Within(0, 100)] = 3.0
    exit: Annotated[float, Within(0, 100)] = 0.5
    gap_min_bps: Annotated[float, Within(0, 10_000)] = 1.0
    # Longest time that a gap is waited for to close.
    hold_s: Annotated[float, Within(0.1, 86_400)] = 10.0
    warm_min: Annotated[float, Within(0, 1)] = 0.5

    def __post_init__(self) -> None:
        self._positions: dict[str, tuple[Direction, int]] = {}
        if self.exit >= self.entry:
            raise ValueError(f"exit = {self.exit:g} is not below entry = {self.entry:g}; put it below")

    def evaluate_opportunities(self, view: View | Scores) -> list[Decision]:
        """Entries and exits at `view`."""
        view = view_of(view)
        left = [
            decision for market in list(self._positions) if (decision := self._left(view, market)) is not None
        ]
        entered = [
            self._entered(view, market, gap)
            for market, gap in view.gaps.items()
            if market in view and market not in self._positions and self._is_wide(view, market, gap)
        ]
        return left + entered

    def state(self) -> dict[str, tuple[Direction, int]]:
        """Direction and time of entry of every position, by market."""
        return dict(self._positions)

    def restore(self, state: Any, time_ns: int) -> None:
        """Hold those positions."""
        held = msgspec.convert(state, dict[str, tuple[Direction, int]])
        self._positions = {
            market: (side, min(since_ns, time_ns)) for market, (side, since_ns) in held.items()
        }

    def _is_wide(self, view: View, market: str, gap: Gap) -> bool:
        wide = abs(gap.gap_bps) >= max(self.entry * gap.usual_bps, self.gap_min_bps)
        return wide and gap.usual_bps > 0.0 and view.markets[market].warm >= self.warm_min

    def _entered(self, view: View, market: str, gap: Gap) -> Decision:
        direction: Direction = "long" if gap.gap_bps > 0.0 else "short"
        self._positions[market] = direction, view.time_ns
        times = abs(gap.gap_bps) / gap.usual_bps
        return Decision(
            action="enter",
            markets=(market,),
            direction=direction,
            strength=100.0 * (1.0 - self.exit / times),
            reasons=(
                f"the others are {gap.gap_bps:+.2f} bps away, {times:.1f} usual gaps of {self.entry:g}",
            ),
        )

    def _left(self, view: View, market: str) -> Decision | None:
        direction, since_ns = self._positions[market]
        held_s, gap = (view.time_ns - since_ns) / NS_PER_S, view.gaps.get(market)
        if market not in view.markets:  # it left the config: nobody to send a decision about
            del self._positions[market]
            return None
        ahead_bps = None if gap is None else gap.gap_bps if direction == "long" else -gap.gap_bps
        closed = gap is not None and ahead_bps is not None and ahead_bps <= self.exit * gap.usual_bps
        if not closed and held_s < self.hold_s:
            return None
        del self._positions[market]
        why = f"caught up to {ahead_bps:.2f} bps" if closed else "not caught up"
        return Decision(
            action="exit",
            markets=(market,),
            direction=direction,
            strength=100.0 if closed else 50.0,
            reasons=(why, f"held {held_s:.1f} s"),
        )
