"""What the board's messages become: returns and scores on one grid, against numpy from scratch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.aggregator.board import Board
from signalnode.aggregator.measures import joined as module
from signalnode.aggregator.measures.core import Measures
from signalnode.aggregator.measures.joined import SERIES
from signalnode.aggregator.measures.regime import REGIMES, strengths
from signalnode.bus.wire import SCORE_NAMES
from signalnode.settings import AggregatorSettings
from tests.aggregator.measures.test_correlation import CLOSE, scratch_correlation
from tests.bus.messages import score
from tests.effort import drawn

S = 1_000_000_000
T0 = 1_700_000_000 * S
SETTINGS = AggregatorSettings(correlation_half_life_s=60.0, regime_half_life_s=10.0, lag_steps_max=2)
DECAY = 0.5 ** (1 / 60)


def correlation_of(measures: Measures, series: str) -> npt.NDArray[np.float64]:
    assert isinstance(measures.relating, module.Joined)
    return measures.relating.correlation_of(series)


def message(market: str, seq: int, mid: float, values: npt.NDArray[np.float64]) -> Any:
    return score(market, seq, mid=mid, scores=dict(zip(SCORE_NAMES, map(float, values), strict=True)))


def test_on_every_prefix_of_asynchronous_arrivals_correlations_are_those_computed_from_scratch() -> None:
    draw = np.random.default_rng(8)
    names = ["A", "B", "C"]
    board = Board(names, silent_after_s=1.5)
    measures = Measures(SETTINGS, board)
    mids, returns, series = np.full((1, 3), np.nan), np.empty((0, 3)), np.empty((0, len(SERIES), 3))
    price = np.full(3, 100.0)
    for step in range(1, drawn(35, 70)):
        price *= np.exp(1e-4 * (draw.standard_normal() + draw.standard_normal(3)))
        values = draw.uniform(0, 100, (3, 7))
        heard = draw.random(3) < 0.8  # who is not heard for two steps is silent, and absent
        for k in np.flatnonzero(heard):
            arrival_ns = T0 + (step - 1) * S + int(draw.integers(1, S))
            board.take(message(names[k], step, price[k], values[k]), arrival_ns)
        at_ns = T0 + step * S
        measures.update(at_ns)
        fresh = [board.state(name, at_ns) == "fresh" for name in names]
        newest = [board.entries[name].newest for name in names]
        now = np.array([n.mid if n and f else np.nan for n, f in zip(newest, fresh, strict=True)])
        rows = np.array(
            [
                [n.scores[s] for s in SCORE_NAMES] if n and f else [np.nan] * 7
                for n, f in zip(newest, fresh, strict=True)
            ]
        ).T
        returns = np.vstack([returns, np.log(now / mids[-1])])
        mids = np.vstack([mids, now])
        net = np.array([rows[0] - rows[1], rows[2] - rows[3], rows[4], rows[5], rows[6]])
        series = np.concatenate([series, net[None]])
        np.testing.assert_allclose(
            correlation_of(measures, "returns"), scratch_correlation(returns, DECAY), atol=CLOSE, rtol=0
        )
        for number, name in enumerate(SERIES):
            expected = scratch_correlation(series[:, number], DECAY)
            np.testing.assert_allclose(correlation_of(measures, name), expected, atol=CLOSE, rtol=0)
    assert np.isfinite(correlation_of(measures, "returns")).all()


def test_a_recording_that_starts_over_is_a_break_and_not_a_crash_of_the_market() -> None:
    board = Board(["A", "B"], 3.0)
    measures = Measures(SETTINGS, board)
    draw = np.random.default_rng(1)
    for step in range(1, 40):
        for name in "AB":
            mid = 100.0 * np.exp(1e-4 * draw.standard_normal()) * (0.5 if step > 20 else 1.0)
            board.take(message(name, step, mid, np.full(7, 50.0)), T0 + step * S)
        measures.update(T0 + step * S)
    assert abs(measures.relating.relations().correlation[0, 1]) < 0.8  # 1.0 if the two halvings had counted


def test_a_pause_leaves_no_return_of_another_length() -> None:
    board = Board(["A"], silent_after_s=1_000.0)
    measures = Measures(SETTINGS, board)
    board.take(message("A", 1, 100.0, np.full(7, 50.0)), T0)
    measures.update(T0)
    board.take(message("A", 2, 101.0, np.full(7, 50.0)), T0 + 60 * S)
    measures.update(T0 + 60 * S)
    assert measures.numbers()["breadth"] == 0.0


def test_many_markets_are_read_in_turn_and_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    names = [f"M{k}" for k in range(5)]
    boards = [Board(names, 3.0), Board(names, 3.0)]
    whole, spread = (Measures(SETTINGS, board) for board in boards)
    for step in range(1, 40):
        values = draw.uniform(0, 100, (5, 7))
        price = 100 * np.exp(1e-4 * draw.standard_normal(5))
        for board in boards:
            for k, name in enumerate(names):
                board.take(message(name, step, price[k], values[k]), T0 + step * S)
        whole.update(T0 + step * S)
        monkeypatch.setattr(module, "CELLS_MAX", 50)
        for view in range(4):
            spread.update(T0 + step * S + view * S // 4)
        monkeypatch.undo()
    for _ in range(100):
        monkeypatch.setattr(module, "CELLS_MAX", 50)
        spread.update(T0 + 39 * S)
    one, other = whole.relating.relations(), spread.relating.relations()
    np.testing.assert_array_equal(one.correlation, other.correlation)
    np.testing.assert_array_equal(one.lead_s, other.lead_s)
    assert whole.numbers() == spread.numbers()


def test_where_a_reading_is_long_not_every_step_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    names = [f"M{k}" for k in range(5)]
    board = Board(names, 3.0)
    often, seldom = Measures(SETTINGS, board), Measures(SETTINGS, board)
    told = []
    for step in range(1, 60):
        for name in names:
            mid = 100 * np.exp(1e-4 * draw.standard_normal())
            board.take(message(name, step, mid, draw.uniform(0, 100, 7)), T0 + step * S)
        often.update(T0 + step * S)
        monkeypatch.setattr(module, "READ_A_STEP", 100)
        seldom.update(T0 + step * S)
        monkeypatch.undo()
        told.append((often.relating.numbers(), seldom.relating.numbers()))
    read = [step for step in range(40, 59) if told[step][1] != told[step - 1][1]]
    assert 2 <= len(read) < 15
    for step in read:
        assert told[step][0] == told[step][1], "what is read is of the newest step"


@pytest.mark.parametrize("views_each", [1, 2])
def test_even_with_few_views_between_steps_reading_too_many_markets_goes_on(
    views_each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CELLS_MAX", 10)
    names = [f"M{k}" for k in range(5)]
    board = Board(names, 3.0)
    settings = AggregatorSettings(lag_steps_max=2, view_interval_ms=1_000 // views_each)
    measures = Measures(settings, board)
    draw = np.random.default_rng(3)
    for step in range(1, 80):
        for name in names:
            mid = 100 * np.exp(1e-4 * draw.standard_normal())
            board.take(message(name, step, mid, draw.uniform(0, 100, 7)), T0 + step * S)
        for view in range(views_each):
            measures.update(T0 + step * S + view * S // views_each)
    assert measures.relating.relations().markets == tuple(names)
    assert "correlation_momentum" in measures.numbers()


@pytest.mark.parametrize(
    ("inputs", "strongest"),
    [
        (([90, 80, 95], [5, -5, 0], [50, 40, 60], [50, 40, 60]), "trending"),
        (([5, -8, 3], [90, -85, 95], [40, 30, 50], [50, 40, 60]), "mean_reverting"),
        (([90, -90, 5], [0, 0, 0], [95, 90, 99], [90, 95, 92]), "turbulent"),
        (([5, -5, 5], [5, -5, 0], [5, 10, 2], [8, 3, 1]), "quiet"),
    ],
)
def test_the_regime_s_strengths_say_what_they_are_named_after(inputs: Any, strongest: str) -> None:
    found = strengths(*(np.array(row, dtype=float) for row in inputs))
    assert REGIMES[int(np.argmax(found))] == strongest
    assert ((found >= 0) & (found <= 100)).all()


def test_breadth_and_dispersion_follow_the_drifts() -> None:
    board = Board(["A", "B", "C"], 3.0)
    measures = Measures(SETTINGS, board)
    for step in range(1, 20):
        for name, slope in (("A", 1e-4), ("B", 2e-4), ("C", -1e-4)):
            board.take(message(name, step, 100 * np.exp(slope * step), np.full(7, 50.0)), T0 + step * S)
        measures.update(T0 + step * S)
    numbers = measures.numbers()
    assert numbers["breadth"] == pytest.approx(1 / 3)
    assert numbers["dispersion_bps"] > 1.0
    assert numbers["fresh_share"] == 1.0


def test_the_regime_is_the_decayed_average_of_its_strengths_from_scratch() -> None:
    draw = np.random.default_rng(3)
    board = Board(["A"], silent_after_s=1.5)
    measures = Measures(SETTINGS, board)
    keep, expected = 0.5 ** (1 / 10), np.empty(0)
    for step in range(1, 40):
        values = draw.uniform(0.0, 100.0, len(SCORE_NAMES))
        board.take(message("A", step, 100.0, values), T0 + step * S)
        measures.update(T0 + step * S)
        up, down, back_up, back_down, volatility, volume, _ = values[:, None]
        now = strengths(up - down, back_up - back_down, volatility, volume)
        expected = keep * expected + (1.0 - keep) * now if expected.size else now
        assert list(measures.regime().values()) == pytest.approx(list(expected), abs=CLOSE)


def test_what_a_market_did_before_it_was_away_is_no_part_of_the_breadth() -> None:
    board = Board(["A"], silent_after_s=1.5)
    measures = Measures(SETTINGS, board)
    values = np.full(len(SCORE_NAMES), 50.0)
    for seq, (second, mid) in enumerate([(1, 100.0), (2, 101.0), (10, 101.0)], start=1):
        board.take(message("A", seq, mid, values), T0 + second * S)
        measures.update(T0 + second * S)
        if second == 2:
            assert measures.numbers()["breadth"] == 1.0
            measures.update(T0 + 6 * S)  # silent
    assert measures.numbers()["breadth"] == 0.0


def test_unknown_scores_are_in_no_measure() -> None:
    board = Board(["A", "B"], 3.0)
    measures = Measures(SETTINGS, board)
    low, high = (dict.fromkeys(SCORE_NAMES, level) for level in (10.0, 90.0))
    for step in range(1, 20):
        board.take(score("A", step, scores=high, unknown=("volume_spike",)), T0 + step * S)
        board.take(score("B", step, scores=low), T0 + step * S)
        measures.update(T0 + step * S)
    assert measures.regime()["turbulent"] == pytest.approx(10.0)
    assert measures.numbers()["fresh_share"] == 1.0
