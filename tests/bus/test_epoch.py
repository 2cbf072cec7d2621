"""The epoch rises with every start, or the start is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.bus.epoch import next_epoch
from signalnode.errors import RuntimeDirectoryError


def test_it_rises_by_the_clock_and_where_the_clock_was_set_back(tmp_path: Path) -> None:
    assert [next_epoch(tmp_path, wall_s) for wall_s in (100, 100, 50, 200)] == [100, 101, 102, 200]


def test_one_that_cannot_be_kept_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "epoch.partial").mkdir()  # as a full disk would, it lets nothing be written there
    with pytest.raises(RuntimeDirectoryError, match=r"^state_dir: \S+epoch cannot be written \(.+\); .+$"):
        next_epoch(tmp_path, 100)
