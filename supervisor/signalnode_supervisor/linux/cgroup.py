"""A control group (cgroup v2) for each child, where the service manager has delegated ours to us.

Layout below our own group: `supervisor/` holds this process and the fork server, `<NAME>/` one child and
its descendants. A group has no inner processes, so we move first (kernel documentation, cgroup-v2, "No
Internal Process Constraint").
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from signalnode_supervisor.linux.oom import oom_kills

MOUNT = Path("/sys/fs/cgroup")


class Groups:
    """Caps the memory of a child with all its descendants, and kills them at one stroke."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def enter(self, name: str, pid: int, memory_max_bytes: int | None) -> bool:
        """Put a process that has not begun yet into its child's group; False when there is none."""
        if self._root is None:
            return False
        group = self._root / name
        try:
            group.mkdir(exist_ok=True)
            if memory_max_bytes is not None:
                (group / "memory.max").write_text(f"{memory_max_bytes}\n")
                with contextlib.suppress(OSError):  # no swap accounting in this kernel
                    (group / "memory.swap.max").write_text("0\n")
            (group / "cgroup.procs").write_text(f"{pid}\n")
        except OSError:
            return False
        return True

    def kill(self, name: str) -> None:
        """SIGKILL everything in the child's group (Linux 5.14)."""
        if self._root is not None:
            with contextlib.suppress(OSError):
                (self._root / name / "cgroup.kill").write_text("1\n")

    def is_out_of_memory(self, name: str) -> bool:
        """Whether the kernel killed any process of the child's group for want of memory."""
        return self._root is not None and oom_kills(self._root / name / "memory.events") > 0

    def leave(self, name: str) -> None:
        """Forget the group of a child whose processes are gone."""
        if self._root is not None:
            with contextlib.suppress(OSError):
                (self._root / name).rmdir()


def delegated(mount: Path = MOUNT, membership: Path = Path("/proc/self/cgroup")) -> Groups:
    """Our own group, if it is ours to divide: a service's, writable, with a memory controller.

    Moves this process into `supervisor/` below it and turns the controller on. Where there is none, the
    groups that are returned do nothing.
    """
    try:
        lines = membership.read_text().splitlines()
        path = next(line.split(":", 2)[2] for line in lines if line.startswith("0::"))
        root = mount / path.lstrip("/")
        if path == "/" or not os.access(root / "cgroup.procs", os.W_OK):
            return Groups(None)
        if "memory" not in (root / "cgroup.controllers").read_text().split():
            return Groups(None)
        if root.name == "supervisor":  # an earlier run of ours moved us already
            root = root.parent
        own = root / "supervisor"
        own.mkdir(exist_ok=True)
        (own / "cgroup.procs").write_text(f"{os.getpid()}\n")
        (root / "cgroup.subtree_control").write_text("+memory +pids\n")
    except (OSError, StopIteration, IndexError):
        return Groups(None)
    return Groups(root)
