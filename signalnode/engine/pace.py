"""How fast a recording's time goes by: kernel time as a function of the monotonic clock."""

from __future__ import annotations


class Pace:
    """`speed` seconds of kernel time pass in a second; 0 means no pace at all, as fast as possible.

    Time starts when `start` is called, and again wherever the feed is sought to: a restarted engine goes on
    where its feed stood.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._kernel_ns = 0
        self._monotonic_ns = 0

    def start(self, kernel_ns: int, now_ns: int) -> None:
        """Let kernel time be `kernel_ns` at monotonic time `now_ns`."""
        self._kernel_ns, self._monotonic_ns = kernel_ns, now_ns

    def kernel_at(self, now_ns: int) -> int | None:
        """Kernel time at monotonic time `now_ns`; None without a pace."""
        if self.speed == 0:
            return None
        return self._kernel_ns + int((now_ns - self._monotonic_ns) * self.speed)

    def due_at(self, kernel_ns: int) -> int:
        """Monotonic time at which kernel time reaches `kernel_ns`; the start itself without a pace."""
        if self.speed == 0:
            return self._monotonic_ns
        return self._monotonic_ns + int((kernel_ns - self._kernel_ns) / self.speed)
