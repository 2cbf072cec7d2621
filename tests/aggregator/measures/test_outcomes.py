"""What each score was followed by: against a table counted one by one, from the past of each moment alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.aggregator import kept
from signalnode.aggregator.measures.outcomes import Outcomes
from signalnode.bus.wire import SCORE_NAMES
from signalnode.errors import DataError
from signalnode.strategies.outcomes import DECILES, FIELDS, Decile, HeardOutcomes
from tests.effort import drawn

S = 1_000_000_000
NAMES = (*SCORE_NAMES, "calm")
HORIZONS_S = (2.0, 6.0)
HALF_LIFE_S = 50.0
RETURN_MAX = 0.05
Floats = npt.NDArray[np.float64]


def made(markets: tuple[str, ...] = ("A", "B", "C"), step_s: float = 1.0) -> Outcomes:
    return Outcomes(markets, HORIZONS_S, step_s=step_s, half_life_s=HALF_LIFE_S, return_max=RETURN_MAX)


def walked(steps: int, seed: int = 1) -> tuple[Floats, Floats]:
    """Mids, (steps, 3), and scores, (steps, 3, names): with markets away, breaks, and scores unknown."""
    draw = np.random.default_rng(seed)
    mids = 100.0 * np.exp(np.cumsum(np.round(draw.normal(0.0, 0.7, (steps, 3))) * 1e-4, axis=0))
    mids[steps // 2 :, 1] *= 2.0
    scores = draw.uniform(0.0, 100.0, (steps, 3, len(NAMES)))
    scores[draw.random(scores.shape) < 0.05] = np.nan
    away = draw.random(mids.shape) < 0.03
    mids[away], scores[away] = np.nan, np.nan
    return mids, scores


def counted(mids: Floats, scores: Floats, sign: float, steps: int, decile: int) -> Any:
    """Of one market and score: weight, hit rate, mean move and its size, from their meaning."""
    weight = changed = hits = moves = sizes = 0.0
    newest = len(mids) - 1
    is_move = (np.abs(np.diff(np.log(mids))) <= RETURN_MAX).tolist()  # from one row to the next
    for end in range(steps, newest + 1):
        path, value = mids[end - steps : end + 1], scores[end - steps]
        if math.isnan(value) or not all(is_move[end - steps : end]):
            continue
        if min(int(value / 10.0), 9) != decile:
            continue
        w = 0.5 ** ((newest - end) / HALF_LIFE_S)
        move = sign * 1e4 * math.log(path[-1] / path[0])
        weight, moves, sizes = weight + w, moves + w * move, sizes + w * abs(move)
        if move != 0.0:
            changed, hits = changed + w, hits + w * (move > 0.0)
    if weight == 0.0:
        return 0.0, math.nan, math.nan, math.nan
    return weight, hits / changed if changed else math.nan, moves / weight, sizes / weight


def fed(outcomes: Outcomes, mids: Floats, scores: Floats) -> Outcomes:
    for row, values in zip(mids, scores, strict=True):
        outcomes.add(NAMES, row, values)
    return outcomes


def test_a_table_holds_what_followed_counted_one_by_one() -> None:
    mids, scores = walked(120)
    outcomes = fed(made(), mids, scores)
    for place, market in enumerate(outcomes):
        for number, name in enumerate(NAMES):
            for horizon_s, steps in zip(HORIZONS_S, (2, 6), strict=True):
                for decile, told in enumerate(outcomes[market].deciles(name, horizon_s)):
                    sign = -1.0 if name.endswith("_short") else 1.0
                    expected = counted(mids[:, place], scores[:, place, number], sign, steps, decile)
                    ours = (told.seen, told.hit_rate, told.move_bps, told.size_bps)
                    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_what_comes_later_changes_nothing_of_what_was_told() -> None:
    mids, scores = walked(80)
    alone = fed(made(), mids[:40], scores[:40]).cells.copy()
    outcomes, told = made(), []
    for row, values in zip(mids, scores * 0.5, strict=True):
        outcomes.add(NAMES, row, values * (2.0 if len(told) < 40 else 1.0))
        told.append(outcomes.cells.copy())
    np.testing.assert_array_equal(told[39], alone)


def test_the_end_of_a_window_is_waited_for() -> None:
    outcomes, mids, scores = made(("A",)), np.array([100.0]), np.full((1, len(NAMES)), 95.0)
    seen = []
    for step in range(4):
        outcomes.add(NAMES, mids * 1.0001**step, scores)
        seen.append(outcomes["A"].at("momentum_long", 95.0).seen)
    assert seen[:2] == [0.0, 0.0]
    assert seen[2] == 1.0


def test_a_fall_counts_for_the_short_and_against_the_long() -> None:
    outcomes, scores = made(("A",)), np.full((1, len(NAMES)), 95.0)
    for step in range(60):
        outcomes.add(NAMES, np.array([100.0 * 0.9999**step]), scores)
    long, short = (outcomes["A"].at(f"momentum_{side}", 95.0) for side in ("long", "short"))
    assert (long.hit_rate, short.hit_rate) == (0.0, 1.0)
    assert short.move_bps == pytest.approx(-long.move_bps)
    assert short.move_bps == pytest.approx(2.0, abs=0.01)
    assert long.size_bps == pytest.approx(short.size_bps)
    assert short.hit_low > 0.5 > long.hit_high


def test_overlapping_windows_count_as_so_many_that_do_not_overlap() -> None:
    draw = np.random.default_rng(1)
    mids = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 1e-4, (400, 3)), axis=0))
    outcomes = fed(made(), mids, np.full((400, 3, len(NAMES)), 55.0))
    near, far = (outcomes["A"].deciles("calm", each)[5] for each in HORIZONS_S)
    assert near.effective * 2 == pytest.approx(far.effective * 6, rel=0.01)
    assert far.move_high_bps - far.move_low_bps > 2.0 * (near.move_high_bps - near.move_low_bps)


def test_intervals_of_95_percent_hold_the_truth_as_often() -> None:
    held = []
    for seed in range(drawn(4, 40)):
        draw = np.random.default_rng(seed)
        mids = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 1e-4, (400, 3)), axis=0))
        outcomes = fed(made(), mids, draw.uniform(0.0, 100.0, (400, 3, len(NAMES))))
        low, high = (outcomes.cells[FIELDS.index(f"move_{end}_bps")] for end in ("low", "high"))
        held += ((low <= 0.0) & (high >= 0.0))[np.isfinite(low)].ravel().tolist()
    assert np.mean(held) > 0.93


def test_a_longer_grid_is_taken_where_a_horizon_would_have_too_many_steps() -> None:
    outcomes = Outcomes(["A"], (600.0,), step_s=0.25, half_life_s=1e6, return_max=0.05)
    assert outcomes.steps == [600]
    for step in range(2_408):
        outcomes.add(NAMES, np.array([100.0 + step * 1e-3]), np.full((1, len(NAMES)), 5.0))
    (lowest, *_) = outcomes["A"].deciles("calm")
    assert lowest.seen == pytest.approx(2.0, rel=1e-3)


def test_a_pause_lets_nothing_come_true_that_began_before_it() -> None:
    mids, scores = walked(12)
    outcomes = fed(made(), mids[:4], scores[:4])
    was = outcomes.kept()[0].sum() * 0.5 ** (2 / HALF_LIFE_S)
    outcomes.pause()
    for step in (4, 5):
        outcomes.add(NAMES, mids[step], scores[step])
    assert outcomes.kept()[0].sum() == pytest.approx(was)


def test_markets_that_stay_keep_their_tables_and_new_ones_begin_with_none() -> None:
    mids, scores = walked(50)
    outcomes = fed(made(), mids, scores)
    table = outcomes["C"].values.copy()
    outcomes.rearrange([2, None], ["C", "D"])
    np.testing.assert_array_equal(outcomes["C"].values, table)
    assert outcomes["D"].at("calm", 50.0).seen == 0.0
    with pytest.raises(KeyError):
        outcomes["A"]


def test_outcomes_outlive_the_process_and_weigh_less_for_the_time_away(tmp_path: Path) -> None:
    mids, scores = walked(60)
    outcomes, path = fed(made(), mids, scores), tmp_path / "outcomes.msgpack"
    kept.save(path, outcomes, 1_000 * S)
    found = kept.load(path)
    assert found is not None
    assert set(found.tables()) == {"A", "B", "C"}
    other = Outcomes(["D", "B"], (6.0, 9.0), step_s=1.0, half_life_s=HALF_LIFE_S, return_max=RETURN_MAX)
    assert kept.resumed(found, other, 1_050 * S) == list(NAMES)
    was, now = (each["B"].deciles("calm", 6.0)[4] for each in (outcomes, other))
    assert now.seen == pytest.approx(0.5 * was.seen, rel=1e-6)
    assert now[1:] == pytest.approx(was[1:], rel=1e-4, nan_ok=True)
    assert other["B"].deciles("calm", 9.0)[4].seen == other["D"].deciles("calm", 6.0)[4].seen == 0.0


def test_a_file_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.msgpack"
    assert kept.load(path) is None
    mids, scores = walked(20)
    kept.save(path, fed(made(), mids, scores), 0)
    whole = path.read_bytes()
    for content in (b"", b"\x80", whole[:-4], b"\x00" * 100, whole.replace(b"calm", b"calm\x00"[:4], 0)[:50]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"outcomes.msgpack: .*; move the file away$") as caught:
            kept.load(path)
        assert "\n" not in str(caught.value)


def test_each_market_has_its_turn_to_be_told_and_it_comes_over_the_wire_as_it_was() -> None:
    mids, scores = walked(60)
    outcomes, heard = fed(made(), mids, scores), HeardOutcomes()
    told: list[str] = []
    for _ in range(240):
        some = {name: each.told() for name, each in outcomes.in_turn(0.25).items()}
        assert len(some) <= 1
        heard.hear(some)
        told += some
    assert {name: told.count(name) for name in "ABC"} == {"A": 2, "B": 2, "C": 2}
    for market in outcomes:
        np.testing.assert_allclose(heard[market].values, outcomes[market].values, rtol=1e-12)
    assert heard["A"].at("calm", 100.0)[:5] == heard["A"].deciles("calm")[DECILES - 1][:5]
    assert Decile._fields == FIELDS


class Notes:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def warning(self, event: str, **_: object) -> None:
        self.told.append(event)

    info = warning


def test_a_market_whose_formulas_have_changed_learns_anew_and_the_others_go_on(tmp_path: Path) -> None:
    mids, scores = walked(60)
    outcomes, path, notes = fed(made(), mids, scores), tmp_path / "outcomes.msgpack", Notes()
    then = {"A": "old", "B": "same", "C": "same"}
    kept.save(path, outcomes, 0, then)
    found = kept.Keeper(path, notes, then | {"A": "new", "D": "new"}).begun(0)  # type: ignore[arg-type]
    assert found is not None
    assert set(found.tables()) == {"B", "C"}
    assert notes.told == ["formulas have changed: outcomes are learnt anew"]
    keeper = kept.Keeper(path, notes, then)  # type: ignore[arg-type]
    outcomes.forget(keeper.changed(then | {"C": "new", "D": "new"}))
    keeper.keep(outcomes, 0, at_once=True)
    left = kept.load(path)
    assert left is not None
    assert set(left.tables()) == {"A", "B"}
    assert dict(zip(left.markets, left.formulas, strict=True)) == then | {"C": "new"}


def test_what_cannot_be_kept_is_said_once_and_when_it_can_be_again(tmp_path: Path) -> None:
    mids, scores = walked(20)
    outcomes, notes, path = fed(made(), mids, scores), Notes(), tmp_path / "outcomes.msgpack"
    path.mkdir()
    keeper = kept.Keeper(path, notes)  # type: ignore[arg-type]
    assert keeper.begun(0) is None
    for minute in range(4):
        if minute == 3:
            path.rmdir()
        keeper.keep(outcomes, minute * 61 * S)
    assert notes.told == [
        "outcomes are learnt anew",
        "outcomes cannot be kept",
        "outcomes are kept again",
    ]
    assert kept.load(path) is not None
