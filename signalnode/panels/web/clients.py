"""A browser that is connected: what waits to be sent to it, and what it looks at.

A board frame replaces the one before it, so whoever reads slowly gets the newest and misses the rest. The
page says how many have come: what lies unread in the buffers of sockets and proxies between here and there
would be old before it is seen, and nobody could tell.

All else comes in order and is bounded: a browser that leaves so much unread is let go, and comes again. So is
one that reads nothing at all, or it would hold its place for ever: a ping waits behind what is unread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from signalnode.panels.web.asked import REQUESTS_MAX, Asked
from signalnode.panels.web.connections import Connection

WAITING_MAX = 256  # messages beside the frame
UNSEEN_MAX = 2  # frames on their way to a browser that says which have come
UNREAD_S_MAX = 30.0  # no room for the next message for so long: nobody reads
TOO_SLOW = 1013  # "try again later", RFC 6455's registry


class Outbox:
    """What one browser is still to be sent. Pure."""

    def __init__(self) -> None:
        self.is_over = False  # more than there is room for came
        self._waiting: deque[str | bytes] = deque()
        self._frame: bytes | None = None
        self._sent = 0  # frames
        self._seen: int | None = None  # of them; None where nothing is said of it

    def put(self, message: str | bytes) -> None:
        """In its order, after what waits."""
        if len(self._waiting) >= WAITING_MAX:
            self.is_over = True
            return
        self._waiting.append(message)

    def put_frame(self, frame: bytes) -> None:
        """After all else, in place of the frame that waits."""
        self._frame = frame

    def put_first(self, frame: bytes) -> None:
        """The frame that whoever is new begins with, in its order."""
        self._sent += 1
        self.put(frame)

    def seen(self, count: int) -> None:
        """So many frames have come."""
        self._seen = min(count, self._sent)

    def take(self) -> str | bytes | None:
        """What to send next."""
        if self._waiting:
            return self._waiting.popleft()
        if self._frame is None or (self._seen is not None and self._sent - self._seen >= UNSEEN_MAX):
            return None
        frame, self._frame = self._frame, None
        self._sent += 1
        return frame


class Client:
    """One connection, with the market and the tab that it shows."""

    def __init__(self, connection: Connection) -> None:
        self.opened: str | None = None
        self.shows: str | None = None
        self.is_new = True  # told nothing so far
        self._connection = connection
        self._outbox = Outbox()
        self._wake = asyncio.Event()
        self._asked = 0

    def send(self, *messages: str | bytes) -> None:
        """Let these be sent, in this order."""
        for message in messages:
            self._outbox.put(message)
        self._wake.set()

    def begin(self, frame: bytes) -> None:
        """Let this frame be sent after what waits."""
        self._outbox.put_first(frame)
        self._wake.set()

    def send_frame(self, frame: bytes) -> None:
        """Let this be sent, unless a newer one comes before it can be."""
        self._outbox.put_frame(frame)
        self._wake.set()

    def take(self, request: Asked) -> bool:
        """Whether another market is open now; the rest of what the browser wants is noted."""
        if isinstance(request.show, str | None):
            self.shows = request.show
        if isinstance(request.seen, int):
            self._outbox.seen(request.seen)
            self._wake.set()
        if isinstance(request.open, str | None):
            self.opened = request.open
            return True
        return False

    def may_ask(self) -> bool:
        """Whether it has asked less than it may; `next_second` begins anew."""
        self._asked += 1
        return self._asked <= REQUESTS_MAX

    def next_second(self) -> None:
        """A second is over."""
        self._asked = 0

    async def write(self) -> None:
        """Send what there is to send, until the connection ends, or is cut off where nothing is read."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (message := self._outbox.take()) is not None:
                try:
                    async with asyncio.timeout(UNREAD_S_MAX):
                        if self._outbox.is_over:
                            await self._connection.close(TOO_SLOW, "you read too slowly")
                            return
                        await self._connection.send(message)
                except TimeoutError:
                    self._connection.cut_off()
                    return


def send_all(clients: Iterable[Client], *messages: str | bytes) -> None:
    """The same to each of them."""
    for client in clients:
        client.send(*messages)
