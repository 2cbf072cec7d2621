"""The regime: how much the markets together trend, revert, churn or rest. Four strengths, never one label.

Of each fresh market i, by its own standard (its scores, 0 to 100): direction d_i = momentum_long −
momentum_short, reversion r_i = mean_reversion_long − mean_reversion_short, unrest v_i = volatility_breakout,
a_i = volume_spike. Then

    trending       = √(mean|d_i| · |mean d_i|)      strong moves, and in one direction
    mean_reverting = mean|r_i| · (1 − trending/100) away from fair value, and no trend that carries it further
    turbulent      = mean √(v_i a_i)                moving much and traded much
    quiet          = mean √((100−v_i)(100−a_i))     neither

each 0 to 100, and smoothed in time by exponential weights with a half-life. The definitions are our own.
"""

from __future__ import annotations

import numpy as np

from signalnode.aggregator.measures.decay import Floats

REGIMES = ("trending", "mean_reverting", "turbulent", "quiet")


def strengths(direction: Floats, reversion: Floats, volatility: Floats, volume: Floats) -> Floats:
    """The four strengths at one time, shape (4,), from a number for each fresh market, shapes (n,), n > 0.

    `direction` and `reversion` in −100 to 100, the others 0 to 100.
    """
    trending = np.sqrt(np.abs(direction).mean() * abs(direction.mean()))
    return np.array(
        [
            trending,
            np.abs(reversion).mean() * (1.0 - trending / 100.0),
            np.sqrt(volatility * volume).mean(),
            np.sqrt((100.0 - volatility) * (100.0 - volume)).mean(),
        ]
    )


class Smoothed:
    """Exponential average of the strengths over steps; starts at the first."""

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._values: Floats | None = None
        self._told: dict[str, float] = {}

    def add(self, values: Floats) -> None:
        """Add one step."""
        self._values = (
            values if self._values is None else self._decay * self._values + (1 - self._decay) * values
        )
        clipped = np.clip(self._values, 0.0, 100.0)
        self._told = {name: float(value) for name, value in zip(REGIMES, clipped, strict=True)}

    def read(self) -> dict[str, float]:
        """Strength by name, 0 to 100; nothing before the first step with a fresh market."""
        return self._told
