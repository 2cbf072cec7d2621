"""A TCP proxy that can hold all bytes back without closing anything, as a network does whose other end is
gone: connections through it are half open then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from .threaded import Threaded

BYTES_MAX = 65_536  # at once


class Proxy(Threaded):
    """To `port` of this machine; `with Proxy(...)` has the port to connect to."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target, self.port = port, 0
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Let nothing through from now on."""
        self.loop.call_soon_threadsafe(self._open.clear)

    def release(self) -> None:
        """Let all through again, what was held first."""
        self.loop.call_soon_threadsafe(self._open.set)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """See `Threaded`."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._target)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(BYTES_MAX):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
