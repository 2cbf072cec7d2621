from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from signalnode.strategies.base import Relations
from signalnode.strategies.sniper import Sniper
from tests.strategies.views import market, view

HOT = {"momentum_long": 90.0, "momentum_short": 10.0, "volume_spike": 80.0}
COLD = {"momentum_long": 60.0, "momentum_short": 40.0, "volume_spike": 80.0}


def sniper(**parameters: Any) -> Sniper:
    return Sniper(**({"needs": {"momentum": 80.0, "volume_spike": 70.0}, "rearm_s": 10.0} | parameters))


def test_it_strikes_once_when_all_scores_agree() -> None:
    strategy = sniper()
    shots = [strategy.evaluate_opportunities(view(t, {"A": market(**HOT)})) for t in range(60)]
    assert [len(each) for each in shots] == [1] + [0] * 59
    (shot,) = shots[0]
    assert (shot.action, shot.direction, shot.strength) == ("strike", "long", 85.0)
    assert shot.scores == {"A": {"momentum_long": 90.0, "volume_spike": 80.0}}


def test_it_strikes_again_only_after_the_scores_fell_clearly_and_time_passed() -> None:
    strategy = sniper(rearm_gap=10.0)
    path = [HOT] + [dict(HOT, momentum_long=75.0)] * 20 + [HOT] * 5 + [COLD] + [HOT] * 5
    shots = [len(strategy.evaluate_opportunities(view(t, {"A": market(**s)}))) for t, s in enumerate(path)]
    assert [t for t, n in enumerate(shots) if n] == [0, 27]


def test_short_is_the_mirror_of_long() -> None:
    mirrored = market(momentum_long=10.0, momentum_short=90.0, volume_spike=80.0)
    (shot,) = sniper().evaluate_opportunities(view(0, {"A": mirrored}))
    assert shot.direction == "short"


@pytest.mark.parametrize("missing", ["momentum_long", "volume_spike"])
def test_one_score_that_does_not_agree_is_enough_to_wait(missing: str) -> None:
    assert sniper().evaluate_opportunities(view(0, {"A": market(**(HOT | {missing: 60.0}))})) == []


def test_the_regime_has_a_say() -> None:
    strategy = sniper(regime={"trending": 30.0})
    assert strategy.evaluate_opportunities(view(0, {"A": market(**HOT)}, regime={"trending": 29.0})) == []
    assert strategy.evaluate_opportunities(view(1, {"A": market(**HOT)})) == []
    (shot,) = strategy.evaluate_opportunities(view(2, {"A": market(**HOT)}, regime={"trending": 31.0}))
    assert "regime trending 31.0 of 30" in shot.reasons


def led(lead_s: float, rho: float) -> Relations:
    """B leads A by `lead_s`."""
    lead = np.array([[0.0, -lead_s], [lead_s, 0.0]])
    return Relations(("A", "B"), np.eye(2), lead, np.array([[1.0, rho], [rho, 1.0]]))


@pytest.mark.parametrize(
    ("relations", "leader", "strikes"),
    [
        (led(2.0, 0.5), HOT, True),
        (led(2.0, 0.5), {"momentum_long": 10.0, "momentum_short": 90.0}, False),
        (led(2.0, 0.1), {"momentum_long": 10.0, "momentum_short": 90.0}, True),
        (led(-2.0, 0.5), {"momentum_long": 10.0, "momentum_short": 90.0}, True),
    ],
    ids=["agrees", "disagrees", "too weak to lead", "follows"],
)
def test_a_leader_that_points_the_other_way_holds_the_shot(
    relations: Relations, leader: dict[str, float], strikes: bool
) -> None:
    board = {"A": market(**HOT), "B": market(**leader)}
    shots = sniper().evaluate_opportunities(view(0, board, relations=relations))
    assert ("A" in [each.markets[0] for each in shots]) is strikes


@pytest.mark.parametrize("bad", [{"needs": {}}, {"needs": {"momentum": 101}}, {"regime": {"quiet": "very"}}])
def test_impossible_levels_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"name at least one|level from 0 to 100"):
        sniper(**bad)


def test_a_leader_whose_momentum_is_unknown_is_not_asked() -> None:
    relations = led(2.0, 0.5)
    board = {"A": market(**HOT), "B": market(momentum_long=0.0, momentum_short=100.0)}
    assert sniper().evaluate_opportunities(view(0, board, relations=relations)) == []
    board["B"] = market(momentum_long=0.0, momentum_short=100.0, unknown=("momentum_long", "momentum_short"))
    (shot,) = sniper().evaluate_opportunities(view(0, board, relations=relations))
    assert list(shot.scores) == ["A"]
