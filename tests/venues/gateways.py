"""Real gateway processes for tests, forked of one process that has loaded what they need."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from signalnode.clock import NS_PER_MS, pause

from .server import Server

FORKS = """
import json, os, signal, sys
from pathlib import Path
import numpy, uvloop, websockets.asyncio.client, zmq
from signalnode.feeds.live import connection, gateway
class Link:
    def __init__(self, args): self.relieves, self.file = args["relieves"], Path(args["ready"])
    def ready(self, **facts): self.file.touch()
    def beat(self, **facts): pass
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    args = json.loads(line)
    pid = os.fork()
    if not pid:
        os.environ |= args["environment"]
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os._exit(gateway.main(Link(args), args))
    print(pid, flush=True)
"""


def gateway_name(venue: str) -> str:
    """As a node calls it."""
    return f"gateway.{venue}"


class Gateways:
    """Starts them, and kills them at the end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
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
        assert self._process.stdin is not None
        assert self._process.stdout is not None
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
        self._process.stdin.write(json.dumps(args) + "\n")
        self._process.stdin.flush()
        self.pids[name] = int(self._process.stdout.readline())
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
    command = [sys.executable, "-c", FORKS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        started = Gateways(process)
        try:
            yield started
        finally:
            started.kill_all()
