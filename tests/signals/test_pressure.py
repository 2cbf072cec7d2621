"""Activity: how much goes on, and how much of it a market that seldom moves can tell."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from signalnode.signals.pressure import activity


def of(minute: float, interval: float) -> float:
    """Activity where the last minute moved by so many usual ones, and a move comes every `interval` s."""
    features = SimpleNamespace(
        move_interval=interval, volatility_usual=1.0, volatility_5=minute, volatility_25=1.0, idle_s=0.0
    )
    return activity(features, SimpleNamespace(volatility_s=12.0))


def test_a_minute_says_little_where_a_move_comes_every_other() -> None:
    seldom, often = (of(1.6, interval) - of(0.2, interval) for interval in (120.0, 1.0))
    assert 0.0 < seldom < 0.5 * often


@pytest.mark.parametrize("interval", [0.01, 1.0, 1_000.0])
def test_as_much_as_usual_is_neither_calm_nor_a_burst(interval: float) -> None:
    assert abs(of(1.0, interval)) < 0.01


def test_of_a_market_that_never_moved_nothing_is_known() -> None:
    assert of(5.0, 0.0) == 0.0
