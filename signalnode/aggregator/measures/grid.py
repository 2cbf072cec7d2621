"""The grid on which returns and scores of all markets are compared, as the settings have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from signalnode.aggregator.measures.decay import Floats
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import Relations


@dataclass(frozen=True, slots=True)
class Grid:
    """A step is `step_ns` long; correlation and lead, of up to `lags` steps, forget by `decay` a step."""

    step_ns: int
    decay: float
    lags: int
    # Where every view is a step, none is left for what a step puts off: each then reads on all the same.
    spreads: bool

    @property
    def step_s(self) -> float:
        """Of a step."""
        return self.step_ns / NS_PER_S


def grid_of(settings: AggregatorSettings) -> Grid:
    """That of `settings`; a step is no shorter than a view."""
    step_ns = max(settings.measure_step_ms, settings.view_interval_ms) * NS_PER_MS
    return Grid(
        step_ns,
        0.5 ** (step_ns / NS_PER_S / settings.correlation_half_life_s),
        settings.lag_steps_max,
        step_ns > settings.view_interval_ms * NS_PER_MS,
    )


class Relating(Protocol):
    """What relates markets: `measures/joined.py`, or `relating/apart.py`."""

    def rearrange(self, rows: list[int | None], markets: Sequence[str]) -> None: ...
    def add(self, step: int, returns: Floats, scores: Floats) -> None: ...
    def turn(self) -> None: ...
    def numbers(self) -> dict[str, float]: ...
    def relations(self) -> Relations: ...
    def packed(self) -> bytes: ...
    def strongest(self) -> list[dict[str, Any]]: ...
