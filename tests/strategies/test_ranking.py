from __future__ import annotations

import math
from typing import Any

import pytest

from signalnode.strategies.ranking import Ranking
from tests.strategies.views import market, view

BOARD = {
    "A": market(momentum_long=90, momentum_short=10),
    "B": market(momentum_long=5, momentum_short=95),
    "C": market(momentum_long=60, momentum_short=40),
    "D": market("stale", momentum_long=99),
    "E": market(momentum_long=99, warm=0.0),
}


def test_the_best_k_of_fresh_and_warm_markets_in_order_with_their_directions() -> None:
    strategy = Ranking(k=2, weights={"momentum": 1.0})
    (decision,) = strategy.evaluate_opportunities(view(0, BOARD))
    assert decision.markets == ("B", "A")
    assert decision.reasons == ("1. B short 95.0", "2. A long 90.0")
    assert (decision.direction, decision.strength) == ("short", 95.0)
    assert decision.scores == {"B": {"momentum_short": 95}, "A": {"momentum_long": 90}}


def test_the_value_is_the_weighted_mean_of_its_scores() -> None:
    board = {"A": market(momentum_long=80, volume_spike=20)}
    strategy = Ranking(weights={"momentum": 3.0, "volume_spike": 1.0})
    assert strategy.table(view(0, board))[0].value == (3 * 80 + 20) / 4


def test_a_table_goes_out_when_its_order_changed_and_not_too_often() -> None:
    strategy = Ranking(weights={"momentum": 1.0}, interval_s=10)
    swapped = {"A": market(momentum_long=70), "B": market(momentum_long=80)}
    same = {"A": market(momentum_long=90), "B": market(momentum_long=60)}
    assert len(strategy.evaluate_opportunities(view(0, same))) == 1
    assert strategy.evaluate_opportunities(view(11, same)) == []
    assert len(strategy.evaluate_opportunities(view(12, swapped))) == 1
    assert strategy.evaluate_opportunities(view(13, same)) == []
    assert len(strategy.evaluate_opportunities(view(22, same))) == 1


def test_of_equal_values_the_name_decides() -> None:
    board = {name: market(momentum_long=70) for name in "CAB"}
    assert [line.market for line in Ranking(weights={"momentum": 1.0}).table(view(0, board))] == [
        "A",
        "B",
        "C",
    ]


@pytest.mark.parametrize(
    "weights",
    [{}, *({"momentum": weight} for weight in (0.0, -1.0, math.nan, math.inf, "much"))],
)
def test_weights_that_rank_nothing_are_refused(weights: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="weight"):
        Ranking(weights=weights)
