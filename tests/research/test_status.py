"""The status of a score file is what a live engine that plays the same files says at each row."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from signalnode import SignalEngine
from signalnode.bus.wire import STATUSES
from signalnode.clock import NS_PER_MS
from signalnode.engine.work import Work
from signalnode.events import QUOTE, TRADE, Events
from signalnode.feeds import ChannelHealth, health, open_decoding, open_feed
from signalnode.feeds import synthetic_events as synthetic
from signalnode.feeds.files import capture, recording
from signalnode.feeds.files.recording import write_recording
from signalnode.research.replay import write_scores
from signalnode.settings import EngineSettings, FeedSettings, MarketSettings
from tests.effort import drawn, some
from tests.feeds import frames

INTERVAL_NS = 100 * NS_PER_MS
MARKET = "BTC-USDT"
SIGNALS = {"baseline_s": 20.0}  # so that a recording of a minute gets warm
STEPS = 6_000  # of 10 ms: a minute


def at(step: int, frame: object) -> bytes:
    return frames.line(step, frame)


@functools.cache
def quote_at(step: int) -> bytes:
    return at(step, frames.quote(f"{99.5 + 0.01 * (step % 7):.2f}"))


@functools.cache
def depth_at(step: int) -> bytes:
    return at(step, frames.depth(step - 8 if step > 9 else 1, step + 1, [(99, 1 + step % 5)]))


def minute(
    is_quiet: Callable[[int], bool] = lambda _step: False,
    is_lost: Callable[[int], bool] = lambda _step: False,
    snapshots: tuple[int, ...] = (0,),
) -> list[bytes]:
    """A minute of a market: a quote each 20 ms, a trade each 50 ms unless quiet, a depth update each 100 ms
    unless lost; snapshots of the book at some steps.
    """
    lines, number = [], 0
    for step in range(STEPS):
        if step in snapshots:
            lines.append(at(step, frames.snapshot(step + 1)))
        if step % 2 == 0:
            lines.append(quote_at(step))
        if step % 5 == 0 and not is_quiet(step):
            number += 1
            lines.append(at(step, frames.trade(number, f"{100 + 0.01 * (step % 11):.2f}")))
        if step % 10 == 3 and not is_lost(step):
            lines.append(depth_at(step))
    return lines


def replayed(path: Path, directory: Path) -> list[str]:
    """The `status` column of a score file."""
    engine = SignalEngine(MARKET, SIGNALS)
    decoding = open_decoding([path], venue="binance", market=MARKET)
    out = directory / "scores.parquet"
    write_scores(lambda events: engine.replay(events, INTERVAL_NS, with_unknown=True), decoding, out)
    statuses: list[str] = pq.read_table(out)["status"].to_pylist()
    return statuses


def told_live(path: Path, directory: Path, rows: int) -> list[str]:
    """What an engine says that plays the file at its own pace, asked at the times of the rows."""
    kind: Any = "recording" if path.suffix == ".parquet" else "capture"
    feed = open_feed(
        MarketSettings(
            market=MARKET,
            feed=FeedSettings(kind=kind, venue="" if kind == "recording" else "binance", paths=(path,)),
        ),
        directory,
    )
    work = Work(SignalEngine(MARKET, SIGNALS), feed, ChannelHealth(), EngineSettings(), 1.0)
    work.start(0)
    first_ns = feed.next_time_ns()
    assert first_ns is not None
    told = []
    for row in range(rows):
        work.turn(row * INTERVAL_NS)
        told.append(work.standing(first_ns + row * INTERVAL_NS).status)
    feed.close()
    return told


def seconds_of(statuses: list[str], status: str) -> tuple[float, float, int]:
    """The first and last time, in seconds since the first row, at which `status` is told, and how often."""
    rows = [row for row, each in enumerate(statuses) if each == status]
    return rows[0] * INTERVAL_NS / 1e9, rows[-1] * INTERVAL_NS / 1e9, len(rows)


@pytest.fixture(params=some([61, 7, 2_048], 1))
def lines_a_slice(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "SLICE_LINES", request.param)


@pytest.mark.usefixtures("lines_a_slice")
def test_a_gap_makes_degraded_rows_just_where_a_live_engine_says_so(tmp_path: Path) -> None:
    lines = minute(is_lost=lambda step: 3_000 <= step < 3_050, snapshots=(0, 3_150))
    path = frames.capture(tmp_path / "a.txt", lines)
    statuses = replayed(path, tmp_path)
    assert statuses == told_live(path, tmp_path, len(statuses))
    # Lost from 30.0 to 30.5 s; noticed with the first update after that, mended by the snapshot of
    # 31.5 s, which the update at 31.53 s shows to be this market's.
    assert seconds_of(statuses, "degraded") == (30.6, 31.5, 10)
    assert set(statuses) == {"warming", "live", "degraded"}


@pytest.mark.usefixtures("lines_a_slice")
def test_a_gap_stays_one_however_long_the_book_gives_no_depth_for_it(tmp_path: Path) -> None:
    path = frames.capture(tmp_path / "a.txt", minute(is_lost=lambda step: 5_000 <= step < 5_010))
    statuses = replayed(path, tmp_path)
    assert statuses == told_live(path, tmp_path, len(statuses))
    assert set(statuses[502:]) == {"degraded"}  # noticed at 50.13 s, and never mended


@pytest.mark.usefixtures("lines_a_slice")
def test_a_silent_channel_makes_stale_rows_just_where_a_live_engine_says_so(tmp_path: Path) -> None:
    path = frames.capture(tmp_path / "a.txt", minute(is_quiet=lambda step: 3_000 <= step < 4_500))
    statuses = replayed(path, tmp_path)
    assert statuses == told_live(path, tmp_path, len(statuses))
    # The last trade was at 29.95 s, and two seconds are the shortest wait that is called silence.
    assert seconds_of(statuses, "stale") == (32.0, 44.9, 130)


@pytest.mark.usefixtures("lines_a_slice")
def test_silence_outweighs_a_gap_and_a_gap_outweighs_warmth(tmp_path: Path) -> None:
    lines = minute(
        is_quiet=lambda step: 3_000 <= step < 4_500,
        is_lost=lambda step: 500 <= step < 520 or 4_400 <= step < 4_420,
        snapshots=(0, 650, 4_600),
    )
    path = frames.capture(tmp_path / "a.txt", lines)
    statuses = replayed(path, tmp_path)
    assert statuses == told_live(path, tmp_path, len(statuses))
    assert set(statuses) == set(STATUSES)
    assert set(statuses[53:65]) == {"degraded"}
    assert set(statuses[320:450]) == {"stale"}
    assert set(statuses[450:460]) == {"degraded"}


@pytest.mark.parametrize("seed", range(drawn(1, 6)))
def test_whatever_a_capture_holds_both_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Lost updates, pauses, channels that fall silent, clocks that step and times that cannot be."""
    draw = random.Random(seed)
    monkeypatch.setattr(capture, "SLICE_LINES", draw.choice([1, 7, 100]))
    time_ns, newest, trades, quiet = frames.START_NS, 5, 0, ""
    lines = [frames.line(0, frames.snapshot(newest))]
    for _ in range(1_500):
        time_ns += draw.choice([0, 1, 10, 20, 60, 100]) * NS_PER_MS
        if draw.random() < 0.005:
            time_ns += draw.randrange(5_000) * NS_PER_MS
            quiet = draw.choice(["", "trade", "quote", "depth"])
        told_ns = time_ns
        if draw.random() < 0.04:
            told_ns = draw.choice([17, 2**70, time_ns + 10**9, *[time_ns - draw.randrange(12 * 10**8)] * 5])
        kind = draw.choice(["trade", "quote", "depth"])
        if kind == quiet:
            continue
        if kind == "trade":
            trades += 1
            frame = frames.trade(trades)
        elif kind == "quote":
            frame = frames.quote(f"{99 + draw.random():.2f}", "100.50")
        elif draw.random() < 0.1:
            frame = frames.snapshot(newest)
        else:
            lost = 3 * (draw.random() < 0.06)
            frame = frames.depth(newest + lost + 1, newest + lost + 1, [(99, 1 + draw.random())])
            newest += lost + 1
        lines.append(frames.line(0, frame, time_ns=told_ns))
    path = frames.capture(tmp_path / "a.txt", lines)
    statuses = replayed(path, tmp_path)
    assert statuses == told_live(path, tmp_path, len(statuses))
    assert "degraded" in statuses


