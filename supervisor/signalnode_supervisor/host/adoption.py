"""Finding the children that an earlier supervisor left running ("keep"), and making sure that they are who
they seem.

A record names pid, begin and mark; only a living process that began at that very tick and bears that very
mark is taken. Its pipes outlived their reader: through /proc they get a new one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.core.messages import Adopted
from signalnode_supervisor.inside.entry import BEAT_FILE, OUTPUT_FILE
from signalnode_supervisor.linux.procfs import kill_marked, look, mark_of, marked


@dataclass(frozen=True, slots=True)
class Found:
    """A living child, with the files through which to watch it."""

    name: str
    pid: int
    began: int
    mark: str
    digest: str
    ready: bool
    started_ns: int
    facts: dict[str, Any]
    pidfd: int
    beat: int
    output: int

    def adopted(self) -> Adopted:
        """What the core is told. Nobody knows when it was last heard, so it counts as heard now."""
        return Adopted(
            self.name, self.pid, self.digest, self.ready, self.started_ns, monotonic_ns(), self.facts
        )


def find(name: str, run: Mapping[str, Any]) -> Found | None:
    """The process of this record, if it is still that process; None for any doubt."""
    files: list[int] = []
    try:
        pid, began, mark = int(run["pid"]), int(run["began"]), str(run["mark"])
        known = (str(run["digest"]), bool(run["ready"]), int(run["started_ns"]), dict(run["facts"]))
        files.append(os.pidfd_open(pid))
        seen = look(pid)
        if seen is None or seen.dead or seen.began != began or mark_of(pid) != mark:
            raise ProcessLookupError
        files.append(_open_pipe(pid, BEAT_FILE))
        files.append(_open_pipe(pid, OUTPUT_FILE))
    except (KeyError, TypeError, ValueError, OSError):
        for file in files:
            os.close(file)
        return None
    return Found(name, pid, began, mark, *known, *files)


def end_strays(place: str, family: Mapping[str, int]) -> int:
    """SIGKILL what earlier runs in this place left, except these processes (mark → pid) and their descent."""
    kin = {pid for pid in marked(place) if mark_of(pid) in family}
    return kill_marked(place, spared=frozenset(kin | set(family.values())))


def _open_pipe(pid: int, file: int) -> int:
    """The read end of a pipe that another process writes to."""
    return os.open(f"/proc/{pid}/fd/{file}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
