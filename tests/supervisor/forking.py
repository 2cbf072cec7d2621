"""A fork server forked from the supervisor that wants it, where a node executes one.

It is a process like the one that a node has: it leads a session, has its own mark in /proc, none of the
supervisor's files and signals, ends and is replaced alike. What it lacks is an interpreter of its own, a
tenth of a second of a processor for each supervisor of these tests. The supervisor has to be forked as well,
from a process that began with `PLACE` in its environment, as that of `tests.forked` did.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from signalnode_supervisor.host import spares
from signalnode_supervisor.inside import forkserver
from signalnode_supervisor.linux import kernel
from signalnode_supervisor.linux.procfs import make_mark

NAME = "SUPERVISED_AS"
PLACE = make_mark("nobody")  # of a run's mark; it is nobody's
FILES_MAX = 1 << 20
# Before a program for `Forked`.
SO = "from tests.supervisor.forking import fork_servers_are_forked as so; so(); "


@contextmanager
def room_for_a_mark() -> Iterator[None]:
    """What begins meanwhile has room in its environment for a fork server's mark."""
    before = os.environ.get(NAME)
    os.environ[NAME] = PLACE.decode()
    try:
        yield
    finally:
        del os.environ[NAME]
        if before is not None:
            os.environ[NAME] = before


def fork(run: str, line: int, output: int) -> int:
    """As `spares.execute`."""
    pid = os.fork()
    if pid == 0:
        try:
            _become(make_mark(run), line, output)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def _become(mark: bytes, line: int, output: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    for file, place in ((null, 0), (output, 1), (output, 2), (line, spares.LINE_FILE)):
        os.dup2(file, place)
    os.closerange(spares.LINE_FILE + 1, FILES_MAX)
    if not kernel.overwrite_environment(PLACE, mark):
        raise RuntimeError("no room for the mark")
    for name in spares.NOT_INHERITED:
        os.environ.pop(name, None)
    os.environ.update({**spares.ENVIRONMENT, NAME: mark.decode(), "PYTHONUNBUFFERED": "1"})
    forkserver.main(spares.LINE_FILE)


def fork_servers_are_forked() -> None:
    """From here on, in this process."""
    spares.execute = fork
