"""How short of processors the machine is, from the kernel's pressure stall information.

Source: Documentation/accounting/psi.rst of the kernel. What a control group holds back counts as well.
"""

from __future__ import annotations

import os
from pathlib import Path

from signalnode_supervisor.durations import NS_PER_S

SPAN_NS_MIN = NS_PER_S // 10  # over less than this the kernel's sums are too coarse
NS_PER_US = 1000


class CpuPressure:
    """The share of the time in which some runnable task had no processor.

    The kernel's mean of ten seconds takes seconds to follow a load that has just come, so the time since the
    last look counts too.
    """

    def __init__(self, path: Path = Path("/proc/pressure/cpu")) -> None:
        self._path = path
        self._looked_ns: int | None = None
        self._total_ns = 0
        self._since = 0.0

    def look(self, now_ns: int) -> float:
        """The larger of the two, 0 to 1. Without that file 1 where too many want to run."""
        try:
            words = self._path.read_text().split("\n", 1)[0].split()  # some avg10=… avg60=… avg300=… total=…
            mean, total_ns = float(words[1].removeprefix("avg10=")) / 100.0, int(words[4][6:]) * NS_PER_US
        except (OSError, ValueError, IndexError):
            return float(os.getloadavg()[0] > len(os.sched_getaffinity(0)))
        if self._looked_ns is None:
            self._looked_ns, self._total_ns = now_ns, total_ns
        elif now_ns - self._looked_ns >= SPAN_NS_MIN:
            self._since = (total_ns - self._total_ns) / (now_ns - self._looked_ns)
            self._looked_ns, self._total_ns = now_ns, total_ns
        return max(mean, min(1.0, self._since))
