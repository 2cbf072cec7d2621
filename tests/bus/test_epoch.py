"""The epoch rises with every start, also where the disk does not take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.bus.epoch import RESTARTS_MAX, epoch_of, grant_of, next_epoch, restarts_of
from signalnode.clock import NS_PER_S
from signalnode.errors import ClusterError, OutputError


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


GRANT = 1_764_230_400


def _granted(directory: Path, grant: int) -> tuple[int, int]:
    number = next_epoch(directory, 0, grant).number
    return grant_of(number), restarts_of(number)


def test_under_a_grant_it_counts_starts_and_begins_anew_with_the_next(tmp_path: Path) -> None:
    assert [_granted(tmp_path, GRANT) for _ in range(3)] == [(GRANT, 0), (GRANT, 1), (GRANT, 2)]
    assert _granted(tmp_path, GRANT + 1) == (GRANT + 1, 0)


def test_it_is_above_that_of_the_single_machine_before_and_below_that_after(tmp_path: Path) -> None:
    before = _taken(tmp_path, 2**33 - 1)
    granted = next_epoch(tmp_path, 0, GRANT).number
    assert before < granted < _taken(tmp_path, 100)


def test_a_grant_that_is_over_is_never_used_again(tmp_path: Path) -> None:
    _granted(tmp_path, GRANT + 1)
    with pytest.raises(ClusterError, match="is over"):
        next_epoch(tmp_path, 0, GRANT)


def test_a_grant_that_is_spent_gives_no_epoch_of_the_next(tmp_path: Path) -> None:
    (tmp_path / "epoch").write_text(f"{epoch_of(GRANT, RESTARTS_MAX)}\n")
    with pytest.raises(ClusterError, match="hand it over anew"):
        next_epoch(tmp_path, 0, GRANT)


def test_a_grant_that_cannot_be_kept_is_not_used_for_it_would_be_used_twice(tmp_path: Path) -> None:
    (tmp_path / "epoch.partial").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        next_epoch(tmp_path, 0, GRANT)
    (tmp_path / "epoch").write_text("torn")
    with pytest.raises(OutputError, match="cannot be read"):
        next_epoch(tmp_path, 0, GRANT)
