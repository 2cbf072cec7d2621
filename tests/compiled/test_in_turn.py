"""Several functions as one: each is called, in order, and what numba would not know is refused."""

from __future__ import annotations

import pytest

from signalnode.compiled import MARKED, compiled, in_turn, written


@compiled
def doubles(x: list[float]) -> None:
    x[0] *= 2.0


@compiled
def adds_one(x: list[float]) -> None:
    x[0] += 1.0


def is_not_marked(x: list[float]) -> None:
    x[0] = 0.0


@pytest.mark.parametrize(
    ("functions", "outcome"),
    [
        ([], 3.0),
        ([doubles], 6.0),
        ([doubles, adds_one], 7.0),
        ([adds_one, doubles], 8.0),
        ([adds_one, doubles, doubles, adds_one], 17.0),
    ],
)
def test_each_is_called_in_its_turn(functions: list[object], outcome: float) -> None:
    x = [3.0]
    in_turn(functions)(x)  # type: ignore[arg-type]
    assert x == [outcome]


def test_one_that_is_not_marked_is_refused_in_one_line() -> None:
    with pytest.raises(TypeError, match=r"\.is_not_marked: put @compiled above it$"):
        in_turn([doubles, is_not_marked])


def test_what_is_made_is_compiled_like_what_it_calls() -> None:
    assert in_turn([doubles, adds_one]) in MARKED


def test_lines_that_a_register_dictates_run_in_their_order_and_know_their_names() -> None:
    x = [3.0]
    written("x, y", [f"x[0] += y * {number}" for number in (1, 2)] + ["adds(x)"], adds=adds_one)(x, 10.0)
    assert x == [34.0]
    assert written("x", [])(x) is None
