"""Kernel time, in which events stand, as a function of monotonic time, in which processes wait.

`speed` seconds of the one pass in a second of the other. It reads no clock: the monotonic time is passed in.
"""

from __future__ import annotations


class KernelClock:
    """Set by `start`; `speed` 0 lets events come as fast as they can be taken.

    A restarted engine sets it to where its feed stands, so no time is missed and none is seen twice.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._kernel_ns = 0
        self._monotonic_ns = 0

    def start(self, kernel_ns: int, now_ns: int) -> None:
        """Let kernel time be `kernel_ns` at monotonic time `now_ns`."""
        self._kernel_ns, self._monotonic_ns = kernel_ns, now_ns

    def kernel_at(self, now_ns: int) -> int | None:
        """Kernel time at monotonic time `now_ns`; None at `speed` 0, where all of it has come."""
        if self.speed == 0:
            return None
        return self._kernel_ns + int((now_ns - self._monotonic_ns) * self.speed)

    def due_at(self, kernel_ns: int) -> int:
        """Monotonic time at which kernel time reaches `kernel_ns`; the start itself at `speed` 0."""
        if self.speed == 0:
            return self._monotonic_ns
        return self._monotonic_ns + int((kernel_ns - self._kernel_ns) / self.speed)
