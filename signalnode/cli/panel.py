"""The panel beside `run`: `signalnode top` as a process of its own, told of events through a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any

from signalnode.settings import NodeSettings

EVENT_BYTES_MAX = 4_000  # written at one stroke: a pipe takes up to PIPE_BUF (4,096) whole or not at all
END_TIMEOUT_S = 3.0  # the panel draws once more and ends when its pipe closes; then it is killed


class Panel:
    """A panel for as long as the `with` block lasts.

    It is in a process group of its own, so that Ctrl-C reaches the node alone; it ends when the pipe closes,
    so it cannot outlive the node. A panel that is slow or gone loses events and never holds up the node.
    """

    def __init__(self, node: NodeSettings) -> None:
        command = [sys.executable, "-P", "-m", "signalnode", "top", "--events", "--config", str(node.path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        os.set_blocking(self._pipe, False)

    def tell(self, event: dict[str, Any]) -> None:
        """Pass one event on, without the traceback, which no panel shows and which would not fit; where the
        pipe is full or closed it is lost to the panel.
        """
        short = {key: value for key, value in event.items() if key != "trace"}
        try:
            os.write(self._pipe, json.dumps(short, default=str).encode()[:EVENT_BYTES_MAX] + b"\n")
        except OSError:
            return

    def __enter__(self) -> Panel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
