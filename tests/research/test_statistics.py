"""What is said of a column of scores: true where there is something, and silent where there is nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from signalnode.research.statistics import (
    BLOCKS_MIN,
    NOTHING,
    Foresight,
    Ranked,
    Series,
    correlation,
    foresight,
    holm,
    ranks,
    student_p,
)
from signalnode.research.steadiness import autocorrelation, half_life_s, steadiness

STEP_S = 1.0


def ranked(x: Series) -> Series:
    """From 1 on, as a book says it: how many are less, and the middle of those that are equal."""
    return np.array([np.sum(x < each) + (np.sum(x == each) + 1) / 2 for each in x])


def decayed(steps: Series, tau_s: float) -> Series:
    out, keep = np.empty(len(steps)), math.exp(-STEP_S / tau_s)
    value = 0.0
    for place, step in enumerate(steps.tolist()):
        value = keep * value + step
        out[place] = value
    return out


def ahead(steps: Series, horizon: int) -> Series:
    total = np.concatenate([[0.0], np.cumsum(steps)])
    out = np.full(len(steps), np.nan)
    out[: len(steps) - horizon] = total[horizon + 1 :] - total[1 : len(steps) - horizon + 1]
    return out


def on_a_walk(seed: int, rows: int, planted: float = 0.0) -> list[Foresight]:
    """A trend of the walk's own past and something apart from it, each against four horizons."""
    random = np.random.default_rng(seed)
    apart = decayed(random.standard_normal(rows), 20.0)
    moves = random.standard_normal(rows) * (1.0 + np.abs(decayed(random.standard_normal(rows), 300.0)) / 10.0)
    moves[1:] += planted * apart[:-1]
    scores = [Ranked(decayed(moves, 60.0)), Ranked(apart)]
    horizons = (1, 10, 30, 60)
    futures = [Ranked(ahead(moves, each)) for each in horizons]
    return [
        foresight(score, future, STEP_S, float(horizon))
        for score in scores
        for horizon, future in zip(horizons, futures, strict=True)
    ]


def left_of(found: list[Foresight]) -> list[bool]:
    return holm([each.p if each.blocks >= BLOCKS_MIN else 1.0 for each in found])


def test_ranks_are_those_of_the_books_ties_and_all() -> None:
    x = np.array([3.0, 1.0, 3.0, -2.0, 3.0, 7.0, 1.0])
    expected = ranked(x) - 4.0
    assert expected.tolist() == [1.0, -1.5, 1.0, -3.0, 1.0, 3.0, -1.5]
    assert np.allclose(ranks(x), expected / np.sqrt(np.mean(expected**2)))
    assert not ranks(np.ones(5)).any()


def test_a_correlation_is_spearmans_over_what_is_known() -> None:
    random = np.random.default_rng(3)
    x, noise = random.standard_normal((2, 400))
    y = x + noise
    y[:50] = np.nan
    assert correlation(x, y) == pytest.approx(np.corrcoef(ranked(x[50:]), ranked(y[50:]))[0, 1])
    assert foresight(Ranked(x), Ranked(y), STEP_S, 1.0).ic == pytest.approx(correlation(x, y), abs=0.03)
    assert math.isnan(correlation(x[:20], y[:20]))


def test_stretches_too_short_for_a_block_count_in_the_correlation() -> None:
    random = np.random.default_rng(4)
    x, noise = random.standard_normal((2, 6_000))
    y = x + 2.0 * noise
    y[np.arange(6_000) % 300 > 100] = np.nan  # gaps: most blocks are a third full
    y[3_000:3_600] = -x[3_000:3_600]  # and two are whole
    seen = foresight(Ranked(x), Ranked(y), STEP_S, 1.0)
    known = np.isfinite(y)
    assert seen.ic == pytest.approx(float(np.mean(Ranked(x).ranks[known] * Ranked(y).ranks[known])), abs=0.02)


