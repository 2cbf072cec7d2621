"""What serves, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Self, TypeVar

T = TypeVar("T")
WAIT_S = 180.0  # on a busy machine


class Threaded:
    """Serves between `with` and its end, as `serving` says; what it needs is made in that."""

    def __init__(self) -> None:
        self.loop, self._up = asyncio.new_event_loop(), threading.Event()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),))

    def serving(self) -> AbstractAsyncContextManager[Any]:
        """Serve from its beginning to its end."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WAIT_S)
        self.loop.close()

    def await_there(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` gives, awaited in the thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    async def _serve(self) -> None:
        async with self.serving():
            self._up.set()
            await self._stopped.wait()
