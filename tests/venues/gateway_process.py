"""A process that gateways of tests are forked from: it has loaded what they need."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop  # noqa: F401 - with all that a gateway imports when it begins
import websockets.asyncio.client  # noqa: F401

from signalnode.feeds.live import connection, gateway, pool, relief  # noqa: F401

OVERLAP_S = 1.0  # updates are numbered at the venues that hand over here, so nobody waits to be sure of more


class _Link:
    """To no supervisor; `ready` makes the file that says so."""

    def __init__(self, args: Mapping[str, Any]) -> None:
        self.relieves, self.file = args["relieves"], Path(args["ready"])

    def ready(self, **_facts: object) -> None:
        self.file.touch()

    def beat(self, **_facts: object) -> None:
        """Nobody listens."""


def fork_gateways(line: Connection) -> None:
    """One for each `args` that come, whose pid is the answer; to the end of `line`."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            args = line.recv()
        except EOFError:
            return
        pid = os.fork()
        if not pid:
            line.close()
            _write_to(Path(args["ready"]).with_suffix(".log"))
            os.environ.update(args["environment"])
            pool.OVERLAP_S = relief.OVERLAP_S = OVERLAP_S
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(gateway.main(_Link(args), args))  # type: ignore[arg-type]
        line.send(pid)


def _write_to(log: Path) -> None:
    """What it says goes there, for whoever looks into a test that failed."""
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
