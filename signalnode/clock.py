"""The one place that reads a clock. Everything else takes time as a parameter, in integer nanoseconds."""

from __future__ import annotations

import signal
import time
from collections.abc import Collection
from datetime import UTC, datetime

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def wall_ns() -> int:
    """Nanoseconds since 1970-01-01 UTC.

    May step. For time stamps that leave the process, never for intervals.
    """
    return time.time_ns()


# Nanoseconds that never step back; for ages, timeouts and pacing. Bare: each turn of an engine asks it.
monotonic_ns = time.monotonic_ns


def pause(wait_ns: int) -> None:
    """Wait so long; only where nothing else can happen meanwhile."""
    time.sleep(wait_ns / NS_PER_S)


def await_signal(numbers: Collection[int], wait_s: float) -> int | None:
    """Which of these signals, blocked here, came first within so long; None where none did.

    Where the process is stopped meanwhile until that is over, Python's own gives back whatever lay in memory
    (`signal_sigtimedwait_impl` in CPython's signalmodule.c, after EINTR).
    """
    taken = signal.sigtimedwait(numbers, wait_s)
    return taken.si_signo if taken is not None and taken.si_signo in numbers else None


def thread_cpu_ns() -> int:
    """Nanoseconds of processor time this thread has used.

    For budgets that a busy machine must not shorten.
    """
    return time.thread_time_ns()


def utc_text(time_ns: int, timespec: str = "milliseconds") -> str:
    """`2026-08-09T12:00:00.250Z` for nanoseconds since 1970; `timespec` as in datetime.isoformat."""
    when = datetime.fromtimestamp(time_ns // NS_PER_MS / 1_000, UTC)
    return when.isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


def local_time(time_ns: int) -> str:
    """`12:00:00` by the clocks on the wall here, for nanoseconds since 1970."""
    return datetime.fromtimestamp(time_ns / NS_PER_S).astimezone().strftime("%H:%M:%S")
