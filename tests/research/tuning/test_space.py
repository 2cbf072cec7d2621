"""What is drawn, and what can be tried together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from signalnode.features.base import Parameter
from signalnode.research.tuning.space import drawn, neighbours, passes, rounded
from signalnode.signals import OPTIONAL, PARAMETERS, SIGNALS
from signalnode.signals.base import Signal

FAST = Parameter("fast_s", 5.0, 1.0, 100.0, "s", "a test's", (2.0, 50.0))
SLOW = Parameter("slow_s", 50.0, 10.0, 1_000.0, "s", "a test's", (20.0, 500.0))


def test_a_seed_and_a_trial_say_what_is_drawn_whatever_else_is() -> None:
    both, alone = drawn([FAST, SLOW], 1, 17), drawn([SLOW], 1, 17)
    assert both["slow_s"] == alone["slow_s"]
    assert drawn([FAST, SLOW], 1, 17) == both
    assert drawn([FAST, SLOW], 2, 17) != both
    assert drawn([FAST, SLOW], 1, 18) != both


def test_draws_are_even_in_the_logarithm_and_within_the_bounds() -> None:
    found = np.array([drawn([FAST], 3, trial)["fast_s"] for trial in range(400)])
    assert found.min() >= 2.0
    assert found.max() <= 50.0
    assert np.mean(found < 10.0) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("value", "told"), [(123.4, 120.0), (0.0567, 0.057), (9.96, 10.0), (14_400.0, 14_000.0)]
)
def test_a_drawn_number_has_two_digits(value: float, told: float) -> None:
    assert rounded(value) == pytest.approx(told, rel=1e-12)


def test_neighbours_are_each_parameter_a_fifth_more_and_less_within_bounds() -> None:
    assert neighbours({"fast_s": 10.0, "slow_s": 1_000.0}, [FAST, SLOW]) == {
        "fast_s 12": {"fast_s": 12.0, "slow_s": 1_000.0},
        "fast_s 8.33": {"fast_s": 8.33, "slow_s": 1_000.0},
        "slow_s 833": {"fast_s": 10.0, "slow_s": 833.0},
    }


def test_signals_that_do_not_move_each_other_are_tried_together() -> None:
    own = {"a": ["p"], "b": ["q"], "c": ["r"]}
    assert passes(own, {"a": {"p"}, "b": {"q"}, "c": {"r"}}) == [["a", "b", "c"]]
    assert passes(own, {"a": {"p", "q"}, "b": {"q"}, "c": {"r"}}) == [["a", "c"], ["b"]]
    assert passes({"a": ["p"], "b": ["p"]}, {"a": {"p"}, "b": {"p"}}) == [["a"], ["b"]]


@pytest.mark.parametrize("signal", [*SIGNALS, *OPTIONAL.values()], ids=lambda signal: signal.scores[0])
def test_what_is_searched_for_a_signal_has_bounds_around_the_default(signal: Signal) -> None:
    known = {parameter.name: parameter for parameter in PARAMETERS}
    for name in signal.tuned:
        parameter = known[name]
        low, high = parameter.search
        assert parameter.minimum <= low < parameter.default < high <= parameter.maximum


def test_the_docs_have_every_bound() -> None:
    told = Path("docs/tune.md").read_text(encoding="utf-8")
    known = {parameter.name: parameter for parameter in PARAMETERS}
    for signal in (each for each in SIGNALS if each.tuned):
        bounds = (f"`{name}` {known[name].search[0]:g} to {known[name].search[1]:g}" for name in signal.tuned)
        assert f"| {', '.join(bounds)} |" in told
