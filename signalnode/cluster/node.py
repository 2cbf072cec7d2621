"""The node of a shard: `signalnode run` as a child of the actor, which ends with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, pause
from signalnode.errors import ClusterError
from signalnode.files import PRIVATE_FILE
from signalnode.settings.environment import environment_without
from signalnode_supervisor.control import TIMEOUT_S, request
from signalnode_supervisor.errors import SupervisorError
from signalnode_supervisor.linux.kernel import become_subreaper
from signalnode_supervisor.linux.procfs import own_children

START_S_MAX = 60.0  # until it answers
LOOK_S_MAX = 1.0  # for how its markets stand; the coordinator thinks a shard lost that is silent for longer
END_S_MAX = 30.0
LOOK_NS = 20 * NS_PER_MS
NOT_OURS = ("RAY_", "PYTHONPATH", "OMP_NUM_THREADS")  # what Ray puts into the environment of its workers

# Not `preexec_fn`: who starts it has threads. What it becomes keeps the signal.
_BOUND = """
import os, signal, sys
from signalnode_supervisor.linux.kernel import die_with_parent
die_with_parent(signal.SIGTERM)
os.getppid() == int(sys.argv[1]) or sys.exit("who started this has ended")
os.execv(sys.executable, [sys.executable, "-P", *sys.argv[2:]])
"""


def bound(*words: str) -> list[str]:
    """The command for Python: a child that gets SIGTERM when the thread ends that starts it."""
    return [sys.executable, "-P", "-c", _BOUND, str(os.getpid()), *words]


def take_orphans() -> None:
    """From now on whatever is started below this process, and loses its parent, is this one's child."""
    become_subreaper()


def end_children(wait_s: float) -> None:
    """End all children, and those whose parents have ended: SIGTERM to each, SIGKILL to who takes longer."""
    until_ns, told = monotonic_ns() + int(wait_s * NS_PER_S), set[int]()
    while children := own_children():
        is_late = monotonic_ns() > until_ns
        for pid in children:
            if is_late or pid not in told:
                told.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if is_late else signal.SIGTERM)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        pause(LOOK_NS)


class ChildNode:
    """Its methods raise ClusterError; `start` is called once, in a thread that lives as long as the node."""

    def __init__(self, config: Path, control: Path, output: Path) -> None:
        self._config, self._control, self._output = config, control, output
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it answers."""
        environment = environment_without(*NOT_OURS)
        file = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            self._process = subprocess.Popen(
                bound("-m", "signalnode", "run", "--config", str(self._config)),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(file)
        until_ns = monotonic_ns() + int(START_S_MAX * NS_PER_S)
        while not self._is_answering():
            if self.has_ended:
                raise ClusterError(f"its node did not start: {self._last_line()}")
            if monotonic_ns() > until_ns:
                raise ClusterError(f"its node does not answer within {START_S_MAX:g} s; see {self._output}")
            pause(LOOK_NS)

    def children(self) -> list[dict[str, Any]]:
        """As in `status --json`."""
        found: list[dict[str, Any]] = self._asked("status", LOOK_S_MAX)["children"]
        return found

    def reload(self) -> None:
        """Have it read its config again."""
        self._asked("reload", TIMEOUT_S)

    def end(self) -> None:
        """Stop it, checkpoints last; returns when it has gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def has_ended(self) -> bool:
        """Whether its process is gone."""
        return self._process is not None and self._process.poll() is not None

    def _is_answering(self) -> bool:
        try:
            self._asked("ping", LOOK_S_MAX)
        except ClusterError:
            return False
        return True

    def _asked(self, verb: str, wait_s: float) -> dict[str, Any]:
        try:
            return request(self._control, verb, (), wait_s)
        except SupervisorError as error:
            raise ClusterError(f"its node, asked to {verb}: {error}") from None

    def _last_line(self) -> str:
        try:
            lines = self._output.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else f"it said nothing; see {self._output}"
