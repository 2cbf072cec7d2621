"""The one place of this package that reads a clock. Decisions take `now_ns` as a parameter instead."""

from __future__ import annotations

import time


def monotonic_ns() -> int:
    """Nanoseconds that never step, the same in every process of this machine; for each deadline and age."""
    return time.monotonic_ns()


def wall_ns() -> int:
    """Nanoseconds since 1970-01-01 UTC; may step. Only for time stamps that a person reads."""
    return time.time_ns()


def spent_ns() -> int:
    """Processor time of this thread so far; what something costs, however long it waits for a processor."""
    return time.thread_time_ns()


def pause(seconds: float) -> None:
    """Block this thread; for clients that poll, never for the loop."""
    time.sleep(seconds)
