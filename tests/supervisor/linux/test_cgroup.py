"""Control groups, on a directory that looks like the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from signalnode_supervisor.linux.cgroup import Groups, delegated


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    service = tmp_path / "fs" / "node.service"
    service.mkdir(parents=True)
    (service / "cgroup.controllers").write_text("cpu memory pids\n")
    (service / "cgroup.procs").write_text("")
    (tmp_path / "membership").write_text("1:name=systemd:/x\n0::/node.service\n")
    return tmp_path


def test_a_delegated_group_is_divided(mount: Path) -> None:
    groups = delegated(mount / "fs", mount / "membership")
    root = mount / "fs" / "node.service"
    assert (root / "supervisor" / "cgroup.procs").read_text() == f"{os.getpid()}\n"
    assert (root / "cgroup.subtree_control").read_text() == "+memory +pids\n"
    assert groups.enter("a", 42, 1000)
    assert (root / "a" / "memory.max").read_text() == "1000\n"
    assert (root / "a" / "cgroup.procs").read_text() == "42\n"
    groups.kill("a")
    assert (root / "a" / "cgroup.kill").read_text() == "1\n"


@pytest.mark.parametrize("fault", ["root", "no controller", "no v2", "nothing"])
def test_without_delegation_nothing_is_touched(mount: Path, fault: str) -> None:
    membership = mount / "membership"
    if fault == "root":
        membership.write_text("0::/\n")
    elif fault == "no controller":
        (mount / "fs" / "node.service" / "cgroup.controllers").write_text("cpu\n")
    elif fault == "no v2":
        membership.write_text("4:memory:/x\n")
    else:
        membership.unlink()
    assert not delegated(mount / "fs", membership).enter("a", os.getpid(), None)
    assert not (mount / "fs" / "node.service" / "supervisor").exists()


def test_no_groups_do_nothing() -> None:
    groups = Groups(None)
    assert not groups.enter("a", 1, 1)
    groups.kill("a")
    groups.leave("a")
