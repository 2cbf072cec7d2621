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
        self._take: Callable[[bytes], None] | None = None
        self._cutter = Cutter(bytes_max)
        self._early: list[bytes] = []  # that came before anybody takes them
        self._parts: list[Frame] = []  # of a message that is not whole yet

    async def hand_over(self, take: Callable[[bytes], None]) -> None:
        """Give `take` every message until the connection is gone. Raises ConnectionClosed."""
        early, self._early, self._take = self._early, [], take
        for message in early:
            take(message)
        await self.recv()  # where nothing is put by any more

    def data_received(self, data: bytes) -> None:
        at = 0
        while self.response is None and at < len(
            data
        ):  # line by line: none of it reaches behind the handshake
            end = data.find(b"\n", at) + 1 or len(data)
            super().data_received(data[at:end])
            at = end
        for is_message, piece in self._cutter.cut(data[at:] if at else data):
            if is_message:
                self._on_message(piece)
            else:
                super().data_received(piece)

    def process_event(self, event: Any) -> None:
        if self.response is None or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        self._parts.append(event)
        if event.fin:
            parts, self._parts = self._parts, []
            self._on_message(b"".join(part.data for part in parts))

    def _on_message(self, message: bytes) -> None:
        if self._take is None:
            self._early.append(message)
        else:
            self._take(message)


class Dial(connect):
    """A redirect is an answer like any other: followed, it would cost connects and may lead elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc
