"""The scale against a plain model: the share of all past readings, faded by their age, that lie below."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.signals.scale import CATCH_UP_MAX, PRIOR_SAMPLES, SILENCE_FACTOR
from tests.effort import drawn, some
from tests.laws.made import Stretch, made_market

ScaleOf = Callable[..., Any]
SAMPLES = drawn(3_000, 5_000)
POINTS_MAX = 2.5  # of a hundred, between a histogram of 64 bins and every single reading
MEMORY_SAMPLES = 1_800.0

READINGS = {
    "normal": lambda random: random.normal(3.0, 2.0, SAMPLES),
    "far_from_zero": lambda random: random.normal(-1e6, 0.5, SAMPLES),
    "tiny": lambda random: random.normal(0.0, 1e-2, SAMPLES),
    "heavy_tails": lambda random: random.standard_t(2.0, SAMPLES),
    "lopsided": lambda random: random.exponential(1.0, SAMPLES),
    "drifting": lambda random: random.normal(0.0, 1.0, SAMPLES) + np.linspace(0.0, 3.0, SAMPLES),
}


def readings_of(name: str) -> npt.NDArray[np.float64]:
    drawn: npt.NDArray[np.float64] = READINGS[name](np.random.default_rng(3))
    return drawn


def faded_share(values: npt.NDArray[np.float64], below: float) -> float:
    """The share of values below, each counting for less the older it is."""
    weights = np.exp(-np.arange(len(values))[::-1] / MEMORY_SAMPLES)
    return float(weights[values < below].sum() / weights.sum())


def faded_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The faded mean as of each value, itself included."""
    out, total, mass = np.empty(len(values)), 0.0, 0.0
    keep = math.exp(-1.0 / MEMORY_SAMPLES)
    for i, value in enumerate(values):
        total, mass = total * keep + value, mass * keep + 1.0
        out[i] = total / mass
    return out


@pytest.mark.parametrize("name", READINGS)
def test_a_strength_scores_the_share_of_the_past_below_it(name: str, scale_of: ScaleOf) -> None:
    values, scale = readings_of(name), scale_of(False)
    scale.learn(values)
    for share in np.linspace(0.02, 0.98, 25):
        reading = float(np.quantile(values[-2_000:], share))
        assert scale.score(reading) == pytest.approx(100.0 * faded_share(values, reading), abs=POINTS_MAX)


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("name", some(["heavy_tails", "drifting", "lopsided", "normal", "tiny"], 3))
def test_a_side_scores_the_share_of_the_past_that_leant_less_that_way(
    name: str, anchored: bool, scale_of: ScaleOf
) -> None:
    values, scale = readings_of(name), scale_of(True, anchored=anchored)
    scale.learn(values)
    means = faded_means(values)
    leans, origin = values - means, 0.0 if anchored else float(means[-1])
    for share in np.linspace(0.02, 0.98, 25):
        lean = float(np.quantile(leans[-2_000:], share))
        long, short = scale.scores(origin + lean)
        assert long == pytest.approx(100.0 * faded_share(leans, lean), abs=POINTS_MAX)
        assert short == pytest.approx(100.0 * faded_share(-leans, -lean), abs=POINTS_MAX)


def test_activity_lifts_both_sides_and_its_absence_neither(scale_of: ScaleOf) -> None:
    random, activity = np.random.default_rng(3), [0.0]
    scale = scale_of(True, activity=lambda *_: activity[0])
    for lean in random.normal(0.0, 1.0, SAMPLES):
        activity[0] = random.normal()
        scale.learn([lean])
    for level, low, high in ((2.0, 85.0, 100.0), (-2.0, 0.0, 15.0), (-math.inf, 0.0, 0.0), (0.0, 40.0, 60.0)):
        activity[0] = level
        assert all(low <= score <= high for score in scale.scores(0.0)), level
    activity[0] = 2.0
    long, short = scale.scores(3.0)
    assert long > 99.0
    assert short < 40.0


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_stronger_reading_never_scores_less(two_sided: bool, scale_of: ScaleOf) -> None:
    scale = scale_of(two_sided)
    scale.learn(readings_of("heavy_tails"))
    for warm in (0.0, 0.5, 1.0):
        scores = [scale.score(x, warm) for x in np.linspace(-30.0, 30.0, drawn(1_001, 2_001))]
        assert np.all(np.diff(scores) >= 0.0)
        assert np.max(np.diff(scores)) < 5.0, "no jump anywhere"


@pytest.mark.parametrize("two_sided", [False, True])
def test_fitting_the_grid_anew_loses_no_mass(two_sided: bool, scale_of: ScaleOf) -> None:
    scale, keep, mass = scale_of(two_sided), math.exp(-1.0 / MEMORY_SAMPLES), 0.0
    for i, reading in enumerate(readings_of("drifting")[:2_100]):
        scale.learn([float(reading) * (1e3 if i % 100 == 7 else 1.0)])  # now and then in the outermost bins
        mass = mass * keep + 1.0
        assert math.isclose(scale.learnt["counts"].sum(), mass, rel_tol=1e-9)
        assert math.isclose(scale.learnt["below"][-1], mass, rel_tol=1e-9)
        assert np.all(scale.learnt["counts"] >= 0.0)


