"""Processor time of other processes, to the microsecond, and what the machine as a whole has left."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

NS_PER_S = 1_000_000_000


def cpu_s(pid: int) -> float:
    """What all threads of a process have used, in seconds.

    From `schedstat`, which counts in ns: the ticks of `stat` are as long as ten thousand wakes are short.
    """
    used_ns = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            used_ns += int((thread / "schedstat").read_text().split()[0])
    return used_ns / NS_PER_S


def shares(pids: Sequence[int], beside: Sequence[int], seconds: float) -> tuple[float, float]:
    """Mean share of a core, in %, of the ones and of the others, over the same seconds."""
    before_s, began_s = [_mean_s(pids), _mean_s(beside)], time.monotonic()
    time.sleep(seconds)
    after_s, lasted_s = [_mean_s(pids), _mean_s(beside)], time.monotonic() - began_s
    one, other = (100 * (after - before) / lasted_s for after, before in zip(after_s, before_s, strict=True))
    return one, other


def _mean_s(pids: Sequence[int]) -> float:
    return statistics.mean(cpu_s(pid) for pid in pids)


def by_role(roles: Mapping[int, str]) -> Counter[str]:
    """Processor time so far of the processes of each role, in seconds; `roles` by pid."""
    used_s: Counter[str] = Counter()
    for pid, role in roles.items():
        used_s[role] += cpu_s(pid)
    return used_s


def idle_s() -> float:
    """What all processors together have idled, in seconds."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")
