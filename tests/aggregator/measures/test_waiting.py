"""Steps that wait until somebody asks: the same numbers as of those added at once, whenever that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.measures.waiting import Sample, Waiting
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.wire import encode
from signalnode.settings import AggregatorSettings
from signalnode.strategies import Decision
from signalnode.strategies.base import View
from tests.aggregator.test_core import T0, walk

MARKETS = ["M0", "M1", "M2"]
EVENTS = walk(5, 300, 3)  # of some 120 views


def told(view: View) -> list[Any]:
    matrices = (view.relations.correlation, view.relations.lead_s, view.relations.lead_correlation)
    cells = [view.outcomes[name].values.tobytes() for name in MARKETS]
    return [dict(view.regime), dict(view.measures), *(each.tobytes() for each in matrices), *cells]


class Asking:
    """Asks at those views that `when` chooses."""

    def __init__(self, when: Callable[[int], bool]) -> None:
        self.when = when
        self.told: dict[int, list[Any]] = {}

    def evaluate_opportunities(self, view: View) -> list[Decision]:
        if self.when(view.seq):
            self.told[view.seq] = told(view)
        return []


def heard(strategy: Any, *, is_alone: bool) -> Aggregator:
    runner = StrategyRunner({"s": strategy})
    core = Aggregator(AggregatorSettings(), MARKETS, runner, 1, T0, is_alone=is_alone)
    for now_ns, message in EVENTS:
        if is_alone:
            core.decide(now_ns)
            core.hear(message, now_ns)
        else:
            core.advance(now_ns)
            core.take(encode(message), now_ns)
    assert not core.runner.states()["s"]["failures"]
    return core


@pytest.fixture(scope="module")
def live() -> dict[int, list[Any]]:
    strategy = Asking(lambda _: True)
    heard(strategy, is_alone=False)
    return strategy.told


@pytest.mark.parametrize(
    "when",
    [lambda seq: seq >= 1, lambda seq: seq >= 90, lambda seq: seq in {54, 57, 113}, lambda seq: seq == 115],
    ids=["ever", "late", "now-and-then", "once"],
)
def test_what_is_asked_for_late_is_what_a_live_node_knew_then(
    live: dict[int, list[Any]], when: Callable[[int], bool]
) -> None:
    strategy = Asking(when)
    heard(strategy, is_alone=True)
    assert strategy.told
    assert strategy.told == {seq: live[seq] for seq in strategy.told}


def test_where_nobody_asks_no_step_is_added() -> None:
    core = heard(Asking(lambda _: False), is_alone=True)
    assert not core.outcomes.sums.any()
    assert core._measures.learnt().sums.any()


def test_a_view_that_is_kept_goes_on_to_say_what_it_said(live: dict[int, list[Any]]) -> None:
    kept: dict[int, View] = {}

    class Keeping:
        def evaluate_opportunities(self, view: View) -> list[Decision]:
            if view.seq == 72:
                kept[view.seq] = view
            return []

    heard(Keeping(), is_alone=True)
    regime, measures, *matrices = told(kept[72])
    assert [regime, measures, *matrices[:3]] == live[72][:5]
    with pytest.raises(AttributeError, match="a view has no weather"):
        _ = kept[72].weather


def test_what_waits_is_bounded(live: dict[int, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalnode.aggregator.measures.waiting.BYTES_MAX", 2_000)
    strategy = Asking(lambda seq: seq == 115)
    heard(strategy, is_alone=True)
    assert strategy.told == {115: live[115]}
    waiting = Waiting(2, bytes_max=300)
    samples = [
        Sample(step, step != 2, np.full(2, step + 0.5), np.full((2, 7), float(step))) for step in range(4)
    ]
    assert [waiting.add(each) for each in samples] == [False, False, True, True]
    drained = list(waiting.drain())
    assert [(each.step, each.follows, each.mids[0], each.scores[1, 6]) for each in drained] == [
        (step, step != 2, step + 0.5, float(step)) for step in range(4)
    ]
    assert list(waiting.drain()) == []
