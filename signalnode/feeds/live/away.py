"""Why a market is not heard, as its engine knows: since when, after how many tries, and when the next is due.
Pure; kernel times.
"""

from __future__ import annotations

from collections.abc import Sequence

from signalnode.clock import NS_PER_MS
from signalnode.events import TRADE
from signalnode.feeds.base import Tried
from signalnode.feeds.live.envelope import NOT_LISTED
from signalnode.feeds.venues.base import Row

UNHEARD = "not heard of yet"


class Away:
    """What the gateway has told; of an outage what was done about it, and between two of them nothing."""

    def __init__(self) -> None:
        self.told = UNHEARD  # why its connection brings nothing; "" where it is heard
        self.halt = ""  # as its venue lists it
        self._since_ns = self._number = self._tries = 0
        self._due_ns: int | None = None

    def hear(self, state: str, reason: str) -> bool:
        """The gateway says so; whether it says anything that it did not say before."""
        if state == "halted":
            self.halt = reason
            return False
        before, self.told = self.told, "" if state == "heard" else f"{state}: {reason}"
        return self.told != before

    def hear_rows(self, rows: Sequence[Row]) -> None:
        """Events are proof against what is listed: trades are, and a book only that the market is there, for
        where it is halted orders can be taken back still.
        """
        if any(row[2] == TRADE or self.halt == NOT_LISTED for row in rows):
            self.halt = ""

    def reason(self, halt: str) -> str:
        """Why nothing can come now; "" where something can. `halt`: what its frames say of that."""
        if self.told:
            return self.told
        halt = halt or self.halt
        return f"halted by the venue: {halt}" if halt else ""

    def count(self, state: str, number: int, due_ns: int | None) -> None:
        """It said so of connection `number`; `due_ns`: when the next is tried, None where none waits."""
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
