"""Since when a market is not heard, after how many tries, and when the next is due. Pure; kernel times."""

from __future__ import annotations

from signalnode.clock import NS_PER_MS
from signalnode.feeds.base import Tried


class Away:
    """What an engine knows of its outage; between two of them, nothing."""

    def __init__(self) -> None:
        self._since_ns = self._number = self._tries = 0
        self._due_ns: int | None = None

    def told(self, state: str, number: int, due_ns: int | None) -> None:
        """The gateway says so, of connection `number`."""
        self._due_ns = due_ns
        self._tries += state == "lost" and number not in (0, self._number)
        self._number = number
        if state == "heard":
            self._tries = 0

    def note(self, is_away: bool, heard_ns: int) -> None:
        """How it is as of kernel time `heard_ns`, 0 before the first."""
        if not is_away:
            self._since_ns = 0
        elif not self._since_ns:
            self._since_ns = heard_ns

    def tried(self, at_ns: int) -> Tried:
        """As of kernel time `at_ns`."""
        if not self._since_ns:
            return Tried()
        due_ms = None if self._due_ns is None else max(0, self._due_ns - at_ns) // NS_PER_MS
        return Tried(max(0, at_ns - self._since_ns) // NS_PER_MS, self._tries, due_ms)
