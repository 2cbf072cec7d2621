"""What was decoded is played in pieces and in laps, and the feed knows where its book had gaps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalnode.errors import ConfigError, DataError
from signalnode.events import Events
from tests.feeds.frames import START_NS, STEP_NS, capture, depth, quote, snapshot, trade

FOREVER_NS = 2**63 - 1
OpenCapture = Callable[..., Any]


def test_a_feed_gives_what_load_events_gives(
    open_capture: OpenCapture, excerpts: tuple[Path, Path], events: Events
) -> None:
    feed = open_capture(*excerpts)
    assert feed.take(FOREVER_NS, 10**6).tobytes() == events.tobytes()
    assert feed.next_time_ns() is None
    assert len(feed.take(FOREVER_NS, 1)) == 0


def test_a_lap_goes_on_a_mean_gap_after_the_end_of_the_last(open_capture: OpenCapture, path: Path) -> None:
    events = open_capture(path, loop=True).take(FOREVER_NS, 12)
    assert events["time_received_ns"].tolist() == [START_NS + index * STEP_NS for index in range(12)]
    shift = 4 * STEP_NS
    assert (events["time_event_ns"][4:8] - events["time_event_ns"][:4]).tolist() == [shift] * 4


def test_a_file_of_one_event_loops_at_one_a_second(open_capture: OpenCapture, tmp_path: Path) -> None:
    feed = open_capture(capture(tmp_path / "a.gz", [trade(1)]), loop=True)
    assert feed.take(START_NS + 10 * 10**9, 100)["time_received_ns"].tolist() == [
        START_NS + lap * 10**9 for lap in range(11)
    ]


def test_while_the_book_has_a_gap_the_feed_is_degraded_in_every_lap(
    open_capture: OpenCapture, tmp_path: Path
) -> None:
    frames = [quote(), snapshot(5), depth(6, 6), depth(9, 9), quote(), snapshot(8), depth(10, 10), trade(1)]
    feed = open_capture(capture(tmp_path / "a.gz", frames), loop=True)
    times = feed.take(FOREVER_NS, 8)["time_received_ns"].tolist()
    for lap_ns in (0, times[7] - times[0]):
        lap = [feed.degraded(START_NS + index * STEP_NS + lap_ns) for index in range(8)]
        assert lap == [index in (3, 4) for index in range(8)]


def test_a_gap_that_is_never_mended_degrades_until_the_end(open_capture: OpenCapture, tmp_path: Path) -> None:
    frames = [quote(), snapshot(5), depth(6, 6), depth(9, 9), quote(), trade(1)]
    feed = open_capture(capture(tmp_path / "a.gz", frames))
    assert [feed.degraded(START_NS + index * STEP_NS) for index in range(6)] == [False] * 3 + [True] * 3


def test_an_unknown_venue_is_a_config_error(open_capture: OpenCapture, path: Path) -> None:
    with pytest.raises(ConfigError, match=r"feed\.venue: 'nasdaq'.*binance"):
        open_capture(path, venue="nasdaq")


def test_a_missing_file_is_refused_when_the_feed_is_opened(open_capture: OpenCapture, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.gz: cannot be read"):
        open_capture(tmp_path / "none.gz")


def test_two_files_of_other_times_loop_over_both(
    open_capture: OpenCapture, events: Events, excerpts: tuple[Path, Path]
) -> None:
    feed = open_capture(*excerpts, loop=True)
    taken = feed.take(FOREVER_NS, 2 * len(events))
    assert taken["price"].tolist() == events["price"].tolist() * 2