# 2 · scipy.special.stdtr(freedom, −|t|), which takes longer to import than all else here takes.
TAILS = {  # of |t| = 0.4, 2.3 and 5.1
    1: (0.7577621168183132, 0.26109517417724554, 0.12326358901730942),
    2: (0.7278344730240913, 0.14814814814814817, 0.03636265656214022),
    3: (0.7159351539743701, 0.10498836064446998, 0.01457785190421201),
    6: (0.7030082315037678, 0.0611004661298079, 0.002221401213626365),
    29: (0.6920877271777156, 0.02883723241765407, 1.921013517341958e-05),
    400: (0.6893700371894405, 0.02196232306482566, 5.254703169891427e-07),
}


@pytest.mark.parametrize("freedom", TAILS)
@pytest.mark.parametrize("t", [0.0, 0.4, -2.3, 5.1])
def test_students_tail_is_that_of_the_books(t: float, freedom: int) -> None:
    known = dict(zip((0.0, 0.4, 2.3, 5.1), (1.0, *TAILS[freedom]), strict=True))
    assert student_p(t, freedom) == pytest.approx(known[abs(t)], abs=1e-12)


def test_of_many_looks_those_are_left_that_holm_leaves() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]
    assert holm([0.2, math.nan]) == [False, False]
    assert holm([]) == []


def test_a_walk_shows_nothing() -> None:
    seeds = 30
    found = [on_a_walk(seed, 2_500) for seed in range(seeds)]
    assert sum(any(left_of(each)) for each in found) <= 3  # 5% of thirty, and a little
    for looks in zip(*found, strict=True):
        assert sum(each.p < 0.05 for each in looks) <= 0.2 * seeds


def test_what_is_planted_is_found_where_it_is() -> None:
    found = left_of(on_a_walk(1, 4_000, planted=0.05))
    assert found[:4] == [False] * 4
    assert found[4:7] == [True] * 3


def test_an_interval_holds_the_truth_and_narrows_with_more() -> None:
    random = np.random.default_rng(5)
    widths = []
    for rows in (4_000, 64_000):
        x = random.standard_normal(rows)
        told = foresight(Ranked(x), Ranked(x + 3.0 * random.standard_normal(rows)), STEP_S, 1.0)
        assert told.low < 0.305 < told.high
        widths.append(told.high - told.low)
    assert widths[1] < 0.5 * widths[0]


def test_the_effective_sample_counts_no_story_twice() -> None:
    random = np.random.default_rng(2)
    rows, memory_s = 40_000, 50.0
    slow, other = (decayed(random.standard_normal(rows), memory_s) for _ in range(2))
    told = foresight(Ranked(slow), Ranked(other), STEP_S, 1.0)
    assert 0.5 < told.effective / (rows / memory_s) < 2.0  # Σ ρ² of two such is τ
    quick = foresight(Ranked(random.standard_normal(rows)), Ranked(other), STEP_S, 1.0)
    assert quick.effective > 0.8 * rows


def test_a_short_recording_tells_how_few_blocks_it_holds() -> None:
    random = np.random.default_rng(4)
    moves = random.standard_normal(530)
    told = foresight(Ranked(decayed(moves, 120.0)), Ranked(ahead(moves, 60)), STEP_S, 60.0)
    assert told.blocks == pytest.approx(470 / 60)
    assert math.isnan(told.low)


def test_what_does_not_vary_or_is_hardly_known_says_nothing() -> None:
    random = np.random.default_rng(6)
    known = Ranked(random.standard_normal(100))
    assert foresight(Ranked(np.ones(100)), known, STEP_S, 1.0) is NOTHING
    holes = np.full(100, np.nan)
    holes[:20] = 1.0
    assert foresight(Ranked(holes), known, STEP_S, 1.0) is NOTHING
    assert NOTHING.p == 1.0


def test_a_score_is_known_by_its_half_life() -> None:
    random = np.random.default_rng(7)
    score = decayed(random.standard_normal(200_000), 20.0)
    assert half_life_s(autocorrelation(score), STEP_S) == pytest.approx(20.0 * math.log(2.0), abs=2.0)
    assert half_life_s(autocorrelation(np.ones(50)), STEP_S) == math.inf


def test_trips_go_there_and_back() -> None:
    score = np.array(list(itertools.islice(itertools.cycle([95.0, 50.0, 5.0, 50.0]), 3_600)))
    moves = steadiness(score, STEP_S)
    assert moves.trips == pytest.approx(900.0, rel=0.01)
    assert moves.above == 0.25
