"""How often this machine may connect to a venue, which counts by address: one file for all gateways, which a
crash loop cannot forget. Times are of the machine's monotonic clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.sessions.base import Limits
from signalnode.files import hold_lock, replace_file


def granted(times_ns: Sequence[int], now_ns: int, limits: Limits) -> tuple[list[int], int]:
    """The connects that count, with one at `now_ns` if it may be made; and how long it must wait, 0 if so."""
    period_ns = int(limits.connects_period_s * NS_PER_S)
    counted = [time_ns for time_ns in times_ns if now_ns - period_ns < time_ns <= now_ns]
    if len(counted) < limits.connects_max:
        return [*counted, now_ns], 0
    return counted, counted[-limits.connects_max] + period_ns - now_ns


def spend(path: Path, now_ns: int, limits: Limits) -> int:
    """Take one connect from the budget at `path`; ns to wait where there is none, else 0. Raises OSError."""
    with hold_lock(path.with_suffix(".connects-lock")):
        try:
            times_ns = [int(each) for each in json.loads(path.read_bytes())]
        except (OSError, ValueError, TypeError):
            times_ns = []
        times_ns, wait_ns = granted(times_ns, now_ns, limits)
        if not wait_ns:
            replace_file(path, json.dumps(times_ns).encode())
    return wait_ns
