"""What the page's process hears of the bus: `panels.hearing.Hearing`, on the event loop.

Its descriptor is edge-triggered (ZMQ_FD in zmq_getsockopt(3)), so `look` is called from a timer as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import zmq

from signalnode.bus.wire import Message
from signalnode.panels.hearing import Hearing


class Ears(Hearing):
    """`stirred` is set when it is time to look."""

    def __init__(self, endpoint: str, keys: Path | None) -> None:
        super().__init__(endpoint, keys)
        self.stirred = asyncio.Event()
        self.fd = int(self._socket.getsockopt(zmq.FD))
        asyncio.get_running_loop().add_reader(self.fd, self.stirred.set)

    def look(self) -> Iterator[Message]:
        """As `Hearing` does; where that may have left some, it is time to look again."""
        yield from super().look()
        if self._socket.poll(0):
            self.stirred.set()

    def close(self) -> None:
        """Let go of the socket."""
        asyncio.get_running_loop().remove_reader(self.fd)
        super().close()
