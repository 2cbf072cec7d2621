"""Real gateway processes for tests, forked of one process that has loaded what they need."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from signalnode.clock import NS_PER_MS, pause
from tests.forked import begin, context

from .gateway_process import fork_gateways
from .server import Server


def gateway_name(venue: str) -> str:
    """As a node calls it."""
    return f"gateway.{venue}"


class Gateways:
    """Starts them, and kills them at the end."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self.pids: dict[str, int] = {}  # by venue; of the newest
        self._all: list[int] = []

    def start(
        self,
        server: Server,
        directory: Path,
        environment: Mapping[str, str],
        *,
        url: str = "",
        relieves: int | None = None,
        by: str = "",
    ) -> Path:
        """One for a server's venue, or one called otherwise `by` somebody, in `directory`; `url` where it is
        not the server's own. Returns the file that is there once it is ready.
        """
        name = by or server.venue.protocol.name
        args = {
            "gateway": gateway_name(name),
            "venue": name,
            "ws_url": url or server.ws_url,
            "rest_url": server.rest_url,
            "runtime_dir": str(directory),
            "environment": dict(environment),
            "relieves": relieves,
            "ready": str(directory / f"{name}-{len(self._all)}.ready"),
        }
        self._line.send(args)
        self.pids[name] = self._line.recv()
        self._all.append(self.pids[name])
        return Path(args["ready"])

    def kill(self, venue: str) -> None:
        """At once, as the kernel does; it is gone when this returns."""
        _end(self.pids[venue])

    def end(self, pid: int) -> None:
        """As a supervisor does it; it is gone when this returns."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            while True:
                os.kill(pid, 0)
                pause(NS_PER_MS)

    def kill_all(self) -> None:
        """Those of this test."""
        for pid in self._all:
            _end(pid)
        self._all.clear()


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # whoever forked it takes no word of its end
        while True:
            os.kill(pid, signal.SIGKILL)
            pause(NS_PER_MS)


@contextlib.contextmanager
def gateways() -> Iterator[Gateways]:
    """What starts gateways; they end with it."""
    ours, theirs = context.Pipe()
    process = context.Process(target=fork_gateways, args=(theirs,), daemon=True)
    begin()
    process.start()
    theirs.close()
    with ours:
        started = Gateways(ours)
        try:
            yield started
        finally:
            started.kill_all()
    process.join()
