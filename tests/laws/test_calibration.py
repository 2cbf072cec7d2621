"""Law 8: over a long stationary stream each score is uniform to five points in each decile, after warm-up."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import Events
from signalnode.feeds import synthetic_events
from signalnode.signals import BUILT_IN_SCORES
from tests.effort import drawn, some
from tests.laws.made import Stretch, made_market
from tests.laws.streams import NAMES, engine

WARM_ROWS = 3_600  # an hour, two memories of the scale
DECILES = np.arange(10, 100, 10)
POINTS_MAX = 5.0
SECONDS = drawn(48_000.0, 100_000.0)
MARKETS = {
    "quiet": (Stretch(seconds=SECONDS, pull_s=300.0, events_per_s=1.0), 0.01),
    "coarse": (Stretch(seconds=SECONDS, pull_s=300.0, events_per_s=2.0, sizes=0.3, sigma_bps=2.0), 5.0),
    "leaning": (Stretch(seconds=SECONDS, pull_s=300.0, events_per_s=3.0, lean=0.7), 0.01),
    "trading": (Stretch(seconds=50_000.0, pull_s=120.0, events_per_s=20.0, trades=0.6, spread_ticks=7), 0.01),
}


def stationary(name: str, seed: int) -> Events:
    """A long stationary market: the synthetic feed's, or one of MARKETS."""
    if name == "synthetic":
        count, rate = drawn((240_000, 5.0), (700_000, 10.0))
        return synthetic_events(seed, count, events_per_s=rate, regime="stationary")
    stretch, tick = MARKETS[name]
    return made_market(seed, stretch, tick=tick)


@functools.cache
def table_of(name: str, seed: int) -> npt.NDArray[Any]:
    """Scores once a second, after the warm-up."""
    return SignalEngine("ANY-USD").replay(stationary(name, seed), NS_PER_S)[WARM_ROWS:]


def points_off(scores: npt.NDArray[np.float64]) -> float:
    """The farthest that any decile lies from where a uniform distribution has it."""
    return float(np.max(np.abs(np.quantile(scores, DECILES / 100.0) - DECILES)))


@pytest.mark.parametrize("score", BUILT_IN_SCORES)
@pytest.mark.parametrize("seed", range(1, 1 + drawn(1, 4)))
@pytest.mark.parametrize("market", some(["synthetic", *MARKETS], 3))
def test_a_score_of_ninety_is_beaten_one_time_in_ten(market: str, seed: int, score: str) -> None:
    table = table_of(market, seed)
    assert len(table) > 40_000
    assert points_off(table[score]) < POINTS_MAX


def test_added_signals_are_calibrated_as_well() -> None:
    events = made_market(3, Stretch(seconds=drawn(12_000.0, 20_000.0), pull_s=120.0, events_per_s=3.0))
    table = engine().replay(events, 3 * NS_PER_S)[WARM_ROWS // 3 :]
    for name in NAMES:
        assert points_off(table[name]) < drawn(1.6, 1.0) * POINTS_MAX, name


def test_a_bias_of_six_points_would_be_noticed() -> None:
    assert points_off(np.linspace(0.0, 88.0, 10_000)) > POINTS_MAX
