"""Why a market is not heard, as its engine knows: since when, after how many tries, and when the next is due.
Pure; kernel times.
"""

from __future__ import annotations

from collections.abc import Sequence

from signalnode.clock import NS_PER_MS
from signalnode.events import TRADE
from signalnode.feeds.base import Tried
from signalnode.feeds.live.envelope import ANNOUNCED, MAINTAINED, NOT_LISTED
from signalnode.feeds.venues.base import Row

UNHEARD = "not heard of yet"

UNTRIED = Tried()  # in no outage


class Away:
    """What the gateway has told; of an outage what was done about it, and between two of them nothing."""

    def __init__(self) -> None:
        self.told = UNHEARD  # why its connection brings nothing; "" where it is heard
        self._halt = ""  # as its venue lists it
        self._announced = ""  # by the venue of all its markets: maintenance, say
        self.is_halted = False  # whether one of these is why nothing trades; trades are proof against both
        self._is_maintained = False
        self._since_ns = self._number = self._tries = 0
        self._due_ns: int | None = None

    def hear(self, state: str, reason: str) -> bool:
        """The gateway says so; whether it says anything else of its connection than before."""
        if state == "halted":
            self._halt = reason
        elif state in ANNOUNCED:
            self._announced, self._is_maintained = reason, state == MAINTAINED
        self.is_halted = bool(self._halt) or self._is_maintained
        if state == "halted" or state in ANNOUNCED:
            return False
        before, self.told = self.told, "" if state == "heard" else f"{state}: {reason}"
        return self.told != before

    def hear_rows(self, rows: Sequence[Row]) -> None:
        """Events are proof against what is listed or announced: trades are, a book only that the market is
        there, for where it is halted orders can be taken back still.
        """
        if any(row[2] == TRADE or self._halt == NOT_LISTED for row in rows):
            self._halt, self.is_halted, self._is_maintained = "", False, False

    def reason(self, halt: str) -> str:
        """Why nothing can come now; "" where something can. `halt`: what its frames say of that."""
        halt = halt or self._halt
        said = self.told or (halt and f"halted by the venue: {halt}")
        if said and self._announced and self._announced != halt:
            return f"{said}; venue {self._announced}"
        return said or (f"halted by the venue: {self._announced}" if self._is_maintained else "")

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
            return UNTRIED
        due_ms = None if self._due_ns is None else max(0, self._due_ns - at_ns) // NS_PER_MS
        return Tried(max(0, at_ns - self._since_ns) // NS_PER_MS, self._tries, due_ms)
