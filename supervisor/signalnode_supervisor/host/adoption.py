"""Adoption: children that an earlier supervisor left running (`on_supervisor_death = "keep"`) become ours.

We did not fork them, so three things that come by themselves with a child have to be made sure of here.

*That it is the one.* A pid is used again. A record names pid, start and mark: only a living process that
started at that very tick since boot and bears that very mark is adopted. For any doubt it counts as a stray,
is ended and started anew. Should two run even then, the lock of the child's name lets only one go on.

*That it is heard.* Its pipes lost their reader with the earlier supervisor, and live on as long as the child
holds their other end, with whatever lies in them. Opening `/proc/PID/fd/N` gives that same pipe a new reader;
hence the fixed numbers of both files in every child. What it writes while nobody reads fails, which neither
its `Link` nor its `DroppingOutput` minds: a `ready` is said again, output is counted as left out.

*How it ends.* Init has inherited it, and so `wait` is init's. A pidfd tells that it has ended, and how only
from Linux 6.15 on; before, its status is unknown. What it forks goes to init as well, and is found by mark.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.core.messages import Adopted
from signalnode_supervisor.inside.entry import BEAT_FILE, OUTPUT_FILE
from signalnode_supervisor.linux.procfs import kill_marked, mark_of, pids_marked, read_stat


@dataclass(frozen=True, slots=True)
class Found:
    """A living child, with the files through which to watch it."""

    name: str
    pid: int
    start_ticks: int
    mark: str
    digest: str
    ready: bool
    started_ns: int
    facts: dict[str, Any]
    pidfd: int
    beat_file: int
    output_file: int

    def adopted(self) -> Adopted:
        """What the core is told. Nobody knows when it was last heard, so it counts as heard now."""
        return Adopted(
            self.name, self.pid, self.digest, self.ready, self.started_ns, monotonic_ns(), self.facts
        )


def find(name: str, run: Mapping[str, Any]) -> Found | None:
    """The process of this record, if it is still that process; None for any doubt."""
    files: list[int] = []
    try:
        pid, start_ticks, mark = int(run["pid"]), int(run["began"]), str(run["mark"])
        known = (str(run["digest"]), bool(run["ready"]), int(run["started_ns"]), dict(run["facts"]))
        files.append(os.pidfd_open(pid))
        seen = read_stat(pid)
        if seen is None or seen.dead or seen.start_ticks != start_ticks or mark_of(pid) != mark:
            raise ProcessLookupError
        files.append(_open_pipe(pid, BEAT_FILE))
        files.append(_open_pipe(pid, OUTPUT_FILE))
    except (KeyError, TypeError, ValueError, OSError):
        for file in files:
            os.close(file)
        return None
    return Found(name, pid, start_ticks, mark, *known, *files)


def end_strays(place: str, family: Mapping[str, int]) -> int:
    """SIGKILL what earlier runs in this place left, but for this family (mark → pid) and what it forked."""
    kin = {pid for pid in pids_marked(place) if mark_of(pid) in family}
    return kill_marked(place, spared=frozenset(kin | set(family.values())))


def _open_pipe(pid: int, file: int) -> int:
    """The read end of a pipe that another process writes to."""
    return os.open(f"/proc/{pid}/fd/{file}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
