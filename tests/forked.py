"""Programs as processes of their own, forked from one that has loaded what they need, as a node's are.

Each is a process like any other: it has a number, is killed, and ends with a status. From nothing it would
take half a second of a processor, nearly all of it for what it imports.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver, popen_forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

from tests.supervisor.forking import room_for_a_mark

Told = tuple[Connection, Connection]
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.preloaded"])

# Where a program needs the supervisor alone: a tenth of the memory, which each of its many forks copies.
small: Any = forkserver.ForkServer()
small.set_forkserver_preload(["tests.supervisor.preloaded"])


class _SmallPopen(popen_forkserver.Popen):
    """`multiprocessing` asks its one fork server by name: here that name is the small one's."""

    _asked = SimpleNamespace(
        connect_to_new_process=small.connect_to_new_process, read_signed=forkserver.read_signed
    )
    _launch = FunctionType(
        popen_forkserver.Popen._launch.__code__, {**vars(popen_forkserver), "forkserver": _asked}
    )


class _SmallProcess(ForkServerProcess):
    _Popen = _SmallPopen


def begin() -> None:
    """Begin what processes of `context` are forked from, if it is not there yet: called before the first of
    them, for begun otherwise it has no room for a mark, and no supervisor forked from it a fork server.
    """
    with room_for_a_mark():
        forkserver.ensure_running()


def begin_for_all() -> None:
    """Begin what programs are forked from now: for this process, and for all that will be forked from it."""
    begin()
    with room_for_a_mark():
        small.ensure_running()
    os.register_at_fork(after_in_child=_of_another)


def _of_another() -> None:
    """`multiprocessing` asks the kernel for the end of a child; here it is another process's, and lasts."""
    known: Any = forkserver
    known.ensure_running = known._forkserver.ensure_running = resource_tracker.ensure_running
    small.ensure_running = resource_tracker.ensure_running


class Forked:
    """`python -c program *words`, with the part of `subprocess.Popen` that tests use; streams are of text."""

    def __init__(
        self,
        program: str,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path | None = None,
        one_stream: bool = False,
        small: bool = False,
    ) -> None:
        out, into_out = context.Pipe(duplex=False)
        err, into_err = context.Pipe(duplex=False)
        told = into_out, into_out if one_stream else into_err
        self._process = (_SmallProcess if small else context.Process)(
            target=_run,
            args=(program, words, dict(environment), folder or Path.cwd(), told),
            daemon=True,
        )
        with room_for_a_mark():
            self._process.start()
        self.stdout, self.stderr = (os.fdopen(os.dup(each.fileno())) for each in (out, err))
        for end in (out, into_out, err, into_err):
            end.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a forked program", timeout or 0.0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it says still, to its end."""
        said = ["", ""]

        def read(number: int) -> None:
            said[number] = (self.stdout, self.stderr)[number].read()

        readers = [threading.Thread(target=read, args=(number,), daemon=True) for number in (0, 1)]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        self.stdout.close()
        self.stderr.close()
        return said[0], said[1]


def _run(
    program: str, words: Sequence[str], environment: Mapping[str, str], folder: Path, told: Told
) -> None:
    os.chdir(folder)
    out, err = told
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    out.close()
    if err is not out:
        err.close()
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["-c", *words]
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
