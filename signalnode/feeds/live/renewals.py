"""When a new image of a book is asked for. Pure; monotonic times."""

from __future__ import annotations

from signalnode.book import BookStatus
from signalnode.clock import NS_PER_S

RENEW_NS, RENEW_NS_MAX = 2 * NS_PER_S, 60 * NS_PER_S  # between two asks, twice as long each time
PATIENT = ("crossed", "thin")  # the next update may mend these


class Renewals:
    """A book without a sound image asks for one, at ever longer waits; crossed or thin, it waits first."""

    def __init__(self) -> None:
        self.due_ns = 0  # 0 since the last sound image, where nothing was asked for
        self._wait_ns = 0  # between the last ask and the next

    def rest(self) -> None:
        """There is a sound image, or nobody to ask."""
        self._wait_ns = self.due_ns = 0

    def begin_again(self) -> None:
        """Whatever was asked for is void: the next wait is the shortest."""
        self._wait_ns = 0

    def is_due(self, now_ns: int, status: BookStatus) -> bool:
        """Whether a book of that status asks now."""
        if status in PATIENT and not self._wait_ns:
            self.due_ns, self._wait_ns = now_ns + RENEW_NS, RENEW_NS
        if now_ns < self.due_ns:
            return False
        self._wait_ns = min(max(RENEW_NS, 2 * self._wait_ns), RENEW_NS_MAX)
        self.due_ns = now_ns + self._wait_ns
        return True
