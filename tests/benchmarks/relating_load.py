"""What the process that relates so many markets has at the most in a pass over a full ring: PSS in MB.

It imports what that process does. Numpy's draws would be 2 MB more.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from signalnode.aggregator.relating.messages import Markets, Step, encode
from signalnode.aggregator.relating.process import Relating, save_memory
from signalnode.aggregator.relating.ring import packed_scores

STEP_S, HALF_LIFE_S, LAGS, SERIES = 1.0, 300.0, 5, ("a", "b", "c", "d", "e")  # as by default


def main(count: int) -> float:
    save_memory()
    relating = Relating()
    names = [f"M{number:03d}-USDT" for number in range(count)]
    relating.take(Markets(0, names, STEP_S, 0.5 ** (STEP_S / HALF_LIFE_S), LAGS, list(SERIES)))
    assert relating.ring is not None
    for step in range(relating.ring.steps):
        drawn = np.modf(np.sin(np.arange(1.0, count + 2) * 12.9898 + step * 78.233) * 43_758.5453)[0]
        returns = 1e-4 * (drawn[0] + drawn[1:])
        scores = packed_scores(np.abs(100.0 * drawn[None, 1:]).repeat(len(SERIES), axis=0))
        relating.take(Step(0, step, returns.astype("<f4").tobytes(), scores.tobytes()))
    most_mb = 0.0
    for told in relating.told():
        if told is not None:
            encode(told)
        most_mb = max(most_mb, _pss_mb())
    return most_mb


def _pss_mb() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    print(main(int(sys.argv[1])))
