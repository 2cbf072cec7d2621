from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from signalnode.errors import CheckpointError, ConfigError, DataError
from signalnode.events import Events
from signalnode.feeds import Feed
from signalnode.feeds.files import store
from signalnode.settings import FeedSettings, MarketSettings
from tests.feeds.frames import START_NS, STEP_NS, capture, depth, quote, snapshot, trade

FOREVER_NS = 2**63 - 1


OpenCapture = Callable[..., Any]


@pytest.fixture
def open_capture(open_closing: Callable[[MarketSettings, Path], Feed], tmp_path: Path) -> OpenCapture:
    """Opens captures as the feed of BTC-USDT; what is decoded goes below `tmp_path`."""

    def open_one(*paths: Path, venue: str = "binance", loop: bool = False) -> Feed:
        feed = FeedSettings(kind="capture", venue=venue, paths=paths, loop=loop)
        return open_closing(MarketSettings(market="BTC-USDT", feed=feed), tmp_path)

    return open_one


def stored(state_dir: Path) -> list[str]:
    return sorted(path.suffix for path in (state_dir / "BTC-USDT").iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return capture(tmp_path / "a.gz", [trade(1), quote(), trade(2), quote("99.98")])


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every piece of decoded events that is written."""
    written: list[int] = []
    real = store.write_rows

    def write_rows(file: BinaryIO, events: Events) -> None:
        written.append(len(events))
        real(file, events)

    monkeypatch.setattr(store, "write_rows", write_rows)
    return written


def test_a_feed_gives_what_load_events_gives(
    open_capture: OpenCapture, excerpts: tuple[Path, Path], events: Events
) -> None:
    feed = open_capture(*excerpts)
    assert feed.take(FOREVER_NS, 10**6).tobytes() == events.tobytes()
    assert feed.next_time_ns() is None
    assert len(feed.take(FOREVER_NS, 1)) == 0


def test_files_are_decoded_once(
    open_capture: OpenCapture, tmp_path: Path, path: Path, decodings: list[int]
) -> None:
    for _ in range(3):
        assert len(open_capture(path).take(FOREVER_NS, 10)) == 4
    assert decodings == [4]
    assert stored(tmp_path) == [".events", ".json"]


def test_a_changed_file_is_decoded_anew_and_the_old_events_are_removed(
    open_capture: OpenCapture, tmp_path: Path, path: Path, decodings: list[int]
) -> None:
    position = open_capture(path).position
    list(open_capture(path).prepare())
    capture(path, [trade(1), quote(), trade(2)])
    assert len(open_capture(path).take(FOREVER_NS, 10)) == 3
    assert decodings == [4, 3]
    assert stored(tmp_path) == [".events", ".json"]
    with pytest.raises(CheckpointError, match="start afresh"):
        open_capture(path).seek(position)


def test_a_file_touched_without_a_change_of_size_is_decoded_anew(
    open_capture: OpenCapture, path: Path, decodings: list[int]
) -> None:
    list(open_capture(path).prepare())
    os.utime(path, ns=(1, 1))
    list(open_capture(path).prepare())
    assert decodings == [4, 4]


def test_a_changed_decoder_decodes_anew(
    open_capture: OpenCapture, path: Path, decodings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(open_capture(path).prepare())
    monkeypatch.setattr(store, "code_digest", lambda *_: "another")
    list(open_capture(path).prepare())
    assert decodings == [4, 4]


@pytest.mark.parametrize("damage", ["cut", "no notes", "no events"])
def test_damaged_stored_events_are_made_again(
    open_capture: OpenCapture, tmp_path: Path, path: Path, decodings: list[int], damage: str
) -> None:
    list(open_capture(path).prepare())
    (events,) = (tmp_path / "BTC-USDT").glob("*.events")
    if damage == "cut":
        events.write_bytes(events.read_bytes()[:-1])
    else:
        (events if damage == "no events" else events.with_suffix(".json")).unlink()
    assert len(open_capture(path).take(FOREVER_NS, 10)) == 4
    assert decodings == [4, 4]


def test_faults_are_kept_beside_the_events(open_capture: OpenCapture, tmp_path: Path) -> None:
    path = capture(tmp_path / "a.gz", [trade(1), b"garbage\n", quote()])
    list(open_capture(path).prepare())
    feed = open_capture(path)
    assert feed.faults == {}
    list(feed.prepare())
    assert feed.faults == {"line_corrupt": 1}
    assert feed.fault_lines[0].startswith(f"1 x line_corrupt, first at {path}:2: ")


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing_behind(
    open_capture: OpenCapture, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_rows(file: BinaryIO, events: Events) -> None:
        file.write(events.tobytes()[:50])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "write_rows", write_rows)
    with pytest.raises(
        DataError, match=r"BTC-USDT: cannot store .*No space left on device.*free space"
    ) as caught:
        list(open_capture(path).prepare())
    assert "\n" not in str(caught.value)
    assert stored(tmp_path) == []


def test_a_decoding_given_up_half_way_leaves_nothing_behind(
    open_capture: OpenCapture, tmp_path: Path, excerpts: tuple[Path, Path]
) -> None:
    preparing = open_capture(*excerpts).prepare()
    assert 0 < next(preparing) < 1
    assert stored(tmp_path) == [".partial"]
    del preparing
    assert stored(tmp_path) == []


def test_what_a_killed_process_left_half_done_is_removed(
    open_capture: OpenCapture, tmp_path: Path, path: Path
) -> None:
    directory = tmp_path / "BTC-USDT"
    directory.mkdir()
    (directory / "0123456789abcdef.partial").write_bytes(b"half")
    (directory / "checkpoint").write_bytes(b"not ours")
    list(open_capture(path).prepare())
    assert stored(tmp_path) == ["", ".events", ".json"]


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
