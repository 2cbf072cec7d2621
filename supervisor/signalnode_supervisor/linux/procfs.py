"""Processes as /proc shows them: who belongs to whom, when each started, what it uses.

Whatever is forked from the fork server carries a *mark* in the environment block that /proc shows:
`SUPERVISED_AS=<place>-<run>/<child>.<pid>`. The place is a digest of the runtime directory, the run is drawn
by each supervisor at its start. A mark outlives fork, exec, setsid and the death of every ancestor, so that a
stray is known by it wherever it went: what began elsewhere (another node) is never touched, and what began
here is found even by a supervisor that has just started.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from signalnode_supervisor.clock import pause

MARK_BYTES = 96  # a mark is padded to this, so that a child's can be written over the fork server's
ROUNDS_MAX = 20  # looks for new marked processes while killing; each round kills all that it sees
ENVIRON_BYTES_MAX = 131_072
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One process at one moment. Its start (clock ticks since boot) and the pid together name it for good."""

    pid: int
    parent: int
    session: int
    start_ticks: int
    cpu_s: float
    dead: bool
    runnable: bool


def make_mark(run: str, name: str = "", pid: int = 0) -> bytes:
    """The mark of a child process in a supervisor's run; without a name, of the fork server."""
    mark = f"{run}/{name}.{pid}" if name else f"{run}/"
    assert len(mark) <= MARK_BYTES
    return mark.encode().ljust(MARK_BYTES)


def read_stat(pid: int) -> ProcessStat | None:
    """What /proc/<pid>/stat says; None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    # field n of proc(5) stands at n - 3
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    dead, runnable = fields[0] in (b"Z", b"X"), fields[0] == b"R"
    return ProcessStat(pid, int(fields[1]), int(fields[3]), int(fields[19]), cpu_s, dead, runnable)


def run_and_wait_ns(pid: int) -> tuple[int, int] | None:
    """How long a process's first thread has run, and has waited for a processor; None where nobody counts."""
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            ran, waited, _ = file.read().split()
    except (OSError, ValueError):  # it is gone, or a kernel without CONFIG_SCHED_INFO
        return None
    return int(ran), int(waited)


def own_children() -> list[int]:
    """Pids of the children of this process's main thread: where orphans come to, and all that it started.

    What another thread started is that thread's to wait for.
    """
    me = os.getpid()
    try:
        return children_of_thread(me)
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN; ours have sessions of their own
        mine, session = [read_stat(pid) for pid in all_pids()], os.getsid(0)
        return [seen.pid for seen in mine if seen and seen.parent == me and seen.session != session]


def children_of_thread(thread: int | None) -> list[int]:
    """Pids of what one thread of this process started. Raises FileNotFoundError when there is no such."""
    return [int(pid) for pid in Path(f"/proc/self/task/{thread}/children").read_text().split()]


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def mark_of(pid: int) -> str:
    """The mark in a process's environment block, without padding; '' when it has none or hides it."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            block = b"\0" + file.read(ENVIRON_BYTES_MAX)
    except OSError:
        return ""
    _, found, rest = block.partition(b"\0SUPERVISED_AS=")
    return rest.split(b"\0", 1)[0].decode(errors="replace").rstrip() if found else ""


def pids_marked(mark: str) -> list[int]:
    """Living processes with this mark, or, when it ends in '/' or '-', with one that begins like it."""
    many = mark.endswith(("/", "-"))
    return [
        pid
        for pid in all_pids()
        if ((found := mark_of(pid)) == mark or (many and found.startswith(mark)))
        and (seen := read_stat(pid)) is not None
        and not seen.dead
    ]


def kill_marked(mark: str, spared: frozenset[int] = frozenset()) -> int:
    """SIGKILL every process so marked, again and again until none is left; how many there were."""
    killed: set[int] = set()
    for _ in range(ROUNDS_MAX):
        pids = [pid for pid in pids_marked(mark) if pid not in spared]
        if not pids:
            break
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        killed.update(pids)
        pause(0.001)
    return len(killed)


def kill_orphans(spared: frozenset[int]) -> None:
    """SIGKILL each child that this process did not begin in its own session, until none is left.

    `kill_marked` passes over what executes something at that moment: it has no environment yet.
    """
    session = os.getsid(0)
    for _ in range(ROUNDS_MAX):
        seen = [read_stat(pid) for pid in own_children() if pid not in spared]
        pids = [each.pid for each in seen if each is not None and each.session != session]
        if not pids:
            break
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        for pid in pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def send_signal(pid: int, number: int) -> bool:
    """Send a signal; False when there is no such process any more."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def children_of(pid: int) -> list[int]:
    """What its first thread has begun and still lives; none where the kernel does not say."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(each) for each in file.read().split()]
    except (OSError, ValueError):
        return []


def pss_bytes(pid: int) -> int | None:
    """Proportional set size; None when the process is gone. Costs the kernel 0.5 to 3 ms for 100 MB."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None
