"""docs/strategies.md against what a strategy is given, what it answers, and the built-in ones."""

from __future__ import annotations

from typing import get_args

import numpy as np

from signalnode.aggregator.board import State
from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.measures.regime import REGIMES
from signalnode.aggregator.runner import BACKOFF_VIEWS_MAX, DECISIONS_MAX, STATE_BYTES_MAX, StrategyRunner
from signalnode.bus.wire import SCORE_NAMES, Gap, MarketState, encode
from signalnode.scores import MarketScores
from signalnode.settings import AggregatorSettings
from signalnode.strategies import STRATEGIES, Decision, Relation, Relations, View
from signalnode.strategies.loading import ENTRY_POINT_GROUP, STRATEGIES_MAX
from signalnode.strategies.outcomes import Decile
from signalnode.strategies.plain import view_of
from tests.bus.messages import score
from tests.documents import DOCS, names_of, one_line, prose, quoted, same, table, tables

PAGE = DOCS / "strategies.md"


def test_what_a_view_has_is_what_is_told() -> None:
    public = [name for name in View.__annotations__ if not name.startswith("_")]
    same(table(PAGE, "`view.`").names(), [*public, "having", "sift", "knows"])
    same(table(PAGE, "field", "Markets").names(), MarketState.__struct_fields__)
    same(table(PAGE, "state").names(), get_args(State))
    same(table(PAGE, "regime").names(), REGIMES)
    same(table(PAGE, "outcome").names(), Decile._fields)
    same(table(PAGE, "gap").names(), Gap.__struct_fields__)
    same(table(PAGE, "field", "Relations").names(), names_of(Relation))
    assert {f"relations.{name}" for name in names_of(Relations)} <= set(quoted(prose(PAGE)))


def test_the_measures_are_those_that_a_view_brings() -> None:
    core = Aggregator(AggregatorSettings(), ["A-USD", "B-USD"], StrategyRunner({}), 1, 0)
    random, step_ns = np.random.default_rng(7), 250_000_000
    for seq in range(1, 200):
        core.advance(seq * step_ns)
        for market in ("A-USD", "B-USD"):
            scores = dict(zip(SCORE_NAMES, random.uniform(0, 100, len(SCORE_NAMES)).tolist(), strict=True))
            message = score(market, seq, mid=100.0 + random.uniform(-1, 1), scores=scores)
            core.take(encode(message), seq * step_ns)
    (outcome,) = core.advance(200 * step_ns)
    same(table(PAGE, "measure").names(), outcome.view.measures)


def test_what_plain_scores_lack_is_as_told() -> None:
    seen = view_of({"A": dict.fromkeys(SCORE_NAMES, 50.0), "B": {}}, 0, 7)
    rows = {name: row[1] for row in table(PAGE, "neutral").rows for name in quoted(row[0])}
    same(
        rows,
        {*MarketState.__struct_fields__, "regime", "measures", "relations", "gaps", "outcomes"} - {"scores"},
    )
    first, second = seen.markets["A"], seen.markets["B"]
    warming = view_of({"A": MarketScores.of([("momentum_long", 50.0)], ("momentum_long",))}).markets["A"]
    assert quoted(rows["state"]) == [first.state, second.state, warming.state]
    assert rows["age_s"].startswith(f"{first.age_s}:")
    assert rows["warm"].startswith(f"{first.warm}:")
    assert (first.mid, first.epoch, first.seq, seen.seq) == (0.0, 0, 7, 7)
    assert (dict(seen.regime), dict(seen.measures), seen.relations.markets) == ({}, {}, ())


def test_a_decisions_fields_are_those_there_are() -> None:
    same(table(PAGE, "field", "A decision").names(), names_of(Decision))


def test_the_built_in_strategies_and_their_keys_are_those_there_are() -> None:
    told = {each.heading: each.names() for each in tables(PAGE) if each.header[0] == "key"}
    assert told == {each.name: names_of(each.make) for each in STRATEGIES}


def test_the_limits_told_are_the_real_ones() -> None:
    text = one_line(PAGE)
    assert f"A node takes {STRATEGIES_MAX}." in text
    assert f"sits out one view, then two, four, up to {BACKOFF_VIEWS_MAX}." in text
    assert f"More than {DECISIONS_MAX:,} decisions at one view" in text
    assert f"at most {STATE_BYTES_MAX // 1024} kB" in text
    assert f"entry point group `{ENTRY_POINT_GROUP}`" in text
