"""Who holds connections and does nothing with them takes nobody's place."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from signalnode import logs
from signalnode.panels.web import connections
from signalnode.panels.web.pages import response
from tests.effort import PATIENCE_S

MANY = 4
LARGE = bytes(8_000_000)  # more than the buffers of a socket hold


async def _answer(_connection: ServerConnection, request: Request) -> Response:
    return response(HTTPStatus.OK, LARGE if request.path == "/large" else b"ok\n")


async def _nothing(_connection: ServerConnection) -> None:
    pass


async def asked(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    finally:
        writer.close()


async def hold(port: int, request: bytes) -> None:
    """As many connections as there may be, and more, that say just this and read nothing; then one asks."""
    held = []
    for _ in range(3 * MANY):
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(request)
        held.append(stream)
        await asyncio.sleep(0)
    try:
        assert (await asked(port, "/")).endswith(b"\r\n\r\nok\n")
        assert len(connections.Connection.pending) <= MANY
    finally:
        for stream in held:
            stream.close()


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_the_newest_is_answered_however_many_wait_or_do_not_read(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PENDING_MAX", MANY)

    async def run() -> None:
        made = connections.Connection
        async with serve(
            _nothing, "127.0.0.1", 0, process_request=_answer, create_connection=made, logger=logs.silent()
        ) as server:
            await hold(server.sockets[0].getsockname()[1], said)

    asyncio.run(run())
    assert not connections.Connection.pending


def test_who_reads_no_answer_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def answer(connection: ServerConnection, request: Request) -> Response:
        seen.put_nowait(connection)
        return await _answer(connection, request)

    async def run() -> None:
        made, loop = connections.Connection, asyncio.get_running_loop()
        async with serve(
            _nothing,
            "127.0.0.1",
            0,
            process_request=answer,
            create_connection=made,
            open_timeout=None,  # which would end it as well
            logger=logs.silent(),
        ) as server:
            place = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*place, limit=1)
            with contextlib.closing(writer):  # also where this fails, or the server would wait for it
                writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                asked = await asyncio.wait_for(seen.get(), PATIENCE_S)
                # The time is over once it is being answered, however long that took here.
                now = loop.time
                monkeypatch.setattr(loop, "time", lambda: now() + connections.ANSWERED_S_MAX)
                await asyncio.wait_for(asked.wait_closed(), PATIENCE_S)
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await reader.readexactly(len(LARGE))

    asyncio.run(run())
