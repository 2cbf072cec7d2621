"""Kills by the kernel for want of memory: what its SIGKILL alone does not say.

Sources: cgroup-v2.rst (`memory.events`) and mm/oom_kill.c of the kernel, where each such kill on the machine,
those within a control group too, counts as `oom_kill` in /proc/vmstat.
"""

from __future__ import annotations

from pathlib import Path

from signalnode_supervisor.durations import NS_PER_S

LOOK_NS = 10 * NS_PER_S  # how far back a kill may lie that a death is put down to; at most twice as far


class OomKills:
    """Whether the kernel killed somebody, of us or not, a moment ago."""

    def __init__(self, path: Path = Path("/proc/vmstat")) -> None:
        self._path = path
        self._looked_ns: int | None = None
        self._count = self._count_before = 0  # at the last look, and at the one before

    def look(self, now_ns: int) -> None:
        """Note how many there are; of use once in LOOK_NS."""
        if self._looked_ns is None or now_ns - self._looked_ns >= LOOK_NS:
            count = oom_kills(self._path)
            self._count_before = count if self._looked_ns is None else self._count
            self._looked_ns, self._count = now_ns, count

    def lately(self) -> bool:
        """Whether there were more since the look before the last: one that is killed takes a while to end,
        and the last look may have come between.
        """
        return self._looked_ns is not None and oom_kills(self._path) > self._count_before


def oom_kills(path: Path) -> int:
    """The `oom_kill` of such a file of names and numbers; 0 where there is none."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(found[0]) if found and found[0].isdigit() else 0
