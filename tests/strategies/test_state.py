"""What a strategy knows outlives its process: one that was restored decides as if nothing had happened."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.bus.wire import SCORE_NAMES
from signalnode.strategies.base import Relations, Stateful, View
from signalnode.strategies.divergence import Divergence
from signalnode.strategies.ranking import Ranking
from signalnode.strategies.sniper import Sniper
from signalnode.strategies.threshold import Threshold
from tests.strategies.views import T0, S, market, view


@cache
def views(seed: int, count: int = 400) -> list[View]:
    """Two markets that move together, with scores that wander over every level."""
    draw = np.random.default_rng(seed)
    rho = np.ones((2, 2))
    relations = Relations(("A", "B"), rho, np.zeros((2, 2)), rho)
    made = []
    for second in range(count):
        levels = draw.uniform(0, 100, (2, 7)).round(3)
        markets = {
            name: market(
                mid=100.0 * float(np.exp(1e-3 * draw.standard_normal())),
                **{score: float(level) for score, level in zip(SCORE_NAMES, row, strict=True)},  # type: ignore[arg-type]
            )
            for name, row in zip("AB", levels, strict=True)
        }
        made.append(view(second, markets, relations=relations))
    return made


MAKERS: list[Any] = [
    lambda: Threshold(entry=80, exit=40, dwell_s=3),
    lambda: Ranking(interval_s=3),
    lambda: Sniper(needs={"momentum": 60, "volume_spike": 50}, rearm_s=10),
    lambda: Divergence(entry=1.5, watch_s=5, half_life_s=20, agree_min=10),
]


@pytest.mark.parametrize("make", MAKERS, ids=["threshold", "ranking", "sniper", "divergence"])
def test_restored_after_any_view_it_takes_the_same_decisions(make: Any) -> None:
    through, restored = make(), make()
    decided = 0
    for each in views(seed=4):
        expected = through.evaluate_opportunities(each)
        assert restored.evaluate_opportunities(each) == expected
        decided += len(expected)
        kept = msgspec.msgpack.encode(restored.state())
        if getattr(restored, "_rescan_ns", 0):  # when it looks for new spreads next is not worth keeping
            rescan_ns = restored._rescan_ns
            restored = make()
            restored._rescan_ns = rescan_ns
        else:
            restored = make()
        assert isinstance(restored, Stateful)
        restored.restore(msgspec.msgpack.decode(kept), each.time_ns)
    assert decided >= 10


@pytest.mark.parametrize("make", MAKERS, ids=["threshold", "ranking", "sniper", "divergence"])
def test_a_state_that_is_none_is_refused_and_changes_nothing(make: Any) -> None:
    strategy = make()
    for each in views(seed=5, count=40):
        strategy.evaluate_opportunities(each)
    before = msgspec.msgpack.encode(strategy.state())
    with pytest.raises(msgspec.ValidationError):
        strategy.restore({"A": "nonsense"}, T0)
    assert msgspec.msgpack.encode(strategy.state()) == before


def test_a_clock_that_was_set_back_over_the_restart_holds_no_position_for_ever() -> None:
    strategy = Threshold(entry=80, exit=40, dwell_s=5)
    strategy.restore({"A": ["long", T0 + 3_600 * S]}, T0)
    falling = {"A": market(momentum_long=10)}
    assert strategy.evaluate_opportunities(view(4, falling)) == []
    (decision,) = strategy.evaluate_opportunities(view(5, falling))
    assert decision.action == "exit"


def test_the_time_the_node_was_down_is_no_silence_of_the_market() -> None:
    strategy = Threshold(entry=80, lost_s=30)
    strategy.restore({"A": ["long", T0]}, T0 + 3_600 * S)
    assert strategy.evaluate_opportunities(view(3_601, {"A": market("unheard")})) == []
    (decision,) = strategy.evaluate_opportunities(view(3_631, {"A": market("unheard")}))
    assert decision.action == "exit"
