from __future__ import annotations

import pytest

from signalnode.strategies.threshold import Threshold
from tests.strategies.views import market, view


def actions(strategy: Threshold, levels: list[float], step_s: float = 1.0) -> list[str]:
    """What it does as momentum_long goes through `levels`."""
    done = []
    for number, level in enumerate(levels):
        seen = view(number * step_s, {"A": market(momentum_long=level, momentum_short=100 - level)})
        done += [f"{number}:{each.action}" for each in strategy.evaluate_opportunities(seen)]
    return done


def test_it_enters_at_the_upper_level_and_leaves_below_the_lower_one() -> None:
    strategy = Threshold(entry=80, exit=40, dwell_s=0)
    assert actions(strategy, [70, 79.9, 80, 95, 60, 40, 39.9, 70]) == ["2:enter", "6:exit"]


def test_a_score_that_trembles_around_a_level_does_not_decide_over_and_over() -> None:
    assert actions(Threshold(entry=80, exit=40, dwell_s=0), [79, 81] * 20) == ["1:enter"]


def test_a_position_is_held_for_its_dwell() -> None:
    assert actions(Threshold(entry=80, exit=40, dwell_s=5), [90, 0, 0, 0, 0, 0, 50]) == ["0:enter", "5:exit"]


def test_the_short_score_enters_short() -> None:
    (decision,) = Threshold(entry=80).evaluate_opportunities(view(0, {"A": market(momentum_short=95)}))
    assert (decision.action, decision.direction, decision.strength) == ("enter", "short", 95)
    assert decision.scores == {"A": {"momentum_long": 50.0, "momentum_short": 95}}
    assert "95.0 reached entry 80" in decision.reasons[0]


def test_a_fight_is_entered_neither_way() -> None:
    board = {"A": market(momentum_long=95, momentum_short=92)}
    assert Threshold(entry=90).evaluate_opportunities(view(0, board)) == []
    (decision,) = Threshold(entry=93).evaluate_opportunities(view(0, board))
    assert decision.direction == "long"


def test_a_position_in_a_market_that_falls_silent_is_closed_after_a_while() -> None:
    strategy = Threshold(entry=80, lost_s=30)
    strategy.evaluate_opportunities(view(0, {"A": market(momentum_long=95)}))
    assert strategy.evaluate_opportunities(view(30, {"A": market("silent", momentum_long=95)})) == []
    (decision,) = strategy.evaluate_opportunities(view(31, {"A": market("silent", momentum_long=95)}))
    assert decision.action == "exit"
    assert "A is silent: no sound data for 31.0 s" in decision.reasons
    assert decision.scores == {}


def test_an_outage_shorter_than_is_allowed_closes_nothing_however_long_the_market_settles() -> None:
    strategy = Threshold(entry=80, lost_s=30)
    strategy.evaluate_opportunities(view(0, {"A": market(momentum_long=95)}))
    for second in range(1, 80):
        state = "silent" if second < 28 else "settling" if second < 56 else "fresh"
        assert strategy.evaluate_opportunities(view(second, {"A": market(state, momentum_long=95)})) == []
    (decision,) = strategy.evaluate_opportunities(view(80, {"A": market(momentum_long=10)}))
    assert decision.action == "exit"


def test_a_cold_market_is_not_decided_on() -> None:
    seen = view(0, {"A": market(momentum_long=95, warm=0.1)})
    assert Threshold(warm_min=0.2).evaluate_opportunities(seen) == []


def test_a_market_that_left_the_config_leaves_no_decision_behind() -> None:
    strategy = Threshold(entry=80)
    strategy.evaluate_opportunities(view(0, {"A": market(momentum_long=95)}))
    assert strategy.evaluate_opportunities(view(1, {"B": market()})) == []


def test_levels_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="put it below"):
        Threshold(entry=50, exit=60)
