"""Several functions as one: each is called, in order, and what numba would not know is refused."""

from __future__ import annotations

import pytest

from signalnode.compiled import compiled, in_turn


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
