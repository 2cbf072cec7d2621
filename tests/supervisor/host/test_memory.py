from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from signalnode_supervisor.host.memory import EXITS_MAX, Memory


def test_stopped_names_are_read_back(tmp_path: Path) -> None:
    Memory(tmp_path / "run", tmp_path / "state").set_stopped(frozenset({"b", "a"}))
    assert Memory(tmp_path / "run", tmp_path / "state").stopped() == {"a", "b"}


def test_exits_are_kept_up_to_a_number(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "run", tmp_path / "state")
    for code in range(EXITS_MAX + 5):
        memory.add_exit("a.b", {"code": code})
    memory.write_exits("a.b")
    later = Memory(tmp_path / "run", tmp_path / "state")
    assert [entry["code"] for entry in later.exits("a.b")] == list(range(5, EXITS_MAX + 5))


def test_torn_files_are_as_good_as_none(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "run", tmp_path / "state")
    memory.set_stopped(frozenset("a"))
    memory.set_run("a", {"pid": 1})
    for path in (tmp_path / "state").rglob("*.json"):
        path.write_text('["a')
    (tmp_path / "run" / "children" / "a.json").write_text("7")
    assert (memory.stopped(), memory.exits("a"), memory.runs()) == (frozenset(), [], {})


def test_a_clean_end_leaves_nothing_in_the_runtime_directory(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "run", tmp_path / "state")
    memory.set_run("a", {"pid": 1})
    memory.lock_path("a").touch()
    memory.forget_runs()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_full_disk_is_told_with_the_file_that_could_not_be_written(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "run", tmp_path / "state")
    (tmp_path / "state" / "supervisor" / "stopped.json.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: .*stopped\.json\.partial"):
        memory.set_stopped(frozenset("a"))


def test_a_directory_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "run", tmp_path / "state")
    shutil.rmtree(tmp_path / "state")
    memory.set_stopped(frozenset({"a"}))
    assert memory.stopped() == {"a"}
