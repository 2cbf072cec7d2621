"""A TCP proxy that can hold all bytes back without closing anything, as a network does whose other end is
gone: connections through it are half open then.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading

from .server import WAIT_S

BYTES_MAX = 65_536  # at once


class Proxy:
    """To `port` of this machine, in a thread of its own; `with Proxy(...)` has the port to connect to."""

    def __init__(self, port: int) -> None:
        self._target, self.port = port, 0
        self._loop, self._up, self._stopped = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._up.wait(WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WAIT_S)
        self._loop.close()

    def hold(self) -> None:
        """Let nothing through from now on."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def release(self) -> None:
        """Let all through again, what was held first."""
        self._loop.call_soon_threadsafe(self._open.set)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stopped.wait()
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
