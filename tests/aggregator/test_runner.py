from __future__ import annotations

import itertools
import math
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from signalnode.aggregator.budget import PATIENCE, within
from signalnode.aggregator.runner import (
    BACKOFF_VIEWS_MAX,
    DECISIONS_MAX,
    GOOD_TURNS_TO_FORGIVE,
    STATE_BYTES_MAX,
    StrategyRunner,
)
from signalnode.bus.wire import MarketState
from signalnode.clock import NS_PER_S
from signalnode.strategies.base import Decision, View


def view(seq: int = 1) -> View:
    market = MarketState(
        state="fresh", age_s=0.1, epoch=1, seq=1, mid=1.0, warm=1.0, scores={"volume_spike": 9.0}
    )
    return View(seq * 250_000_000, seq, {"A": market})


def decision(**changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "action": "enter",
        "markets": ("A",),
        "direction": "long",
        "strength": 80.0,
        "reasons": ("because",),
        "scores": {"A": {"volume_spike": 9.0}},
    }
    return Decision(**(fields | changes))


class Answers:
    """A strategy that gives what it is told to; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    def evaluate_opportunities(self, view: View) -> Any:
        self.asked.append(view.seq)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "buy",
        {"A": 1},
        [1],
        ["buy"],
        [decision(strength=math.nan)],
        [decision(strength=101.0)],
        [decision(strength="strong")],
        [decision(strength=None)],
        [decision(direction="up")],
        [decision(markets=("Z",))],
        [decision(markets="A")],
        [decision(markets=(1,))],
        [decision(markets=3)],
        [decision(scores={"A": {"volume_spike": 300.0}})],
        [decision(scores=7)],
        [decision(action=5)],
        [decision(reasons=("x" * 70_000,))],
        [decision()] * (DECISIONS_MAX + 1),
        ValueError("oh"),
        KeyError("volume"),
        UnprintableError(),
        RecursionError(),
        SystemExit(0),
        GeneratorExit(),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_nonsense_and_errors_cost_one_strategy_its_turn_and_the_others_nothing(nonsense: Any) -> None:
    bad, good = Answers(nonsense), Answers([decision()])
    runner = StrategyRunner({"bad": bad, "good": good})
    decisions, faults = runner.decide(view(), epoch=1)
    assert [d.strategy for d in decisions] == ["good"]
    assert [r.strategy for r in faults] == ["bad"]
    assert "\n" not in faults[0].reason.strip()
    assert faults[0].trace
    assert runner.states()["bad"]["failures"] == 1
    assert runner.states()["good"]["failures"] == 0


def test_who_fails_sits_out_one_view_then_two_then_four_and_never_for_ever() -> None:
    bad = Answers(ValueError("always"))
    runner = StrategyRunner({"bad": bad})
    for seq in range(1, 1_100):
        runner.decide(view(seq), 1)
    gaps = [after - before - 1 for before, after in zip(bad.asked, bad.asked[1:], strict=False)]
    assert gaps[:5] == [1, 2, 4, 8, 16]
    assert max(gaps) == BACKOFF_VIEWS_MAX


def test_good_turns_are_forgiving() -> None:
    strategy = Answers(ValueError("once"), [])
    runner = StrategyRunner({"s": strategy})
    for seq in range(1, GOOD_TURNS_TO_FORGIVE + 3):
        runner.decide(view(seq), 1)
    assert runner.states()["s"] == {"decisions": 0, "failures": 0, "error": "", "lost": {"error": 1}}


def test_decisions_are_numbered_for_each_strategy_and_go_on_after_a_swap() -> None:
    runner = StrategyRunner({"s": Answers([decision(), decision()])})
    first, _ = runner.decide(view(1), epoch=3)
    runner.replace({"s": Answers([decision()]), "new": Answers([decision()])}, 0)
    second, _ = runner.decide(view(2), epoch=3)
    assert [(d.strategy, d.epoch, d.seq, d.view_seq) for d in (*first, *second)] == [
        ("s", 3, 1, 1),
        ("s", 3, 2, 1),
        ("s", 3, 3, 2),
        ("new", 3, 1, 2),
    ]


class Counter:
    """A strategy that remembers one number, or whatever it is told to say."""

    def __init__(self, number: Any = 0) -> None:
        self.number = number

    def evaluate_opportunities(self, _view: View) -> list[Decision]:
        return []

    def state(self) -> Any:
        if isinstance(self.number, BaseException):
            raise self.number
        return self.number

    def restore(self, state: Any, time_ns: int) -> None:
        if not isinstance(state, int):
            raise TypeError(f"{state!r} is no number")
        self.number = state + time_ns


def test_states_are_kept_by_name_and_given_back_to_who_can_take_them() -> None:
    kept, faults = StrategyRunner({"a": Counter(3), "b": Counter(4), "none": Answers([])}).keep()
    assert (set(kept), faults) == ({"a", "b"}, [])
    a, new = Counter(), Counter()
    assert StrategyRunner({"a": a, "none": Answers([]), "new": new}).restore(kept, 100) == []
    assert (a.number, new.number) == (103, 0)


def test_a_strategy_that_refuses_its_state_starts_afresh_and_is_reported() -> None:
    kept, _ = StrategyRunner({"a": Counter("words"), "b": Counter(4)}).keep()
    a, b = Counter(), Counter()
    (fault,) = StrategyRunner({"a": a, "b": b}).restore(kept, 0)
    assert (fault.strategy, fault.reason) == ("a", "starts afresh: TypeError: 'words' is no number")
    assert (a.number, b.number) == (0, 4)


@pytest.mark.parametrize(
    "state", [ValueError("lost it"), object(), {1: object()}, b"x" * (STATE_BYTES_MAX + 1), SystemError()]
)
def test_of_a_strategy_that_can_give_no_state_the_newest_it_gave_is_kept(state: Any) -> None:
    bad = Counter(5)
    runner = StrategyRunner({"bad": bad, "good": Counter(6)})
    before, _ = runner.keep()
    bad.number = state
    kept, (fault,) = runner.keep()
    assert (kept, fault.strategy) == (before, "bad")


def test_a_swap_hands_the_state_over() -> None:
    runner = StrategyRunner({"s": Counter(5)})
    successor = Counter()
    assert runner.replace({"s": successor}, 100) == []
    assert successor.number == 105


def test_who_is_not_swapped_is_left_alone_with_its_failures_and_its_numbers() -> None:
    same = Counter(5)
    failing = Answers([ValueError("no")])
    runner = StrategyRunner({"same": same, "failing": failing})
    runner.decide(view(1), 1)
    before = runner.states()
    assert runner.replace({"new": Counter(), "failing": failing, "same": same}, 100) == []
    assert same.number == 5
    assert before.items() <= runner.states().items()
    assert runner.forgetful() == ["failing"]


def _score(view: View) -> None:
    view["A"]["volume_spike"] = 100.0  # type: ignore[index]


def _scores_of_the_board(view: View) -> None:
    view.markets["A"].scores.clear()


def _regime(view: View) -> None:
    view.regime = {"trending": 100.0}


def _number(view: View) -> None:
    view.seq = 10**30


@pytest.mark.parametrize("vandalise", [_score, _scores_of_the_board, _regime, _number])
def test_a_strategy_can_change_neither_what_the_next_one_sees_nor_the_board(vandalise: Any) -> None:
    class Vandal:
        def evaluate_opportunities(self, view: View) -> list[Decision]:
            vandalise(view)
            return []

    market = MarketState(
        state="fresh", age_s=0.1, epoch=1, seq=1, mid=1.0, warm=1.0, scores={"volume_spike": 9.0}
    )
    seen = View(1, 1, {"A": market}, regime={"trending": 1.0})
    _, (fault,) = StrategyRunner({"vandal": Vandal()}).decide(seen, 1)
    assert fault.strategy == "vandal"
    assert (seen["A"], market.scores) == ({"volume_spike": 9.0}, {"volume_spike": 9.0})
    assert (seen.seq, seen.regime) == (1, {"trending": 1.0})


def test_ctrl_c_during_a_replay_is_not_a_strategy_s() -> None:
    with pytest.raises(KeyboardInterrupt):
        StrategyRunner({"s": Answers(KeyboardInterrupt())}).decide(view(), 1)


def test_millions_of_decisions_are_told_in_one_line_and_never_written_out() -> None:
    class Counted(Decision):
        written = 0

        def __repr__(self) -> str:
            Counted.written += 1
            return "a decision"

    made = Counted(action="a", markets=("A",), direction="long", strength=1.0, reasons=())
    _, (fault,) = StrategyRunner({"s": Answers([made] * 1_000_000)}).decide(view(), 1)
    assert fault.reason == "ValueError: 1000000 decisions at one view; 1000 is the most"
    StrategyRunner({"s": Answers((made,) * 1_000_000)}).decide(view(), 1)
    assert Counted.written < 100


@pytest.fixture
def alarm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    signal.signal(signal.SIGALRM, before)


class Endless:
    def evaluate_opportunities(self, _view: View) -> list[Decision]:
        while True:
            pass


class Stubborn:
    """Catches everything it can, many times over."""

    def evaluate_opportunities(self, _view: View) -> list[Decision]:
        for _ in range(20):
            try:
                time.sleep(60)
            except BaseException:
                continue
        return []


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("strategy", [Endless(), Stubborn()], ids=["endless", "stubborn"])
def test_a_strategy_that_does_not_come_back_loses_its_turn(strategy: Any) -> None:
    runner = StrategyRunner({"late": strategy, "good": Answers([decision()])}, within(0.1))
    decisions, faults = runner.decide(view(), 1)
    assert [d.strategy for d in decisions] == ["good"]
    if isinstance(strategy, Endless):
        assert "longer than its budget of 100 ms" in faults[0].reason
        assert "while True" in faults[0].trace


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize(
    "answer", [decision(reasons=itertools.repeat("why")), decision(markets=itertools.repeat("A"))]
)
def test_an_answer_without_an_end_loses_its_turn(answer: Any) -> None:
    runner = StrategyRunner({"endless": Answers([answer]), "good": Answers([decision()])}, within(0.02))
    decisions, (fault,) = runner.decide(view(), 1)
    assert [d.strategy for d in decisions] == ["good"]
    assert "longer than its budget of 20 ms" in fault.reason


@pytest.mark.usefixtures("alarm")
def test_a_strategy_within_its_budget_never_hears_the_alarm() -> None:
    runner = StrategyRunner({"good": Answers([decision()])}, within(10.0))
    for seq in range(1, 200):
        decisions, faults = runner.decide(view(seq), 1)
        assert len(decisions) == 1
        assert not faults


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("budgets", [PATIENCE - 0.5, PATIENCE + 0.5])
def test_a_busy_machine_costs_a_strategy_no_turn_until_it_is_far_beyond(
    budgets: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No work at all, and longer than its budget by the clock."""
    now_s = [0.0]
    monkeypatch.setattr("signalnode.aggregator.budget.monotonic_ns", lambda: int(now_s[0] * NS_PER_S))

    class Waits:
        def evaluate_opportunities(self, _view: View) -> list[Decision]:
            now_s[0] += 1_000.0 * budgets
            signal.raise_signal(signal.SIGALRM)
            return [decision()]

    decisions, faults = StrategyRunner({"patient": Waits()}, within(1_000.0)).decide(view(), 1)
    assert (len(decisions), len(faults)) == ((1, 0) if budgets < PATIENCE else (0, 1))
