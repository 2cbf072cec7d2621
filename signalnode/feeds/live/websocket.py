"""A WebSocket that hands its messages over, and follows no redirect: what we make of the library's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, Frame

from signalnode.feeds.live.wsframes import Cutter


class Socket(ClientConnection):
    """Hands each message over as soon as it is read. The library's parser, its queue, and the way to who
    waits at the queue's end took more time than all that is done with a message; they have what is none.
    """

    def __init__(self, protocol: ClientProtocol, *, bytes_max: int, **settings: Any) -> None:
        super().__init__(protocol, **settings)
        self._take: Callable[[list[bytes]], None] | None = None
        self._cutter = Cutter(bytes_max)
        self._messages: list[bytes] = []  # that nobody has taken yet
        self._parts: list[Frame] = []  # of a message that is not whole yet

    async def hand_over(self, take: Callable[[list[bytes]], None]) -> None:
        """Give `take` what has come, one message or more, until ConnectionClosed is raised."""
        self._take = take
        self._pass_on()
        await self.recv()  # where nothing is put by any more

    def data_received(self, data: bytes) -> None:
        at, size = 0, len(data)
        while self.response is None and at < size:  # line by line: none of it reaches behind the handshake
            end = data.find(b"\n", at) + 1 or size
            super().data_received(data[at:end])
            at = end
        for is_message, piece in self._cutter.cut(data[at:] if at else data):
            if is_message:
                self._messages.append(piece)
            else:
                self._pass_on()  # what came before a close is told before it
                super().data_received(piece)
        self._pass_on()

    def process_event(self, event: Any) -> None:
        if self.response is None or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        self._parts.append(event)
        if event.fin:
            parts, self._parts = self._parts, []
            self._messages.append(b"".join(part.data for part in parts))

    def _pass_on(self) -> None:
        if self._messages and self._take is not None:
            messages, self._messages = self._messages, []
            self._take(messages)


class Dial(connect):
    """A redirect is an answer like any other: followed, it would cost connects and may lead elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc
