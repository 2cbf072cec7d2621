"""The exponentials of decayed sums: quicker than they look, and the same to the bit."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from signalnode.features.decay import ALL_SEEN, SHORT, decay, decays, share_seen

BELOW = math.nextafter(SHORT, 0.0)


def draws(count: int) -> Iterator[float]:
    """Exponents from a nanosecond of a day to beyond SHORT, the edges among them."""
    rng = random.Random(8)
    yield from (0.0, 1e-14, BELOW, SHORT, ALL_SEEN, 800.0)
    for _ in range(count):
        yield math.exp(rng.uniform(math.log(1e-14), math.log(4.0)))


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.001, 0.02, BELOW])
def test_the_polynomial_is_the_exponential_to_the_last_bit_or_the_one_beside_it(x: float) -> None:
    assert abs(decay(x) - math.exp(-x)) <= math.ulp(1.0)


def test_four_at_once_are_the_four_one_by_one() -> None:
    xs = list(draws(4_000))
    for four in zip(xs[::4], xs[1::4], xs[2::4], xs[3::4], strict=False):
        assert decays(*four) == tuple(map(decay, four))


def test_what_has_been_seen_is_what_has_not_faded_to_the_bit_and_never_nothing() -> None:
    for x in draws(4_000):
        assert share_seen(x) == max(1.0 - decay(x), 1e-9), x.hex()
    assert 1.0 - math.exp(-ALL_SEEN) == 1.0
