"""The logarithm of a price's move: the true one, near 0 and far from it."""

from __future__ import annotations

import math
import random
import sys

from signalnode.features.logarithm import NEAR, log, log1p


def test_it_is_the_logarithm_to_the_last_bit_or_the_one_beside_it() -> None:
    rng = random.Random(8)
    edges = [NEAR, -NEAR, math.nextafter(NEAR, 0.0), -math.nextafter(NEAR, 0.0), 9.0, -0.9]
    for x in [*edges, *(rng.choice((-1, 1)) * 10 ** rng.uniform(-15.0, -0.1) for _ in range(4_000))]:
        true = math.log1p(x)
        assert abs(log1p(x) - true) <= math.ulp(true), x.hex()


def test_any_logarithm_is_the_true_one_to_the_last_bit_or_the_one_beside_it() -> None:
    rng = random.Random(8)
    edges = [0.5, 1.0, 2.0, math.sqrt(0.5), math.sqrt(2.0), 2.0**-1022, sys.float_info.max, 1.0 + 2.0**-52]
    for x in [*edges, *(math.exp(rng.uniform(-700.0, 700.0)) for _ in range(4_000))]:
        assert abs(log(x) - math.log(x)) <= math.ulp(math.log(x)), x.hex()


def test_of_nothing_the_logarithm_is_none_and_what_is_no_number_stays_so() -> None:
    assert log(0.0) == log(2.0**-1023) == -math.inf
    assert log(math.inf) == math.inf
    assert math.isnan(log(math.nan))


def test_a_price_that_stands_still_has_not_moved() -> None:
    assert log1p(0.0) == 0.0
