from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from signalnode.features import FEATURES
from signalnode.scores import MarketScores
from signalnode.signals.base import Signal
from signalnode.signals.extra import ExtraSignals
from signalnode.signals.parameters import parameters_of


class Scale:
    """The scale of one signal whose reading is whatever it is given."""

    def __init__(self, two_sided: bool, **shape: Any) -> None:
        names = ("long", "short") if two_sided else ("one",)
        self.parameters = parameters_of({})
        self._reading = 0.0
        signal = Signal(names, lambda *_: self._reading, needs=(), **shape)
        self._signals = ExtraSignals((signal,), self.parameters)
        self._features = np.zeros(1, FEATURES)
        self._steps_warm = float(self.parameters["baseline_s"][0] / self.parameters["sample_s"][0])

    @property
    def learnt(self) -> Any:
        """The record of what has been learnt, dtype SCALE."""
        return self._signals.scales[0]

    def learn(self, readings: Iterable[float]) -> None:
        """Take each reading as one sample."""
        for reading in readings:
            self._reading = float(reading)
            self._signals.learn(self._features)

    def score(self, reading: float, warm: float = 1.0) -> float:
        """The first score of a reading, as a scale gives it that has learnt so long as to be so `warm`."""
        return next(iter(self._scores(reading, warm).values()))

    def scores(self, reading: float) -> tuple[float, ...]:
        """Every score of a reading, once the scale is warm."""
        return tuple(self._scores(reading, 1.0).values())

    def unknown(self, reading: float) -> tuple[str, ...]:
        """The names of the scores that say nothing of it."""
        return self._scores(reading, 1.0).unknown

    def _scores(self, reading: float, warm: float) -> MarketScores:
        self._reading = reading
        steps = self._signals.scales["steps"].copy()
        self._signals.scales["steps"] = round(warm * self._steps_warm)
        scores = self._signals.score(self._features)
        self._signals.scales["steps"] = steps
        return scores


@pytest.fixture
def scale_of() -> Callable[..., Scale]:
    """`scale_of(two_sided, spread=…, floor=…, anchored=…)`: a fresh scale."""
    return Scale
