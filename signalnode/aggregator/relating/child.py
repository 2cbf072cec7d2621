"""The process that relates markets, seen from the aggregator: started, heard, and started again."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

from signalnode import logs
from signalnode.aggregator.measures.grid import grid_of
from signalnode.aggregator.relating.apart import Apart, relates_apart
from signalnode.aggregator.relating.frames import Frames
from signalnode.clock import NS_PER_S
from signalnode.settings import NodeSettings
from signalnode.settings.environment import environment_with

MODULE = "signalnode.aggregator.relating.process"
# A second thread of BLAS only waits for the first where others work: five times as long, measured.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
AGAIN_S, AGAIN_S_MAX = 0.5, 60.0  # from its end to its next start, twice as long each time
STABLE_S = 60.0  # after this it starts at once again
GRACE_S = 1.0
LOST_MAX = 600  # steps that it did not take, in a row: it hangs


def child_for(node: NodeSettings, log: logs.Logger) -> Child | None:
    """Whoever relates the markets of `node` apart; None where they are joined."""
    if not relates_apart(node.aggregator, len(node.markets)):
        return None
    return Child(Apart(list(node.markets), grid_of(node.aggregator)), log)


class Child:
    """Call `turn` often; it never waits."""

    def __init__(self, apart: Apart, log: logs.Logger) -> None:
        self.apart, self._log = apart, log
        self._process: subprocess.Popen[bytes] | None = None
        self._frames: Frames | None = None
        self._begun_ns = self._again_ns = 0
        self._again_s = AGAIN_S

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        return self._process.pid if self._process else None

    def turn(self, now_ns: int) -> None:
        """Take what it says, and start it where it is not there and may be."""
        if self._frames is None:
            if now_ns >= self._again_ns:
                self._start(now_ns)
            return
        try:
            self._frames.flush()
            for content in self._frames.receive():
                self.apart.hear(content)
            if self.apart.refused > LOST_MAX:
                raise EOFError("it takes nothing any more")  # noqa: TRY301
        except (EOFError, ValueError, KeyError) as error:
            self._end()
            if now_ns - self._begun_ns > STABLE_S * NS_PER_S:
                self._again_s = AGAIN_S
            self._log.warning(
                "relations are unknown: their process ended", reason=str(error), again_s=self._again_s
            )
            self._again_ns = now_ns + int(self._again_s * NS_PER_S)
            self._again_s = min(2 * self._again_s, AGAIN_S_MAX)

    def close(self) -> None:
        """End it."""
        self._end()

    def _start(self, now_ns: int) -> None:
        ours, theirs = socket.socketpair()
        self._begun_ns = now_ns
        command = [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=environment_with(**ONE_THREAD),
                    pass_fds=[theirs.fileno()],
                )
        except OSError as error:
            ours.close()
            self._log.warning("relations are unknown: no process for them", reason=error.strerror)
            self._again_ns = now_ns + int(AGAIN_S_MAX * NS_PER_S)
            return
        self._frames = Frames(ours)
        self.apart.begin(self._send)

    def _send(self, content: bytes) -> bool:
        with contextlib.suppress(EOFError):  # told at the next turn
            return self._frames is not None and self._frames.send(content)
        return False

    def _end(self) -> None:
        self.apart.away()
        if self._frames is not None:
            self._frames.close()
            self._frames = None
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
