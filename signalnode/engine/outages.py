"""What the log says of a live market's outages: of those that last, and of their ends. Pure."""

from __future__ import annotations

from signalnode.clock import NS_PER_S

# Before the gateway's first word, and before its first try: nobody knows yet whether the venue can be heard.
BEGINNINGS = frozenset({"not heard of yet", "lost: not connected yet"})
LASTING_S = 2.0  # a shorter one is told among the faults, and at a start not at all


class Outages:
    """Hears what stands in the way now, each time there is something to do."""

    def __init__(self) -> None:
        self.now = ""  # why nothing can come; "" where it can
        self.is_over = False  # none stands in the way, and that was told
        self._since_ns = 0
        self._told: str | None = None  # newest that was told; "" for none; None before the first word

    @property
    def is_known(self) -> bool:
        """Whether it is known why nothing can come: an outage that lasts, whose cause was told."""
        return bool(self._told) and self._told not in BEGINNINGS

    def hear(self, outage: str, now_ns: int) -> tuple[str, float] | None:
        """What is to be told: the outage, "" for its end, and how many seconds it has lasted; None where
        nothing is.
        """
        if outage and not self.now:
            self._since_ns = now_ns
        self.now, self.is_over = outage, not outage and self._told == ""
        lasted_s = (now_ns - self._since_ns) / NS_PER_S if self._since_ns else 0.0
        if outage == self._told or (outage and lasted_s < LASTING_S):
            return None
        self._told, self.is_over = outage, not outage
        return outage, lasted_s
