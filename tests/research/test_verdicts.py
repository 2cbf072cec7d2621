"""What an evaluation says: nothing of noise, what was planted, and how little a short recording holds."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

import signalnode
from signalnode.errors import UsageError
from signalnode.research.claims import HORIZONS_S, claims_of
from signalnode.research.evaluation import Evaluation, Horizon, MarketEvaluation, ScoreEvaluation, Tenth
from signalnode.research.judging import judged
from signalnode.research.statistics import NOTHING, Foresight
from signalnode.research.verdicts import listed, seconds
from signalnode.signals import BUILT_IN_SCORES, OPTIONAL
from tests.effort import only_long
from tests.research.walks import walk

DIRECTED = ("momentum_long", "momentum_short", "mean_reversion_long", "mean_reversion_short")


@pytest.fixture(scope="module")
def noise() -> Evaluation:
    return signalnode.evaluate({f"W{seed}-USD": walk(seed, 1_200.0, events_per_s=1.0) for seed in (1, 2)})


def scores_in(found: Evaluation, *names: str) -> list[ScoreEvaluation]:
    return [each for market in found.markets for each in market.scores if each.claim.score in names]


def test_a_walk_foresees_nothing(noise: Evaluation) -> None:
    quiet = scores_in(noise, *DIRECTED, "volatility_breakout", "volume_spike")
    assert len(quiet) == 12
    assert {each.verdict for each in quiet} == {"not shown"}
    assert not any(horizon.holds for each in quiet for horizon in each.by_horizon)
    claims = 2 * sum(len(claims_of(name)) for name in BUILT_IN_SCORES)  # of two markets
    assert (noise.claims, noise.looks) == (claims, claims * len(HORIZONS_S))


@only_long("many seeds")
def test_hardly_a_walk_of_many_is_shown_anything() -> None:
    seeds = range(100, 160)
    found = [signalnode.evaluate({"W-USD": walk(seed, 7_500.0, events_per_s=1.0)}) for seed in seeds]
    quiet = [scores_in(each, *DIRECTED, "volatility_breakout", "volume_spike") for each in found]
    assert sum(any(each.verdict != "not shown" for each in scores) for scores in quiet) <= 6
    held = (any(each.holds for score in scores for each in score.by_horizon) for scores in quiet)
    assert sum(held) <= 6


def test_what_is_planted_is_shown() -> None:
    found = signalnode.evaluate({"P-USD": walk(1, 1_500.0, planted=0.4)})
    for each in scores_in(found, "momentum_long", "momentum_short"):
        assert each.verdict == "shown"
        assert "rank correlation +0." in each.words
        assert each.tenths[-1].move > 0.0


def test_signals_of_ones_own_are_looked_at_along() -> None:
    found = signalnode.evaluate(
        {"E-USD": walk(1, 300.0)}, signals={"extra": ["book_pressure"]}, own_horizon_s=10.0
    )
    by_score = {each.claim.score: each for each in found.markets[0].scores}
    assert set(by_score) == {*BUILT_IN_SCORES, *OPTIONAL["book_pressure"].scores}
    assert by_score["book_pressure_short"].claim == claims_of("book_pressure_short")[0]
    assert by_score["book_pressure_long"].half_life_s > 0.0


def test_a_score_is_held_against_its_own_claim() -> None:
    assert [claim.kind for claim in claims_of("volume_spike")] == ["volume"]
    (short,) = claims_of("mine_short", 10.0)
    assert (short.sign, short.horizon_s, short.words) == (-1.0, 10.0, "the price falls")
    assert [claim.kind for claim in claims_of("mine")] == ["return", "size"]
    with pytest.raises(UsageError, match=r"7 s is none of 0\.1, 0\.2"):
        signalnode.evaluate({}, own_horizon_s=7.0)


def score_of(told: Foresight, name: str = "momentum_long") -> ScoreEvaluation:
    (claim,) = claims_of(name)
    tenth = Tenth(90.0, 0.1, 100.0, 50.0, 0.55, 0.5, 0.6, 0.8, 0.7, 0.9)
    return ScoreEvaluation(
        claim=claim,
        verdict="not shown",
        words="",
        at_claim=told,
        by_horizon=tuple(Horizon(each, NOTHING, holds=False) for each in HORIZONS_S),
        tenths=(tenth,),
        spread_band=0.1,
        hours=(),
        regimes=(),
        lags_s=(),
        autocorrelation=(),
        half_life_s=1.0,
        trips_per_hour=0.0,
        entries=(),
        best=None,
        worst=None,
    )


def market_of(*scores: ScoreEvaluation, spread_bps: float = 1.5) -> MarketEvaluation:
    return MarketEvaluation(
        "A", 0, 0, 1, span_s=650.0, warm_up_s=120.0, silences=0, silent_s=0.0, step_s=0.1,
        spread_bps=spread_bps, usual_move_bps=1.0, scores=scores,
    )  # fmt: skip


def words_of(*told: Foresight, spread_bps: float = 1.5) -> list[tuple[str, str]]:
    market = judged([market_of(*map(score_of, told), spread_bps=spread_bps)]).markets[0]
    return [(each.verdict, each.words) for each in market.scores]


SURE = Foresight(0.14, 0.1, 0.18, 0.03, effective=900.0, blocks=106.0, p=1e-6)


def test_what_is_shown_is_weighed_against_the_spread() -> None:
    ((word, words),) = words_of(SURE)
    assert word == "shown"
    assert "the price rises within 5 s: rank correlation +0.140 (+0.100 to +0.180)" in words
    assert (
        "Above 90 55% of the moves go its way, +0.80 bps in the mean: less than the spread of 1.50" in words
    )
    assert "more than the spread" in words_of(SURE, spread_bps=0.5)[0][1]
    assert "not known" in words_of(SURE, spread_bps=math.nan)[0][1]


def test_few_blocks_show_nothing_however_sure_they_seem() -> None:
    ((word, words),) = words_of(replace(SURE, blocks=7.83))
    assert word == "not shown"
    assert words == "530 s hold 7.8 independent blocks of 5 s, too few to tell: 20 are the least."


def test_what_is_held_against_the_usual_needs_hours() -> None:
    found = judged([market_of(score_of(SURE, "volatility_breakout"))]).markets[0].scores[0]
    assert found.verdict == "not shown"
    assert found.words.startswith("530 s are too few to tell: what is usual takes half an hour to know")


def test_the_contrary_and_the_absent_are_called_so() -> None:
    found = words_of(replace(SURE, ic=-0.14, low=-0.18, high=-0.1), NOTHING)
    assert [word for word, _ in found] == ["contrary", "no evidence"]


def test_many_looks_need_more_than_one() -> None:
    unsure = replace(SURE, ic=0.05, p=0.01)
    assert words_of(unsure)[0][0] == "shown"
    word, words = words_of(*[unsure] * 1, *[replace_p(unsure)] * 9)[0]
    assert word == "not shown"
    assert words.startswith("Rank correlation +0.050 within 5 s: one look at noise may give it")


def replace_p(told: Foresight) -> Foresight:
    return replace(told, p=0.5)


def test_what_holds_elsewhere_is_told() -> None:
    score = score_of(replace(SURE, ic=0.01, p=0.9))
    sure = replace(SURE, ic=-0.2)
    horizons = tuple(
        replace(each, foresight=sure if each.horizon_s <= 0.5 else NOTHING) for each in score.by_horizon
    )
    (told,) = judged([market_of(replace(score, by_horizon=horizons))]).markets[0].scores
    assert told.words.endswith("chance alone reaches 0.030. The contrary holds from 0.1 s to 0.5 s.")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5 s"), (60.0, "60 s"), (650.0, "650 s"), (600.0, "10 min"), (23_400.0, "6.5 h")],
)
def test_a_time_is_told_in_its_own_unit(value: float, text: str) -> None:
    assert seconds(value) == text


def test_horizons_that_follow_each_other_are_put_together() -> None:
    assert listed([1.0]) == "at 1 s"
    assert listed([0.1, 0.2, 0.5, 60.0]) == "from 0.1 s to 0.5 s and at 60 s"
