"""What is told of a real socket."""

from __future__ import annotations

import asyncio
import re
import socket
from functools import partial
from random import Random
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.uri import parse_uri
from websockets.utils import accept_key

from signalnode.feeds.live.actions import Fetch, Tell
from signalnode.feeds.live.budget import Budget
from signalnode.feeds.live.connection import PING_S, PONG_S, Connections, Urls
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.reasons import UNANSWERED, reason_of
from signalnode.feeds.live.relief import Crew, Relief
from signalnode.feeds.live.sessions import venue_of
from signalnode.feeds.live.websocket import Socket
from signalnode.settings import LIVE_VENUES

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


@pytest.mark.parametrize("name", LIVE_VENUES)
def test_a_peer_is_pinged_by_the_protocol_or_in_the_venues_own_words_and_frames_are_bounded(name, tmp_path):
    words = venue_of(name)
    pool = Pool(words, Random(1))
    relief = Relief(pool, Crew(*[lambda: None] * 4), None)
    budget = Budget(tmp_path / "budget", words.limits)
    dialled = Connections(pool, Urls("ws://127.0.0.1:1", ""), None, budget, relief)._dialled("")  # type: ignore[arg-type]

    async def made() -> Socket:
        found = dialled.protocol_factory(parse_uri("ws://127.0.0.1:1"))
        assert isinstance(found, Socket)
        return found

    socket = asyncio.run(made())
    assert (socket.ping_interval, socket.ping_timeout) == (PING_S if words.ping is None else None, PONG_S)
    assert socket.protocol.max_message_size == words.limits.frame_bytes_max


class Told:
    """An outlet of which only what was told is looked at."""

    fd = -1

    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, symbol: str, _number: int, told: Tell, _next_try_ns: int | None = None) -> None:
        self.told.append(f"{symbol} {told.state}: {told.reason}")

    def address(self, symbol: str, number: int, url: str) -> None:
        """Where it goes is no matter."""


@pytest.mark.parametrize("what", ["connection", "fetch"])
def test_a_fault_that_nobody_thought_of_is_told_and_tried_again(what, tmp_path, monkeypatch):
    words, outlet = venue_of("binance"), Told()
    pool = Pool(words, Random(1))
    relief = Relief(pool, Crew(*[lambda: None] * 4), None)
    made: Any = Connections(
        pool,
        Urls("ws://127.0.0.1:1", "http://127.0.0.1:1"),
        outlet,  # type: ignore[arg-type]
        Budget(tmp_path / "budget", words.limits),
        relief,
    )

    def broken(*_: object, **__: object) -> object:
        raise TypeError("of our own")

    async def work() -> None:
        made._do(pool.want("BTCUSDT"))
        (session,), slot = pool.sessions, 0
        if what == "connection":
            made._do(pool.on_time(pool.due_ns() or 0))
            await asyncio.gather(*made._tasks)
            assert session.state == "resting"
        else:
            session.on_opened(1)
            answers = []
            monkeypatch.setattr(
                session, "on_answer", lambda *a, **k: answers.append((a[1], k["reason"])) or []
            )
            await made._fetch(slot, Fetch("BTCUSDT", "/depth", 1))
            outlet.told = [f"{status} {reason}" for status, reason in answers]
        if made._timer is not None:
            made._timer.cancel()
        for task in made._tasks:
            task.cancel()

    monkeypatch.setattr(made, "_dialled", broken)
    monkeypatch.setattr("signalnode.feeds.live.connection.fetch_rest", broken)
    asyncio.run(work())
    assert "TypeError: of our own" in outlet.told[-1]


def test_every_message_is_handed_over_whole_and_in_order_and_then_the_end_is_told():
    messages = ["at once", "in parts", b"bytes", "", "last"]

    async def venue(client: ServerConnection) -> None:
        await client.send(messages[0])
        await client.recv()
        await client.send(["in ", "", "parts"])
        for message in messages[2:]:
            await client.send(message)
        await client.close(1012, "restart")

    async def run() -> tuple[list[bytes], str]:
        heard: list[bytes] = []
        async with serve(venue, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with connect(url, create_connection=partial(Socket, bytes_max=1_000)) as client:
                await asyncio.sleep(0.02)  # what comes before anybody takes it is kept
                await client.send("go on")
                with pytest.raises(ConnectionClosed) as closed:
                    await client.hand_over(heard.extend)
        return heard, reason_of(closed.value)

    heard, reason = asyncio.run(run())
    assert heard == [message if isinstance(message, bytes) else message.encode() for message in messages]
    assert "1012" in reason
