"""A venue on a socket: WebSocket and REST on one port, with TLS where it is given.

The library hears of GET alone, so a POST is handed to it as one, with its body in a header.

`serving` is for who has a loop; `Running` runs a server in a thread of its own, and `do` lets a test reach
into the venue there.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from time import monotonic, time, time_ns
from typing import TypeVar

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Headers

from .protocol import protocol_of
from .threaded import Threaded
from .venue import Answer, Close, Peer, Venue

T = TypeVar("T")
BODY = "X-Body"  # of a POST
GONE = 1006  # what a client sees where no close frame comes
LENGTH = re.compile(rb"(?im)^content-length: *(\d+)\r\n")


class Server:
    """The venue called `name`, whose markets take `steps_per_s` steps."""

    def __init__(self, name: str, *, steps_per_s: float = 20.0, symbols: tuple[str, ...] = ()) -> None:
        begun = int(time() * 1_000)  # so that a venue started again repeats no number
        self.venue = Venue(protocol_of(name), symbols=symbols, begun=begun, now_s=monotonic())
        self._pause_s = 1.0 / steps_per_s
        self._news: dict[Peer, asyncio.Event] = {}
        self.ws_url = self.rest_url = ""

    @contextlib.asynccontextmanager
    async def serving(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        """Serve on this machine, at `ws_url` and `rest_url`."""
        protocol = self.venue.protocol
        async with serve(
            self._serve,
            "127.0.0.1",
            port,
            process_request=self._admit,
            create_connection=_Connection,
            ssl=tls,
            compression=None,
            ping_interval=protocol.ping_s,
            ping_timeout=protocol.pong_s,
        ) as server:
            host, secure = f"localhost:{server.sockets[0].getsockname()[1]}", "" if tls is None else "s"
            self.ws_url = f"ws{secure}://{host}{protocol.path}"
            self.rest_url = f"http{secure}://{host}{protocol.rest_path}"
            steps = asyncio.create_task(self._run())
            try:
                yield
            finally:
                steps.cancel()

    def flush(self) -> None:
        """Have what the venue put out be sent."""
        if not self.venue.script.frozen:
            for peer, news in self._news.items():
                if peer.out:
                    news.set()

    def _admit(self, _connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            answer = self.venue.refused(request.path)
        else:
            body = b64decode(request.headers.get(BODY, ""))
            answer = self.venue.answer(request.path, monotonic(), body)
        return None if answer is None else response(answer)

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        peer = self.venue.open(socket.request.path, monotonic())
        self._news[peer] = asyncio.Event()
        sends = asyncio.create_task(self._send(peer, socket))
        try:
            self.flush()
            async for frame in socket:
                data = frame.encode() if isinstance(frame, str) else frame
                self.venue.on_frame(peer, data, monotonic())
                self.flush()
        except ConnectionClosed:
            pass
        finally:
            self.venue.on_closed(peer)
            del self._news[peer]
            sends.cancel()

    async def _send(self, peer: Peer, socket: ServerConnection) -> None:
        news = self._news[peer]
        with contextlib.suppress(ConnectionClosed):
            while True:
                await news.wait()
                news.clear()
                while peer.out and not self.venue.script.frozen:
                    out = peer.out.popleft()
                    if isinstance(out, Close) and out.code == GONE:
                        socket.transport.abort()
                    elif isinstance(out, Close):
                        await socket.close(out.code, out.reason[:120])
                    else:
                        await socket.send(out, text=True)

    async def _run(self) -> None:
        next_s = monotonic()
        while True:
            next_s = max(next_s + self._pause_s, monotonic() - 1.0)  # a slow machine is not caught up with
            await asyncio.sleep(next_s - monotonic())
            if not self.venue.script.frozen:
                self.venue.step(time_ns())
                self.venue.on_time(monotonic())
                self.flush()


class _Connection(ServerConnection):
    """Turns a POST into what the library takes; see the module."""

    posted = b""

    def data_received(self, data: bytes) -> None:
        if not self.posted and not data.startswith(b"POST "):
            super().data_received(data)
            return
        self.posted += data
        head, end, body = self.posted.partition(b"\r\n\r\n")
        length = LENGTH.search(head + b"\r\n")
        if end and length is not None and len(body) >= int(length[1]):
            asked = LENGTH.sub(b"", head + b"\r\n").replace(b"POST", b"GET", 1)
            self.posted = b""
            super().data_received(asked + f"{BODY}: ".encode() + b64encode(body) + b"\r\n\r\n")


class Running(Threaded):
    """Servers in one thread with a loop of their own; `with Running(...)`."""

    def __init__(self, *servers: Server, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.servers, self._tls = servers, tls

    def do(self, work: Callable[[], T]) -> T:
        """Call `work` in the servers' thread, and send what came of it."""

        async def call() -> T:
            done = work()
            for server in self.servers:
                server.flush()
            return done

        return self.await_there(call())

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """All of them."""
        async with contextlib.AsyncExitStack() as stack:
            for server in self.servers:
                await stack.enter_async_context(server.serving(tls=self._tls))
            yield


def response(answer: Answer) -> Response:
    """Of HTTP/1.1."""
    headers = Headers({"Content-Length": str(len(answer.body)), "Connection": "close"})
    for name, value in answer.headers:
        headers[name] = value
    return Response(answer.status, HTTPStatus(answer.status).phrase, headers, answer.body)
