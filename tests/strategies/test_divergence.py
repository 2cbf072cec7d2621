from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from signalnode.strategies.base import Decision, Relations
from signalnode.strategies.divergence import Divergence
from tests.strategies.views import market, view

AGREE = {"mean_reversion_long": 80.0, "mean_reversion_short": 80.0}


def together(rho: float) -> Relations:
    return Relations(("A", "B"), np.array([[1.0, rho], [rho, 1.0]]), np.zeros((2, 2)), np.zeros((2, 2)))


def run(
    strategy: Divergence, ratio: Callable[[int], float], rho: float = 0.9, scores: dict[str, float] = AGREE
) -> list[tuple[int, Decision]]:
    found = []
    for second in range(400):
        board: dict[str, Any] = {
            "A": market(mid=100.0 * ratio(second), **scores),
            "B": market(mid=100.0, **scores),
        }
        seen = view(second, board, relations=together(rho))
        found += [(second, each) for each in strategy.evaluate_opportunities(seen)]
    return found


def apart(second: int) -> float:
    """A breathes around B, is dear for half a minute, and comes back."""
    return 1.0 + 1e-4 * (second % 2) + (3e-3 if 200 <= second < 230 else 0.0)


def test_the_cheap_one_is_bought_against_the_rich_one_and_closed_when_they_meet() -> None:
    found = run(Divergence(), apart)
    assert [(second, each.action, each.markets) for second, each in found] == [
        (200, "enter", ("B", "A")),
        (230, "exit", ("B", "A")),
    ]
    assert "B is cheap against A" in found[0][1].reasons[0]
    assert found[0][1].scores["A"] == AGREE


def test_the_other_way_round_the_sides_swap() -> None:
    found = run(Divergence(), lambda second: 1.0 / apart(second))
    assert found[0][1].markets == ("A", "B")


def test_markets_that_do_not_move_together_are_left_alone() -> None:
    assert run(Divergence(correlation_min=0.6), apart, rho=0.5) == []


def test_reversion_scores_that_disagree_hold_it_back() -> None:
    assert run(Divergence(agree_min=90.0), apart) == []


def test_nothing_is_decided_before_a_spread_was_watched() -> None:
    assert run(Divergence(watch_s=380.0), apart) == []


def test_a_pair_that_was_away_is_watched_anew_and_its_return_is_no_divergence() -> None:
    strategy, draw = Divergence(), np.random.default_rng(1)
    level, found = 0.0, []
    for second in (*range(600), *range(4_200, 4_500)):
        level = 0.98 * level + 2e-4 * draw.standard_normal()
        board = {"A": market(mid=100.0 * (1.0 + level), **AGREE), "B": market(mid=100.0, **AGREE)}
        made = strategy.evaluate_opportunities(view(second, board, relations=together(0.9)))
        found += [(second, float(each.reasons[0].split(" deviations")[0].split()[-1])) for each in made]
    assert any(second < 600 for second, _ in found)
    assert not [second for second, _ in found if 4_200 <= second < 4_260]
    assert all(abs(z) < 4.0 for _, z in found)


def test_prices_that_do_not_move_have_no_deviation() -> None:
    assert run(Divergence(), lambda _: 1.0) == []


def test_the_deviation_is_the_decayed_one_computed_from_scratch() -> None:
    strategy = Divergence(half_life_s=30.0, entry=99.0)
    run(strategy, apart)
    logs = np.log([apart(second) for second in range(400)])
    keep = 0.5 ** (1 / 30)
    weights = (1 - keep) * keep ** np.arange(399, -1, -1.0)
    weights[0] = keep**399
    spread = strategy._spreads["A", "B"]
    assert spread.mean == pytest.approx(np.average(logs, weights=weights), abs=1e-12)
    expected = np.average((logs - spread.mean) ** 2, weights=weights)
    assert spread.variance == pytest.approx(expected, rel=1e-9)


def test_an_exit_above_the_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="put it below"):
        Divergence(entry=1.0, exit=2.0)


def test_reversion_scores_without_evidence_agree_with_nothing() -> None:
    unknown: Any = {"unknown": ("mean_reversion_long", "mean_reversion_short")}
    assert run(Divergence(), apart, scores=unknown) == []


def test_a_pair_of_which_one_is_not_warm_is_not_opened() -> None:
    assert run(Divergence(), apart, scores=AGREE | {"warm": 0.4}) == []
    assert run(Divergence(warm_min=0.4), apart, scores=AGREE | {"warm": 0.4}) != []
