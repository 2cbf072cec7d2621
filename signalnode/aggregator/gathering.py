"""When messages come so fast that they are better taken together. Pure: times are passed in.

A wake for one message costs several times what the message does: what Python needs for it has gone cold. Two
hundred engines would wake an aggregator two thousand times a second. While it waits for more none does.
"""

from __future__ import annotations

from signalnode.clock import NS_PER_MS, NS_PER_S

FAST_PER_S = 1_200
GATHER_MS = 10  # engines wake in groups, at each full 10 ms
WINDOW_NS = 250 * NS_PER_MS  # over which they are counted


class Gathering:
    """Learns how fast messages come, from how many were taken."""

    __slots__ = ("_count", "_since_ns", "wait_ms")

    def __init__(self) -> None:
        self.wait_ms = 0  # before the next are taken, unless something else is due
        self._count = self._since_ns = 0

    def took(self, count: int, now_ns: int, *, are_more: bool) -> None:
        """So many were taken at `now_ns`; nothing waits for others while there `are_more` at hand."""
        self._count += count
        lasted_ns = now_ns - self._since_ns
        if lasted_ns >= WINDOW_NS:
            is_fast = self._count * NS_PER_S > FAST_PER_S * lasted_ns
            self._count, self._since_ns, self.wait_ms = 0, now_ns, GATHER_MS if is_fast else 0
        if are_more:
            self.wait_ms = 0
