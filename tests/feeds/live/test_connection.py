"""What is told of a real socket."""

from __future__ import annotations

import asyncio
import re
import socket

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

from signalnode.feeds.live.reasons import UNANSWERED, reason_of

from . import sockets


def test_a_peer_that_answers_no_ping_is_told():
    def deaf(stream: socket.socket) -> None:
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", sockets.head_of(stream))
        assert key is not None
        yes = "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        stream.sendall(f"{yes}{accept_key(key[1].decode())}\r\n\r\n".encode())
        sockets.silent(stream)

    async def until_closed(port: int) -> ConnectionClosed:
        dialled = connect(f"ws://127.0.0.1:{port}", ping_interval=0.01, ping_timeout=0.01, close_timeout=0.01)
        async with dialled as venue:
            try:
                await venue.recv()
            except ConnectionClosed as error:
                return error
        raise AssertionError("something came")

    with sockets.listening(deaf) as port:
        assert reason_of(asyncio.run(until_closed(port))) == UNANSWERED
