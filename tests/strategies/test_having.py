"""A score that only some markets have, one of their own: the others are left alone, and no turn is lost."""

from __future__ import annotations

import pytest

from signalnode.strategies.base import Strategy
from signalnode.strategies.ranking import Ranking
from signalnode.strategies.sniper import Sniper
from signalnode.strategies.threshold import Threshold
from tests.strategies.views import market, view

BOARD = {"A": market(momentum_long=99.0), "B": market(calm=95.0, momentum_long=90.0)}
ON_CALM: list[Strategy] = [
    Threshold(long="calm", short="momentum_short", entry=90.0),
    Ranking(weights={"calm": 1.0}),
    Sniper(needs={"calm": 90.0}),
]


@pytest.mark.parametrize("strategy", ON_CALM, ids=lambda each: type(each).__name__)
def test_markets_without_the_score_are_left_alone(strategy: Strategy) -> None:
    decisions = strategy.evaluate_opportunities(view(0, BOARD))
    assert decisions
    assert {decision.markets for decision in decisions} == {("B",)}


@pytest.mark.parametrize("strategy", ON_CALM, ids=lambda each: type(each).__name__)
def test_a_score_that_no_market_has_is_told(strategy: Strategy) -> None:
    with pytest.raises(LookupError, match="no market has a score calm"):
        strategy.evaluate_opportunities(view(100, {"A": market(), "B": market("stale")}))


@pytest.mark.parametrize(
    ("wanted", "had", "said"),
    [
        ("momentumlong", "momentum_long", "no market has a score momentumlong; momentum_long is near"),
        ("momentum_long", "momentum_short", "no market has a score momentum_long; mend its name"),
    ],
)
def test_a_score_that_is_misspelt_is_told_with_the_one_that_is_near(wanted: str, had: str, said: str) -> None:
    only = market()
    only.scores.clear()
    only.scores[had] = 50.0
    with pytest.raises(LookupError, match=said):
        view(0, {"A": only}).having([wanted])


def test_while_a_market_has_not_spoken_its_scores_are_waited_for() -> None:
    unheard = market("unheard")
    unheard.scores.clear()
    assert view(0, {"A": market(), "B": unheard}).having(["calm"]) == []
    assert view(0, {}).having(["calm"]) == []


def test_one_that_is_not_fresh_is_not_handed_out() -> None:
    assert view(0, {"A": market("stale", calm=1.0), "B": market(calm=2.0)}).having(["calm"]) == ["B"]


UNKNOWN: list[tuple[Strategy, tuple[str, ...]]] = [
    (Threshold(entry=50.0, exit=0.0), ("momentum_long",)),
    (Ranking(value_min=0.0), ("volume_spike",)),
    (Sniper(needs={"liquidity_opportunity": 0.0}), ("liquidity_opportunity",)),
]


@pytest.mark.parametrize(("strategy", "names"), UNKNOWN, ids=lambda each: type(each).__name__)
def test_an_unknown_score_is_left_alone(strategy: Strategy, names: tuple[str, ...]) -> None:
    board = {"A": market(momentum_long=60.0, unknown=names), "B": market(momentum_long=60.0)}
    assert view(0, board).having(names) == ["B"]
    assert {each.markets for each in strategy.evaluate_opportunities(view(0, board))} == {("B",)}


def test_a_market_is_known_to_have_what_it_has_evidence_of() -> None:
    seen = view(0, {"A": market(unknown=("volume_spike",)), "B": market("stale")})
    assert seen.knows("A", ["momentum_long"])
    assert not seen.knows("A", ["momentum_long", "volume_spike"])
    assert not seen.knows("A", ["calm"])
    assert not seen.knows("B", ["momentum_long"])
    assert not seen.knows("Z", [])
