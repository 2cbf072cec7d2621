"""Strategies in one Python process: plain dicts of scores, or a view, give decisions of every strategy."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import signalnode
from signalnode.bus.wire import SCORE_NAMES, ViewMessage
from signalnode.errors import ConfigError, EventOrderError, ExtensionError, UsageError
from signalnode.events import EVENT
from signalnode.strategies import STRATEGIES, Decision, Registered, Relation, Threshold, View
from signalnode.strategies.engine import StrategyEngine
from signalnode.strategies.plain import view_of
from tests.strategies.views import T0, S, market, view

CALM = dict.fromkeys(SCORE_NAMES, 50.0)
RISING = CALM | {"momentum_long": 97.0, "momentum_short": 3.0, "volume_spike": 80.0}
SCORES = {"BTC-USD": RISING, "ETH-USD": CALM}


class Mine:
    """Enters what is loud; of no kind that anybody registered."""

    def evaluate_opportunities(self, view: View) -> list[Decision]:
        return [
            Decision(
                action="look",
                markets=(name,),
                direction="neutral",
                strength=scores["volume_spike"],
                reasons=(),
            )
            for name, scores in view.items()
            if scores["volume_spike"] > 70.0
        ]


def test_the_words_of_the_seed_work() -> None:
    engines = {name: signalnode.SignalEngine(name) for name in ("BTC-USD", "ETH-USD")}
    events = np.zeros(3, EVENT)
    events["kind"], events["bid"], events["ask"] = 2, 100.0, 100.1
    events["bid_size"] = events["ask_size"] = 1.0
    events["time_event_ns"] = events["time_received_ns"] = T0 + np.arange(3) * S

    async def scores() -> dict[str, dict[str, float]]:
        return {name: await each.get_continuous_scores() for name, each in engines.items()}

    for each in engines.values():
        each.ingest(events)
    engine = signalnode.StrategyEngine()
    assert tuple(engine.strategies) == tuple(each.name for each in STRATEGIES)
    assert all(
        decision.strategy in engine.strategies
        for decision in engine.evaluate_opportunities(asyncio.run(scores()))
    )


def test_every_decision_says_whose_it_is() -> None:
    decisions = StrategyEngine({"threshold": {}, "mine": Mine(), "ranking": {}}).evaluate_opportunities(
        SCORES
    )
    assert [(each.strategy, each.action, each.markets) for each in decisions] == [
        ("threshold", "enter", ("BTC-USD",)),
        ("mine", "look", ("BTC-USD",)),
        ("ranking", "rank", ("BTC-USD", "ETH-USD")),
    ]


def test_plain_scores_give_what_a_view_of_them_gives() -> None:
    board = {name: market(mid=0.0, **scores) for name, scores in SCORES.items()}
    assert StrategyEngine().evaluate_opportunities(SCORES, T0) == StrategyEngine().evaluate_opportunities(
        view(0, board)
    )


def test_a_view_from_the_wire_is_as_good() -> None:
    couple = {"markets": ["A", "B"], "correlation": 0.9, "lead_s": 2.0, "lead_correlation": 0.7}
    around = {"regime": {"trending": 40.0}, "measures": {"breadth": 0.5}}
    board = {"A": market(**RISING), "B": market(**RISING), "C": market("stale", **RISING)}
    message = ViewMessage(
        v=1, epoch=1, seq=9, time_published_ns=T0, markets=board, relations=[couple], strategies={}, **around
    )
    seen = view_of(message)
    assert (seen.time_ns, seen.seq, list(seen), dict(seen.regime)) == (T0, 9, ["A", "B"], around["regime"])
    assert seen.relations.between("B", "A") == Relation(0.9, -2.0, 0.7)
    assert (seen.relations.leaders("B", 0.5), seen.relations.leaders("A", 0.5)) == (["A"], [])
    assert seen.relations.between("A", "C") is None
    engine = StrategyEngine()
    assert engine.evaluate_opportunities(message) == StrategyEngine().evaluate_opportunities(seen)
    with pytest.raises(EventOrderError):
        engine.evaluate_opportunities(msgspec.structs.replace(message, time_published_ns=T0 - 1))
    with pytest.raises(ValueError, match="a view has a time of its own"):
        engine.evaluate_opportunities(message, T0)


@pytest.mark.parametrize("each", STRATEGIES, ids=lambda each: each.name)
def test_a_strategy_itself_takes_plain_scores(each: Registered) -> None:
    made = StrategyEngine([each.name]).evaluate_opportunities(SCORES)
    alone = each.make().evaluate_opportunities(SCORES)
    assert [decision.reasons for decision in made] == [decision.reasons for decision in alone]


def test_strategies_remember_from_call_to_call() -> None:
    engine = StrategyEngine("threshold")
    assert [each.action for each in engine.evaluate_opportunities(SCORES, T0)] == ["enter"]
    assert engine.evaluate_opportunities(SCORES, T0 + S) == []
    assert [each.action for each in engine.evaluate_opportunities({"BTC-USD": CALM}, T0 + 9 * S)] == ["exit"]


def test_strategies_are_those_of_a_config(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Mine:\n    def evaluate_opportunities(self, view): return []\n")
    config = tmp_path / "signalnode.toml"
    config.write_text('[strategies.own]\nkind = "mine.py:Mine"\n[strategies.threshold]\nenabled = false\n')
    assert list(StrategyEngine(config=config).strategies) == ["own"]
    assert list(StrategyEngine({"a": {"kind": "mine.py:Mine"}}, config=str(config)).strategies) == ["a"]
    config.write_text("")
    assert len(StrategyEngine(config=config).strategies) == len(STRATEGIES)


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"threshold": {"entry": 200}}, ConfigError, r"strategies\.threshold\.entry: 200.0 is out of range"),
        (["treshold"], ConfigError, "'treshold' is not known; use threshold"),
        ({"x": {"kind": "none.py:A"}}, ExtensionError, "no such file"),
        ({"a b": Threshold()}, UsageError, "'a b' cannot name a strategy"),
        ([Threshold()], TypeError, "has no names; write {name: strategy}"),
        ({"mine": object()}, TypeError, r"strategy mine: object .* has no evaluate_opportunities\(view\)"),
    ],
)
def test_strategies_at_fault_are_told(given: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as told:
        StrategyEngine(given)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("scores", "kind", "said"),
    [
        (RISING, TypeError, "'momentum_long': a float is given, where scores by market are wanted"),
        ([RISING], TypeError, "a list is given"),
        (None, TypeError, "a NoneType is given"),
        ({"A": {"momentum_long": None}}, TypeError, "A: 'momentum_long' is a NoneType; a score is"),
        ({"A": {"momentum_long": True}}, TypeError, "A: 'momentum_long' is a bool"),
        ({"A": {"momentum_long": float("nan")}}, ValueError, "A: momentum_long is nan; a score is"),
        (
            {"A": {"momentum_long": 100.5}},
            ValueError,
            "A: momentum_long is 100.5; a score is a number from 0",
        ),
    ],
)
def test_what_are_no_scores_is_told_in_one_line(scores: Any, kind: type[Exception], said: str) -> None:
    for ask in (StrategyEngine().evaluate_opportunities, Threshold().evaluate_opportunities):
        with pytest.raises(kind, match=re.escape(said)) as told:
            ask(scores)
        assert "\n" not in str(told.value)


def test_a_forgotten_await_is_told() -> None:
    scores: Any = {"A": signalnode.SignalEngine("A").get_continuous_scores()}
    with pytest.raises(TypeError, match="A: its scores are still to come; write await"):
        StrategyEngine().evaluate_opportunities(scores)


@pytest.mark.parametrize(
    ("strategies", "given", "said"),
    [
        (["ranking"], "momentum_short", "strategy ranking: the scores given have no "),
        (
            ["threshold"],
            "momentumshort",
            "strategy threshold: no market has a score momentum_short; momentumsh",
        ),
    ],
)
def test_scores_that_lack_what_a_strategy_goes_by_are_told_with_its_name(
    strategies: list[str], given: str, said: str
) -> None:
    scores = {"BTC": {"momentum_long": 92.0, given: 8.0}}
    with pytest.raises(LookupError, match=said):
        StrategyEngine(strategies).evaluate_opportunities(scores, T0)


def test_a_row_of_a_replay_is_as_good_as_its_scores_and_knows_its_mid() -> None:
    fields = [("time_ns", "<i8"), *((name, "<f8") for name in ("mid", *SCORE_NAMES, "warm"))]
    row = np.array([(T0, 61_805.2, *RISING.values(), 0.5)], fields)[0]
    seen = view_of({"BTC-USD": row}, row["time_ns"])
    assert (dict(seen["BTC-USD"]), seen.time_ns) == (RISING, T0)
    assert (seen.markets["BTC-USD"].mid, seen.markets["BTC-USD"].warm) == (61_805.2, 0.5)
    row["mid"] = np.nan
    assert view_of({"BTC-USD": row}).markets["BTC-USD"].mid == 0.0


def test_a_market_without_scores_is_not_fresh() -> None:
    seen = view_of({"A": {}, "B": CALM})
    assert (list(seen), seen.markets["A"].state) == (["B"], "unheard")
    assert {each.markets for each in StrategyEngine().evaluate_opportunities(seen)} == {("B",)}


def test_time_does_not_step_back() -> None:
    engine = StrategyEngine()
    engine.evaluate_opportunities(SCORES, T0)
    for ask in ((SCORES, T0 - 1), (view(-1, {}), None)):
        with pytest.raises(EventOrderError, match=f"is before {T0}, when these strategies were last asked"):
            engine.evaluate_opportunities(*ask)
    with pytest.raises(ValueError, match="a view has a time of its own"):
        engine.evaluate_opportunities(view(1, {}), T0)


def test_a_clock_set_back_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    times, seen = iter((T0, T0 - S, T0 + S)), []

    class Watch:
        def evaluate_opportunities(self, view: View) -> list[Decision]:
            seen.append((view.time_ns, view.seq))
            return []

    monkeypatch.setattr("signalnode.strategies.plain.wall_ns", lambda: next(times))
    engine = StrategyEngine({"watch": Watch})
    for _ in range(3):
        engine.evaluate_opportunities(SCORES)
    assert seen == [(T0, 1), (T0, 2), (T0 + S, 3)]


@pytest.mark.parametrize(
    ("answer", "said"), [(None, "returned NoneType None; a list"), ([1], "a list with int 1")]
)
def test_what_a_strategy_does_wrong_is_raised_with_its_name(answer: object, said: str) -> None:
    class Wrong:
        def evaluate_opportunities(self, _: View) -> object:
            return answer

    with pytest.raises(TypeError, match=said) as told:
        StrategyEngine({"wrong": Wrong()}).evaluate_opportunities(SCORES)
    assert told.value.__notes__ == ["in strategy wrong"]


def test_before_the_first_price_no_strategy_decides_on_what_an_engine_hands_over() -> None:
    scores = asyncio.run(signalnode.SignalEngine("BTC-USD").get_continuous_scores())
    strategies = {"ranking": {"value_min": 0.0}, "threshold": {"entry": 50.0, "exit": 0.0}}
    assert StrategyEngine(strategies).evaluate_opportunities({"BTC-USD": scores}) == []
    assert view_of({"BTC-USD": scores}).markets["BTC-USD"].state == "warming"
    assert StrategyEngine(strategies).evaluate_opportunities({"BTC-USD": dict(scores)}) != []
