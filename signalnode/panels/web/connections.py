"""A connection from its first byte on, long before it is a browser's: one of a few, and not for long.

Who says nothing, or reads no answer, would otherwise hold a place that Prometheus needs. So the newest always
has one, and the oldest of those that are no browser's goes for it.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from websockets.asyncio.server import ServerConnection

PENDING_MAX = 256  # connections that say nothing, ask or are answered
ANSWERED_S_MAX = 30.0  # a file of the page that takes longer is not read


class Connection(ServerConnection):
    """One that is counted until it is a browser's, for browsers are counted by `clients_max`."""

    pending: ClassVar[dict[Connection, asyncio.TimerHandle]] = {}  # the oldest first

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self.pending) >= PENDING_MAX:
            next(iter(self.pending)).cut_off()
        self.pending[self] = self.loop.call_later(ANSWERED_S_MAX, self.cut_off)

    def connection_lost(self, exc: Exception | None) -> None:
        self.settle()
        super().connection_lost(exc)

    def settle(self) -> None:
        """It is a browser's, or over."""
        timer = self.pending.pop(self, None)
        if timer is not None:
            timer.cancel()

    def cut_off(self) -> None:
        """End it now, whatever is still to be sent."""
        self.settle()
        self.transport.abort()