def test_before_the_first_sample_every_score_is_fifty(scale_of: ScaleOf) -> None:
    for two_sided in (False, True):
        assert scale_of(two_sided).score(7.0, 0.0) == 50.0


def test_the_prior_fades_as_the_baseline_fills(scale_of: ScaleOf) -> None:
    scale = scale_of(False, spread=1.0)
    scale.learn([0.0] * 30)
    learnt, known = scale.score(0.5, 1.0), len(scale.learnt["counts"])
    assert known
    scores = [scale.score(0.5, warm) for warm in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert scores == sorted(scores)
    assert scores[-1] == learnt
    weight = PRIOR_SAMPLES / (PRIOR_SAMPLES + scale.learnt["below"][-1])
    prior = (scores[0] - (1.0 - weight) * learnt) / weight
    spread = float(scale.learnt["grid_spread"])
    assert prior == pytest.approx(50.0 * (1.0 + math.erf(0.5 / spread / math.sqrt(math.pi))), abs=0.6)


def test_nothing_at_all_lies_below_everything(scale_of: ScaleOf) -> None:
    scale = scale_of(False)
    scale.learn(readings_of("normal")[:500])
    assert scale.score(-math.inf) == 0.0
    scale.learn([-math.inf] * 500)
    assert scale.score(-math.inf) == 0.0
    assert scale.score(-5.0) > 40.0, "half the past was nothing at all"


def test_what_cannot_be_said_teaches_nothing_and_scores_the_middle(scale_of: ScaleOf) -> None:
    for two_sided in (False, True):
        scale = scale_of(two_sided)
        scale.learn(readings_of("normal")[:300])
        before = scale.learnt.tobytes()
        scale.learn([math.nan, math.inf])
        assert scale.learnt.tobytes() == before
        assert scale.score(math.nan) == scale.score(math.inf) == 50.0


def test_a_reading_that_never_changes_scores_no_extreme(scale_of: ScaleOf) -> None:
    scale = scale_of(False)
    scale.learn([4.0] * 3_000)
    assert 25.0 < scale.score(4.0) < 75.0
    assert scale.score(5.0) > 99.0
    assert scale.score(3.0) < 1.0


def test_an_old_standard_is_forgotten(scale_of: ScaleOf) -> None:
    scale = scale_of(False)
    scale.learn(readings_of("normal") + 100.0)
    assert scale.score(3.0) < 1.0
    scale.learn(readings_of("normal"))
    assert scale.score(3.0) == pytest.approx(
        100.0 * 0.5 * (1.0 - math.exp(-SAMPLES / MEMORY_SAMPLES)), abs=3.0
    )


@pytest.mark.parametrize("away_s", [15, 3_600, 36_000_000])
def test_a_silence_teaches_no_more_than_is_usual(away_s: int) -> None:
    events = made_market(1, Stretch(seconds=300.0, events_per_s=50.0))
    later = events[-1:].copy()
    later["time_received_ns"] += away_s * NS_PER_S
    engine = SignalEngine("ANY-USD")
    engine.ingest(events)
    before = engine._scoring["scales"][0]["steps"].copy()
    engine.ingest(later)
    learnt = engine._scoring["scales"][0]["steps"] - before
    assert np.all((learnt >= SILENCE_FACTOR) & (learnt <= SILENCE_FACTOR + 1))


def test_an_outage_warms_nothing_up() -> None:
    events = made_market(1, Stretch(seconds=100.0, events_per_s=50.0))
    engine = SignalEngine("ANY-USD")
    engine.ingest(events[events["time_received_ns"] < events["time_received_ns"][0] + 7 * NS_PER_S])
    assert engine.warm < 0.06
    later = events[-1:].copy()
    later["time_received_ns"] += 75 * NS_PER_S
    engine.ingest(later)
    assert engine.warm < 0.16


def test_a_market_that_is_quiet_by_habit_is_warm_after_the_same_time() -> None:
    quiet = made_market(1, Stretch(seconds=2_400.0, events_per_s=1 / 40, regular=True))
    engine = SignalEngine("ANY-USD", {"baseline_s": 2_400.0})
    engine.ingest(quiet)
    assert engine.warm > 0.95


def test_a_silence_teaches_a_limited_time_in_a_market_however_quiet() -> None:
    rare = made_market(1, Stretch(seconds=36_000.0, events_per_s=1 / 3_600, regular=True))
    engine = SignalEngine("ANY-USD")
    engine.ingest(rare)
    assert int(engine._state["samples"][0]) <= CATCH_UP_MAX * len(rare)


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_score_is_known_once_a_finite_reading_was_learnt(two_sided: bool, scale_of: ScaleOf) -> None:
    scale, names = scale_of(two_sided), ("long", "short") if two_sided else ("one",)
    scale.learn([math.nan, math.inf, -math.inf])
    assert scale.unknown(7.0) == names
    assert scale.score(7.0) == 50.0
    scale.learn([3.0])
    assert scale.unknown(7.0) == scale.unknown(-math.inf) == ()
    assert scale.unknown(math.nan) == scale.unknown(math.inf) == names


def test_a_scale_is_as_warm_as_what_it_has_learnt(scale_of: ScaleOf) -> None:
    scale = scale_of(False)
    scale.learn([math.nan] * 100 + [1.0, -math.inf, 2.0])
    assert scale.learnt["steps"] == 3
