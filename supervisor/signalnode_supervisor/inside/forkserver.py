"""The process that all children are forked from: it has imported everything once, and does nothing else.

For each request, one byte with the far end of a socket pair attached, it forks a *spare*: a process that
waits on that socket for its assignment (`entry`). How the supervisor uses them stands in `host.spares`.

*Forked twice.* The process in between ends at once, and its child goes to the nearest subreaper, which is the
supervisor. So exit status, resource usage and orphans reach the supervisor whether or not this process lives.

*Shared pages.* A child owns only the pages that it writes to. Python writes a lot without being asked: the
collector to every object that it visits. So what is imported is frozen (`gc.freeze`) before the first fork,
and what is free in those pages is filled (`holes`).

*When the supervisor dies* there is nobody left to tell. Spares and this process see their lines close, and
children get a SIGKILL from the kernel, as soon as their parent is gone. What they forked gets none: this
process looks for all that bears the run's mark. With "keep", children and what they forked live on.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.inside.entry import wait_and_become
from signalnode_supervisor.inside.holes import fill_holes
from signalnode_supervisor.linux import kernel
from signalnode_supervisor.linux.procfs import kill_marked

MESSAGE_BYTES_MAX = 65_536
ORPHANED = signal.SIGUSR1  # sent by the kernel when the supervisor dies while we still preload


def main(line_file: int) -> NoReturn:
    """Serve on the given seqpacket socket until the supervisor is gone."""
    line = socket.socket(fileno=line_file)
    setup = json.loads(line.recv(MESSAGE_BYTES_MAX))
    sys.path[:] = setup["path"]
    signal.signal(ORPHANED, lambda *_: _clean_up(setup))
    kernel.die_with_parent(ORPHANED)
    if os.getppid() != setup["supervisor_pid"]:
        os._exit(0)
    kernel.name_process("forkserver")
    # A terminal's Ctrl-C and a service manager's stop are for the supervisor alone.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    begun_ns = monotonic_ns()
    fault = _preload(setup["preload"])
    if fault:
        _say(line, {"fault": fault})
        os._exit(1)
    gc.collect()
    fill_holes()
    gc.freeze()  # the collector then never writes to what is here, and the pages stay shared
    _say(line, {"preloaded": True, "seconds": (monotonic_ns() - begun_ns) / 1e9})
    kernel.die_with_parent(0)  # from here on the end of the line says the same
    with contextlib.suppress(OSError):
        _serve(line, setup)
    _clean_up(setup)


def _clean_up(setup: dict[str, Any]) -> NoReturn:
    """The supervisor is gone. Its children die by their parent-death signal; this gets all the others."""
    if not setup["keep"]:
        kill_marked(setup["mark"] + "/", spared=frozenset({os.getpid()}))
    os._exit(0)


def _preload(names: list[str]) -> str:
    """Import each module and call its `preload()` if it has one; the fault in one line, or ''."""
    for name in names:
        try:
            module = importlib.import_module(name)
            warm_up = getattr(module, "preload", None)
            if callable(warm_up):
                warm_up()
        except BaseException as error:
            traceback.print_exc()
            return f"cannot preload {name}: {type(error).__name__}: {error}".splitlines()[0]
        if name not in sys.modules:
            return f"cannot preload {name}: it did not stay imported"
    if threading.active_count() != 1:
        return f"cannot preload {', '.join(names)}: it leaves a thread running, which a fork would lose"
    return ""


def _serve(line: socket.socket, setup: dict[str, Any]) -> None:
    files = array.array("i")
    while True:
        data, ancillary, _, _ = line.recvmsg(16, socket.CMSG_SPACE(4))
        if not data:
            return
        del files[:]
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                files.frombytes(payload[: len(payload) - len(payload) % files.itemsize])
        if len(files) == 1:
            _say(line, {"spare": _fork_spare(line, files[0], setup)})
            os.close(files[0])


def _fork_spare(line: socket.socket, spare_file: int, setup: dict[str, Any]) -> int:
    """Fork twice; the pid of the second. 0 when the machine has no room for another process."""
    reader, writer = os.pipe()
    try:
        between = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return 0
    if between == 0:
        pid = _fork_or_zero()
        if pid != 0:
            os.write(writer, str(max(pid, 0)).encode())
            os._exit(0)
        os.close(reader)
        os.close(writer)
        line.close()
        wait_and_become(spare_file, setup)
    os.close(writer)
    os.waitpid(between, 0)  # from here on the spare's parent is the supervisor
    with os.fdopen(reader, "rb") as file:
        return int(file.read() or b"0")


def _fork_or_zero() -> int:
    """As os.fork; -1 on failure."""
    try:
        return os.fork()
    except OSError:
        return -1


def _say(line: socket.socket, message: dict[str, Any]) -> None:
    line.send(json.dumps(message).encode())
