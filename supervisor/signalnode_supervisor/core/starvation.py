"""Whether a silent child hangs, or merely waits for a processor.

The kernel counts for how long a process wanted to run and could not: other programs had the processors, or
its control group had used up its share. That time is no silence. A child is told from one that hangs in this
way: a deadline that it misses while the machine is pressed is put off once, and looked at from there on; then
it is put off by what the child spent waiting since the last look. One that sleeps, is stopped or runs on
without a word waits for nothing, and has had its time when the deadline comes. One that keeps a pressed
machine busy gets the time on a processor that it would have had on a machine of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from signalnode_supervisor.durations import NS_PER_S

PRESSURE_MIN = 0.2  # share of the time in which somebody waited for a processor; below nobody is excused
WAITED_SHARE_MIN = 0.1  # of its time to speak; one that waited for less since the last look hangs
STARVED_NS_MAX = 600 * NS_PER_S  # without a word, then it is ended whatever the reason
NOTE_NS = 60 * NS_PER_S  # the log says that the machine is too small this often
NAMES_MAX = 10  # of starved children, in one line of the log


@dataclass(frozen=True, slots=True)
class CpuTime:
    """What one process has had of the processors since its start."""

    run_ns: int
    wait_ns: int  # runnable, and not running
    runnable: bool  # at this moment: it runs or waits


@dataclass(frozen=True, slots=True)
class Strain:
    """A child whose deadline was put off: since when, the last look, and by how much in all."""

    since_ns: int
    looked_ns: int
    seen: CpuTime
    excused_ns: int


def excused(
    strain: Strain | None, seen: CpuTime, now_ns: int, span_ns: int, pressure: float
) -> Strain | None:
    """The strain of a child that has just missed a deadline of `span_ns`; None where nothing excuses it."""
    if strain is None:
        return Strain(now_ns, now_ns, seen, span_ns) if pressure >= PRESSURE_MIN else None
    waited_ns = seen.wait_ns - strain.seen.wait_ns
    if seen.runnable and seen.run_ns == strain.seen.run_ns:  # the kernel adds a wait up when it is over
        waited_ns = now_ns - strain.looked_ns
    if waited_ns < WAITED_SHARE_MIN * span_ns or now_ns - strain.since_ns > STARVED_NS_MAX:
        return None
    return Strain(strain.since_ns, now_ns, seen, strain.excused_ns + waited_ns)


class Starved:
    """Who was put off in the last minute, and when the log is to say so."""

    def __init__(self) -> None:
        self._last_ns: dict[str, int] = {}
        self._noted_ns: int | None = None

    def add(self, name: str, now_ns: int) -> None:
        self._last_ns[name] = now_ns

    def names(self, now_ns: int) -> list[str]:
        """Those of the last minute, in order."""
        self._last_ns = {n: at_ns for n, at_ns in self._last_ns.items() if now_ns - at_ns < NOTE_NS}
        return sorted(self._last_ns)

    def note(self, now_ns: int) -> str:
        """Their names for the log, when it is time for a line; "" when not."""
        if self._noted_ns is not None and now_ns - self._noted_ns < NOTE_NS:
            return ""
        names = self.names(now_ns)
        if not names:
            return ""
        self._noted_ns = now_ns
        more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
        return ", ".join(names[:NAMES_MAX]) + more
