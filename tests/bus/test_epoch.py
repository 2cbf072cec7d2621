"""The epoch rises with every start, also where the disk does not take it."""

from __future__ import annotations

from pathlib import Path

from signalnode.bus.epoch import next_epoch
from signalnode.clock import NS_PER_S


def _taken(directory: Path, wall_s: float) -> int:
    return next_epoch(directory, int(wall_s * NS_PER_S)).number


def test_it_rises_by_the_clock_and_where_the_clock_was_set_back(tmp_path: Path) -> None:
    assert [_taken(tmp_path, wall_s) for wall_s in (100, 100, 50, 200)] == [100, 101, 102, 200]


def test_a_directory_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    assert next_epoch(tmp_path / "gone", 100 * NS_PER_S) == (100, "", 0)
    assert _taken(tmp_path / "gone", 100) == 101


def test_where_there_is_no_room_for_a_draft_it_is_written_over(tmp_path: Path) -> None:
    assert _taken(tmp_path, 100) == 100
    (tmp_path / "epoch.partial").mkdir()  # as a full disk would, it lets nothing be written there
    assert [next_epoch(tmp_path, 100 * NS_PER_S) for _ in range(2)] == [(101, "", 0), (102, "", 0)]


def test_where_nothing_can_be_written_it_is_the_clocks_and_waits_until_that_goes_on(tmp_path: Path) -> None:
    (tmp_path / "epoch.partial").mkdir()
    number, fault, wait_ns = next_epoch(tmp_path, 100 * NS_PER_S + 1)
    assert (number, wait_ns) == (100, NS_PER_S - 1)
    assert fault.startswith(f"{tmp_path}/epoch cannot be written (")
    assert _taken(tmp_path, 101) == 101
