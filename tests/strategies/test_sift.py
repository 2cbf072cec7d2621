"""Where markets are many strategies are told scores as arrays: that spares work, and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from signalnode.bus.wire import SCORE_NAMES, MarketState
from signalnode.strategies.base import Columns
from signalnode.strategies.ranking import Ranking
from signalnode.strategies.sniper import Sniper
from signalnode.strategies.threshold import Threshold
from tests.strategies.views import market, view

MARKETS = [f"M{number}" for number in range(40)]
STATES = ("fresh", "fresh", "fresh", "stale", "settling", "unheard")
KINDS: list[tuple[type[Any], dict[str, Any]]] = [
    (Threshold, {"entry": 75.0, "exit": 60.0, "dwell_s": 0.5, "lost_s": 1.0}),
    (Threshold, {"long": "volume_spike", "short": "momentum_short", "entry": 70.0, "exit": 65.0}),
    (Sniper, {"needs": {"momentum": 70.0, "volume_spike": 40.0}, "rearm_s": 1.0}),
    (Ranking, {"k": 5, "interval_s": 0.0, "value_min": 60.0}),
]


def columns_of(markets: Mapping[str, MarketState]) -> Columns:
    """Scores of a view as arrays, market by market."""
    read = view(0, markets)
    scores = {
        name: np.array([read[each].get(name, np.nan) if each in read else np.nan for each in markets])
        for name in SCORE_NAMES
    }
    return Columns(list(markets), {name: place for place, name in enumerate(markets)}, scores)


@cache
def boards(seed: int) -> list[tuple[dict[str, MarketState], Columns]]:
    """Forty markets that walk, come and go, and lack evidence now and then, for forty views."""
    draw = np.random.default_rng(seed)
    scores = draw.uniform(0.0, 100.0, (len(MARKETS), len(SCORE_NAMES)))
    found = []
    for _ in range(40):
        scores = np.clip(scores + draw.normal(0.0, 12.0, scores.shape), 0.0, 100.0)
        markets = {name: drawn_market(draw, row.tolist()) for name, row in zip(MARKETS, scores, strict=True)}
        found.append((markets, columns_of(markets)))
    return found


def drawn_market(draw: np.random.Generator, row: list[float]) -> MarketState:
    state = STATES[draw.integers(len(STATES))]
    scores = dict(zip(SCORE_NAMES, row, strict=True))
    unknown = ("volume_spike",) if draw.random() < 0.1 else ()
    if state == "unheard":
        found = market(state)
        found.scores.clear()
        return found
    return market(state, warm=float(draw.random() < 0.9), unknown=unknown, **scores)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("kind", "keys"), KINDS)
def test_the_same_is_decided_with_and_without_arrays(
    kind: type[Any], keys: dict[str, Any], seed: int
) -> None:
    alone, sifting = kind(**keys), kind(**keys)
    decided = 0
    for number, (markets, columns) in enumerate(boards(seed)):
        plain = alone.evaluate_opportunities(view(number / 4, markets))
        seen = view(number / 4, markets, columns=columns)
        assert sifting.evaluate_opportunities(seen) == plain
        assert sifting.state() == alone.state()
        decided += len(plain)
    assert decided


def test_a_score_that_is_no_column_is_looked_for_in_every_market() -> None:
    markets = {name: market(calm=90.0) for name in MARKETS}
    seen = view(0, markets, columns=columns_of(markets))

    def never(scores: Mapping[str, Any]) -> Any:
        raise AssertionError(scores)

    assert seen.sift(["calm", "volume_spike"], never) == MARKETS


def test_what_may_not_be_is_left_out_unless_it_is_asked_for() -> None:
    markets = {name: market(momentum_long=float(place)) for place, name in enumerate(MARKETS)}
    markets["M3"] = market("stale", momentum_long=3.0)
    seen = view(0, markets, columns=columns_of(markets))
    found = seen.sift(["momentum_long"], lambda scores: scores["momentum_long"] >= 38.0, ["M3", "M5", "gone"])
    assert found == ["M5", "M38", "M39"]
