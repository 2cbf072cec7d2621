"""The exponentials of decayed sums: straight arithmetic, as near as a float comes to the true value."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from functools import partial

import pytest

from signalnode.features.decay import (
    GONE,
    SEEN_MIN,
    SHORT,
    any_decays,
    decay,
    decays,
    exp,
    shares_seen,
)

BELOW = math.nextafter(SHORT, 0.0)


def draws(count: int) -> Iterator[float]:
    """Exponents from a nanosecond of a day to where nothing is left, the edges among them."""
    rng = random.Random(8)
    yield from (0.0, 1e-14, BELOW, SHORT, 40.0, GONE)
    for _ in range(count):
        yield math.exp(rng.uniform(math.log(1e-14), math.log(GONE)))


def test_a_decay_is_the_exponential_to_the_last_bit_or_the_one_beside_it() -> None:
    for x in draws(4_000):
        true = math.exp(-x)
        assert abs(decay(x) - true) <= math.ulp(true), x.hex()


@pytest.mark.parametrize("x", [math.nextafter(GONE, math.inf), 1e6, 1e300, math.inf])
def test_of_what_is_long_ago_nothing_is_left(x: float) -> None:
    assert decay(x) == 0.0
    assert decays(x, 0.0, x, 0.0) == (0.0, 1.0, 0.0, 1.0)


def test_four_at_once_are_the_four_one_by_one_but_for_the_last_bit() -> None:
    xs = list(draws(4_000))
    for four in zip(xs[::4], xs[1::4], xs[2::4], xs[3::4], strict=False):
        one_by_one = tuple(map(decay, four))
        for found in (decays(*four), any_decays(*four)):
            assert all(map(partial(math.isclose, rel_tol=3e-16), found, one_by_one)), four


def test_what_grows_is_the_exponential_as_well() -> None:
    for x in (-700.0, -27.6, -1.0, -1e-9, 0.0, 1e-9, 0.3, 1.0, 5.4, 700.0):
        assert abs(exp(x) - math.exp(x)) <= math.ulp(math.exp(x)), x.hex()


def test_what_has_been_seen_is_what_has_not_faded_and_never_nothing() -> None:
    xs = sorted(draws(4_000))
    for four in zip(xs[::4], xs[1::4], xs[2::4], xs[3::4], strict=False):
        expected = [max(1.0 - decay(x), SEEN_MIN) for x in four]
        near = partial(math.isclose, rel_tol=0.0, abs_tol=3e-16)
        assert all(map(near, shares_seen(*four), expected)), four
    assert shares_seen(40.0, 50.0, GONE, math.inf) == (1.0, 1.0, 1.0, 1.0)
