from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from signalnode.bus.wire import SCORE_NAMES
from signalnode.strategies.outcomes import DECILES, FIELDS, MarketOutcomes
from signalnode.strategies.ranking import EFFECTIVE_MIN, Ranking
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


def followed(effective: float = 100.0, **moves_bps: float) -> MarketOutcomes:
    """A market whose scores were followed by those moves in their highest tenth, within 30 s."""
    values = np.zeros((len(FIELDS), 2, len(SCORE_NAMES), DECILES))
    values[FIELDS.index("effective")] = effective
    for name, move_bps in moves_bps.items():
        values[FIELDS.index("move_bps"), 1, SCORE_NAMES.index(name), DECILES - 1] = move_bps
    return MarketOutcomes((5.0, 30.0), SCORE_NAMES, values)


OUTCOMES = {
    "A": followed(momentum_long=0.5),
    "B": followed(momentum_short=2.0),
    "C": followed(momentum_long=1.5),
}
LOUD = {
    "A": market(momentum_long=95, momentum_short=5),
    "B": market(momentum_long=9, momentum_short=91),
    "C": market(momentum_long=93, momentum_short=7),
}


def test_what_followed_decides_on_the_order_less_the_spread_where_that_is_known() -> None:
    strategy = Ranking(weights={"momentum": 1.0})
    assert [line.market for line in strategy.table(view(0, LOUD, outcomes=OUTCOMES))] == ["B", "C", "A"]
    wide = LOUD | {"B": msgspec.structs.replace(LOUD["B"], spread_bps=1.0)}
    table = strategy.table(view(0, wide, outcomes=OUTCOMES))
    assert [(line.market, line.net_bps) for line in table] == [("C", 1.5), ("B", 1.0), ("A", 0.5)]
    (decision,) = strategy.evaluate_opportunities(view(0, wide, outcomes=OUTCOMES))
    assert decision.reasons[1] == "2. B short 91.0, +1.00 bps expected net"


def test_by_score_or_while_too_little_followed_the_value_decides() -> None:
    by_score = Ranking(weights={"momentum": 1.0}, by="score")
    assert [line.market for line in by_score.table(view(0, LOUD, outcomes=OUTCOMES))] == ["A", "C", "B"]
    few = {name: followed(0.9 * EFFECTIVE_MIN, momentum_long=9.0) for name in OUTCOMES}
    table = Ranking(weights={"momentum": 1.0}).table(view(0, LOUD, outcomes=few))
    assert [(line.market, line.net_bps) for line in table] == [("A", None), ("C", None), ("B", None)]


def test_a_market_that_goes_against_its_scores_comes_after_one_of_which_nothing_is_known() -> None:
    against = {"A": followed(momentum_long=-2.0)}
    table = Ranking(weights={"momentum": 1.0}).table(view(0, LOUD, outcomes=against))
    assert [line.market for line in table][:2] == ["C", "B"]


def test_scores_without_a_direction_foresee_none() -> None:
    told = {"A": followed(volume_spike=5.0)}
    (line,) = Ranking(weights={"volume_spike": 1.0}).table(
        view(0, {"A": market(volume_spike=95)}, outcomes=told)
    )
    assert line.net_bps is None


def test_a_direction_whose_scores_are_too_low_is_listed_for_no_outcome() -> None:
    told = {"A": followed(momentum_long=-2.0)}
    (line,) = Ranking(weights={"momentum": 1.0}).table(view(0, {"A": LOUD["A"]}, outcomes=told))
    assert (line.direction, line.net_bps) == ("long", -2.0)
