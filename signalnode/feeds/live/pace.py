"""How fast one connection may send: the "virtual scheduling" of ITU-T I.371, its generic cell rate algorithm.

After a rest `Limits.sends_at_once` messages go together, and each later one waits for its turn.
"""

from __future__ import annotations

from signalnode.feeds.live.actions import ns_of
from signalnode.feeds.live.sessions.base import Limits


class Pace:
    """Times are monotonic, in ns. It outlives the connection: a venue may count what went before."""

    def __init__(self, limits: Limits) -> None:
        self._turn_ns = ns_of(1.0 / limits.sends_per_s)
        self._saved_ns = (limits.sends_at_once - 1) * self._turn_ns  # that a rest saves up at most
        self.due_ns = 0  # before which nothing may be sent

    def take(self, now_ns: int) -> None:
        """One message goes; where it cannot wait, others wait for it."""
        self.due_ns = max(self.due_ns, now_ns - self._saved_ns) + self._turn_ns
