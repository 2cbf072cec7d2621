"""The logarithm of a price's move: the true one, near 0 and far from it."""

from __future__ import annotations

import math
import random

from signalnode.features.logarithm import NEAR, log1p


def test_it_is_the_logarithm_to_the_last_bit_or_the_one_beside_it() -> None:
    rng = random.Random(8)
    edges = [NEAR, -NEAR, math.nextafter(NEAR, 0.0), -math.nextafter(NEAR, 0.0), 9.0, -0.9]
    for x in [*edges, *(rng.choice((-1, 1)) * 10 ** rng.uniform(-15.0, -0.1) for _ in range(4_000))]:
        true = math.log1p(x)
        assert abs(log1p(x) - true) <= math.ulp(true), x.hex()


def test_a_price_that_stands_still_has_not_moved() -> None:
    assert log1p(0.0) == 0.0