def made_up(kind: int, quiet: bool) -> Events:
    """A synthetic market whose channel `kind` falls silent half-way, and comes back."""
    events = synthetic(4, 6_000, events_per_s=60.0)
    middle = len(events) // 2
    keep = np.ones(len(events), bool)
    keep[middle : middle + 2_000] = events["kind"][middle : middle + 2_000] != kind
    return events[keep] if quiet else events


@pytest.mark.parametrize("kind", [TRADE, QUOTE])
@pytest.mark.parametrize("rows_a_group", some([400, 100, recording.ROW_GROUP_ROWS], 1))
def test_a_recording_tells_the_same_in_groups_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int, rows_a_group: int
) -> None:
    monkeypatch.setattr(recording, "ROW_GROUP_ROWS", rows_a_group)
    for quiet in (False, True):
        path = tmp_path / f"{quiet}.parquet"
        write_recording(path, made_up(kind, quiet), market=MARKET, venue="synthetic")
        statuses = replayed(path, tmp_path)
        assert statuses == told_live(path, tmp_path, len(statuses))
        assert ("stale" in statuses) is quiet


def test_the_numbers_of_the_statuses_are_their_places_on_the_wire() -> None:
    numbers = (health.WARMING, health.LIVE, health.DEGRADED, health.STALE)
    assert tuple(STATUSES[number] for number in numbers) == ("warming", "live", "degraded", "stale")
