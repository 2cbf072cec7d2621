"""A recording walked on one grid: the same rows however it is cut, and what followed, counted by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.events import QUOTE, TRADE, Events
from signalnode.research.claims import HORIZONS_S, claims_of
from signalnode.research.gathering import BASIS_POINTS, LAGS, LEVELS, Gathering
from signalnode.research.grid import GRID_NS, Rows, Walk
from signalnode.research.judging import half_life_of
from signalnode.research.stretch import AHEAD_ROWS, BEHIND_ROWS, CHUNK_ROWS, SECOND_ROWS, Chunk, Stretch
from tests.research.walks import walk

NAMES = ("up_long", "spike")
SILENT_NS = 900 * 10**9


class Scored:
    """A row each step of the grid up to the newest event, as an engine's replay has it."""

    def __init__(self) -> None:
        self.next_ns: int | None = None
        self.mid = np.nan

    def __call__(self, events: Events, interval_ns: int) -> npt.NDArray[Any]:
        fields = [("time_ns", "<i8"), ("mid", "<f8"), *((name, "<f8") for name in NAMES), ("warm", "<f8")]
        if not len(events):
            return np.zeros(0, [*fields, ("unknown", "<u8")])
        times = events["time_received_ns"]
        first = int(times[0]) if self.next_ns is None else self.next_ns
        table = np.zeros(max(0, (int(times[-1]) - first) // interval_ns + 1), [*fields, ("unknown", "<u8")])
        table["time_ns"] = first + interval_ns * np.arange(len(table))
        self.next_ns = first + interval_ns * len(table)
        quotes = events[events["kind"] == QUOTE]
        mids = np.concatenate([[self.mid], 0.5 * (quotes["bid"] + quotes["ask"])])
        table["mid"] = mids[np.searchsorted(quotes["time_received_ns"], table["time_ns"], side="right")]
        self.mid = mids[-1]
        seconds = (table["time_ns"] % 10**12) / 1e9
        table["up_long"] = 50.0 + 50.0 * np.sin(seconds / 7.0)
        table["warm"] = 1.0
        table["unknown"] = 2  # the second has no evidence
        return table


def with_a_silence(seconds: float = 400.0) -> Events:
    events = walk(3, seconds)
    half = len(events) // 2
    for name in ("time_received_ns", "time_event_ns"):
        events[name][half:] += SILENT_NS
    return events


def rows_of(events: Events, size: int) -> tuple[Walk, list[Rows]]:
    walked = Walk(Scored())
    pieces = (events[start : start + size] for start in range(0, len(events), size))
    return walked, list(itertools.chain.from_iterable(map(walked.take, pieces)))


def chunks_of(events: Events) -> Iterator[Chunk]:
    stretch = Stretch()
    for rows in rows_of(events, 10_000)[1]:
        yield from stretch.take(rows)
    yield from stretch.end()


def test_the_rows_are_the_same_however_the_recording_is_cut() -> None:
    events = with_a_silence()
    whole = rows_of(events, 10**9)[1]
    for size in (1, 50):
        walked, cut = rows_of(events, size)
        assert (walked.silences, walked.events, walked.names) == (1, len(events), NAMES)
        assert sum(rows.begins for rows in cut) == 2
        for name in ("times_ns", "scores", "log_mid", "volume", "spread", "thinness", "top"):
            one, other = (np.concatenate([getattr(rows, name) for rows in each]) for each in (whole, cut))
            assert np.allclose(one, other, equal_nan=True, rtol=1e-12), name


def test_a_silence_makes_no_rows_and_ends_a_stretch() -> None:
    walked, rows = rows_of(with_a_silence(), 100)
    times = np.concatenate([each.times_ns for each in rows])
    gaps = np.diff(times)
    assert sorted(np.unique(gaps))[0] == GRID_NS
    assert np.count_nonzero(gaps > GRID_NS) == 1
    assert np.all(gaps % GRID_NS == 0)
    assert walked.silent_ns == pytest.approx(SILENT_NS, abs=20 * 10**9)


def test_every_trade_is_in_the_step_that_it_fell_into() -> None:
    events = walk(4, 600.0)
    rows = rows_of(events, 50)[1]
    times, volume = (
        np.concatenate([getattr(each, name) for each in rows]) for name in ("times_ns", "volume")
    )
    trades = events[(events["kind"] == TRADE) & (events["time_received_ns"] <= times[-1])]
    later = trades[trades["time_received_ns"] > times[0]]
    assert volume[1:].sum() == pytest.approx(later["size"].sum())
    assert not rows[0].scores[:, 1:].any() or np.isnan(rows[0].scores[:, 1]).all()


def test_what_followed_is_what_one_counts_by_hand() -> None:
    (chunk,) = chunks_of(walk(5, 900.0))
    at = np.array([0, 150, 2_000, len(chunk.times_ns) - 40])
    n = 50  # five seconds
    log_mid, volume, cost = chunk.log_mid, chunk.columns["volume"], chunk.columns["cost"]
    moved = chunk.followed("return", at, 5.0)
    assert np.allclose(moved[:3], log_mid[at[:3] + n] - log_mid[at[:3]])
    assert np.isnan(moved[3])
    place = 2_000
    ahead, usual = slice(place + 1, place + n + 1), slice(0, place + 1)
    assert chunk.followed("volume", at, 5.0)[2] == pytest.approx(volume[ahead].mean() / volume[usual].mean())
    known = cost[usual][np.isfinite(cost[usual])]
    assert chunk.followed("cost", at, 5.0)[2] == pytest.approx(cost[ahead].mean() / known.mean())
    squares = (log_mid[SECOND_ROWS:] - log_mid[:-SECOND_ROWS]) ** 2  # of the second that begins at each
    past = (log_mid[usual] - log_mid[np.maximum(np.arange(place + 1) - SECOND_ROWS, 0)]) ** 2
    sizes = squares[place : place + n - SECOND_ROWS + 1].mean()
    assert chunk.followed("size", at, 5.0)[2] == pytest.approx(sizes / past.mean())


def test_every_row_is_inside_one_chunk_and_sees_as_far_as_it_must() -> None:
    inside = []
    for chunk in chunks_of(walk(6, 2.3 * CHUNK_ROWS / 10, events_per_s=0.5)):
        inside.append(chunk.times_ns[chunk.inside])
        assert chunk.inside.start >= min(BEHIND_ROWS, sum(map(len, inside[:-1])))
        if len(inside) < 3:
            assert len(chunk.times_ns) - chunk.inside.stop >= AHEAD_ROWS
    assert np.all(np.diff(np.concatenate(inside)) == GRID_NS)


def test_a_table_thins_itself_and_keeps_what_a_smaller_one_would() -> None:
    events = walk(7, 900.0)
    claims = [claim for name in NAMES for claim in claims_of(name)]
    tables = []
    for rows_max in (10**6, 1_000):
        gathering = Gathering(NAMES, claims, rows_max)
        for chunk in chunks_of(events):
            gathering.take(chunk)
        tables.append(gathering.table())
    whole, thin = tables
    assert whole.step == 1
    assert thin.step == 16
    assert len(thin.times_ns) <= 1_000
    same = whole.thinned(16)
    assert np.array_equal(same.times_ns, thin.times_ns)
    assert np.array_equal(same.followed["return"], thin.followed["return"], equal_nan=True)


def test_sums_are_what_one_counts_by_hand() -> None:
    (chunk,) = chunks_of(walk(8, 1_200.0))
    claims = claims_of("up_long")
    gathering = Gathering(NAMES, claims)
    gathering.take(chunk)
    score = chunk.scores[:, 0].astype(float)
    counted = np.flatnonzero(chunk.counted)
    assert gathering.rows == len(counted)
    assert gathering.tenths[0, 9] == np.count_nonzero(score[counted] >= 90.0)
    assert not gathering.tenths[1].any()
    entries = [at for at in counted if at and score[at] >= LEVELS[1] > score[at - 1]]
    n = round(HORIZONS_S[5] * 10)
    moves = [chunk.log_mid[at + n] - chunk.log_mid[at] for at in entries if at + n < len(score)]
    sums = gathering.entries.sums[:, 0, 1, 5]
    assert sums[1] == len(moves)
    assert sums[3] == pytest.approx(BASIS_POINTS * np.sum(moves))
    assert sums[6] < sums[3]  # the spread is taken off


def test_a_half_life_lies_between_two_lags() -> None:
    correlations = 0.5 ** (LAGS / 37.0)
    assert half_life_of(correlations) == pytest.approx(3.7, rel=0.02)
    assert half_life_of(np.ones(len(LAGS))) == np.inf
    assert np.isnan(half_life_of(np.full(len(LAGS), np.nan)))
