"""The kernel's count of what it killed for want of memory."""

from __future__ import annotations

from pathlib import Path

from signalnode_supervisor.linux.cgroup import Groups
from signalnode_supervisor.linux.oom import LOOK_NS, OomKills


def _written(path: Path, count: int) -> None:
    path.write_text(f"pgfault 7\noom_kill {count}\noom_kill_disable 0\n")


def test_a_kill_counts_for_a_while_and_an_old_one_no_more(tmp_path: Path) -> None:
    path = tmp_path / "vmstat"
    _written(path, 3)
    kills = OomKills(path)
    assert not kills.lately(), "nobody has looked yet"
    kills.look(0)
    assert not kills.lately()
    _written(path, 4)
    for now_ns in (LOOK_NS - 1, LOOK_NS, 2 * LOOK_NS - 1):  # who was killed may end only now
        kills.look(now_ns)
        assert kills.lately()
    kills.look(2 * LOOK_NS)
    assert not kills.lately()


def test_a_kernel_that_does_not_count_tells_nothing(tmp_path: Path) -> None:
    kills = OomKills(tmp_path / "absent")
    kills.look(0)
    assert not kills.lately()


def test_a_childs_own_group_tells_of_that_child(tmp_path: Path) -> None:
    for name, count in (("a", 1), ("b", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "memory.events").write_text(f"low 0\nmax 9\noom 2\noom_kill {count}\n")
    groups = Groups(tmp_path)
    assert [groups.is_out_of_memory(name) for name in ("a", "b", "absent")] == [True, False, False]
    assert not Groups(None).is_out_of_memory("a")
