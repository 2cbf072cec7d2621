"""What waits for one browser, and what it may ask."""

from __future__ import annotations

import asyncio
import socket

import pytest
from websockets.asyncio.server import ServerConnection, serve

from signalnode import logs
from signalnode.panels.web import clients
from signalnode.panels.web.asked import Asked, asked
from signalnode.panels.web.clients import UNSEEN_MAX, WAITING_MAX, Client, Outbox
from signalnode.panels.web.connections import Connection
from tests.effort import PATIENCE_S

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LARGE = bytes(16_000_000)  # more than the buffers of two sockets hold


def test_whoever_reads_slowly_gets_the_newest_frame_after_all_else() -> None:
    outbox = Outbox()
    outbox.put_frame(b"old")
    outbox.put("decision")
    outbox.put_frame(b"new")
    assert [outbox.take(), outbox.take(), outbox.take()] == ["decision", b"new", None]


def test_whoever_says_what_has_come_has_few_frames_on_their_way() -> None:
    """What lay unread between here and there would be old before it is seen."""
    outbox = Outbox()
    outbox.put_first(b"0")
    outbox.seen(0)
    sent = []
    for at in range(1, 20):
        outbox.put_frame(str(at).encode())
        sent.append(outbox.take())
    assert sent == [b"0", b"2", *[None] * 17]
    outbox.seen(2)
    assert [outbox.take(), outbox.take()] == [b"19", None]
    outbox.put_frame(b"20")
    outbox.put("decision")
    assert [outbox.take(), outbox.take(), outbox.take()] == ["decision", b"20", None]
    outbox.seen(2**53)  # of no page of ours: no more than were sent
    for at in range(UNSEEN_MAX + 1):
        outbox.put_frame(str(at).encode())
        outbox.take()
    outbox.put_frame(b"last")
    assert outbox.take() is None


def test_whoever_does_not_read_at_all_is_let_go() -> None:
    outbox = Outbox()
    for n in range(WAITING_MAX + 1):
        assert not outbox.is_over
        outbox.put(str(n))
    assert outbox.is_over


def test_whoever_reads_nothing_gives_up_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "UNREAD_S_MAX", 0.05)

    async def run() -> None:
        ended = asyncio.Event()

        async def serve_client(connection: ServerConnection) -> None:
            assert isinstance(connection, Connection)
            client = Client(connection)
            client.send(LARGE)
            await client.write()
            await connection.wait_closed()
            ended.set()

        async with serve(
            serve_client, "127.0.0.1", 0, create_connection=Connection, logger=logs.silent()
        ) as server:
            host, port = server.sockets[0].getsockname()
            with socket.create_connection((host, port)) as browser:
                browser.sendall(HANDSHAKE)
                await asyncio.wait_for(ended.wait(), PATIENCE_S)

    asyncio.run(run())


def test_a_request_is_one_of_the_pages_own() -> None:
    assert asked('{"open": "BTC-USD", "id": 3}') == Asked(open="BTC-USD", id=3)
    closing = asked('{"open": null}')
    assert closing is not None
    assert closing.open is None
    assert asked('{"seen": 7}') == Asked(seen=7)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "{",
        '{"open": 5}',
        '{"open": "A", "verb": "stop"}',
        '{"show": "x"}',
        b"\xff",
        "[" * 900,
        '{"id": -1}',
        '{"seen": -1}',
        '{"seen": null}',
    ],
)
def test_anything_else_is_none(message: str | bytes) -> None:
    assert asked(message) is None
