"""What a spare process does: wait to be told what to become, become it, run it, end."""

from __future__ import annotations

import array
import contextlib
import faulthandler
import fcntl
import importlib
import io
import json
import os
import resource
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

from signalnode_supervisor.inside.link import Link
from signalnode_supervisor.linux import kernel
from signalnode_supervisor.linux.files import hold_own_lock, lower_file_limit
from signalnode_supervisor.linux.procfs import make_mark

ASSIGNMENT_BYTES_MAX = 131_072
BEAT_FILE = 3  # the heartbeat pipe's number in every child, so that a later supervisor finds it in /proc
OUTPUT_FILE = 1
STATUS_OF_EXCEPTION = 1
STATUS_OF_BAD_TARGET = 70  # EX_SOFTWARE: the target cannot be imported
STATUS_OF_TAKEN_LOCK = 75  # EX_TEMPFAIL: another process already is this child
OOM_SCORE = 200  # when memory runs out the kernel takes a child before its supervisor


class DroppingOutput(io.RawIOBase):
    """A pipe that nobody has to read: what does not fit is dropped and counted; no write blocks or fails."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._dropped = 0

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file

    def write(self, data: Any) -> int:
        size = len(data)
        if self._dropped:
            note = f"\n[{self._dropped} bytes left out: written faster than they could be read]\n".encode()
            if not self._put(note):
                self._dropped += size
                return size
            self._dropped = 0
        written = self._put(data)
        self._dropped += size - written
        return size

    def _put(self, data: Any) -> int:
        try:
            return os.write(self._file, data)
        except OSError:
            return 0


def wait_and_become(spare_file: int, setup: dict[str, Any]) -> NoReturn:
    """Wait on the spare's socket for an assignment and its files; end quietly when the supervisor does."""
    # The fork server ignores it; here it waits: one sent just after the assignment is meant for the child.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    line = socket.socket(fileno=spare_file)
    try:
        with line:
            data, ancillary, _, _ = line.recvmsg(ASSIGNMENT_BYTES_MAX, socket.CMSG_SPACE(16 * 4))
    except OSError:
        os._exit(0)
    if not data:
        os._exit(0)
    files = array.array("i")
    for _, _, payload in ancillary:
        files.frombytes(payload[: len(payload) - len(payload) % files.itemsize])
    assignment = json.loads(data)
    status = STATUS_OF_EXCEPTION
    try:
        _place_files(files.tolist())
        _become(assignment, setup)
        status = _run(assignment)
    except BaseException:
        status = STATUS_OF_EXCEPTION
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status)


def _place_files(files: list[int]) -> None:
    """Null at 0, output at 1 and 2, heartbeats at 3; what stood there was the fork server's."""
    high = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 64) for file in files]
    for file in files:
        os.close(file)
    null, output, beat = high
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(beat, BEAT_FILE, inheritable=False)
    for file in high:
        os.close(file)
    stream = io.TextIOWrapper(
        io.BufferedWriter(DroppingOutput(OUTPUT_FILE)), "utf-8", "replace", line_buffering=True
    )
    sys.stdout = sys.stderr = stream


def _become(assignment: dict[str, Any], setup: dict[str, Any]) -> None:
    name = assignment["name"]
    os.setsid()
    if not setup["keep"]:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != setup["supervisor_pid"]:
            os._exit(0)  # the supervisor died before the line above took effect
    mark = make_mark(setup["mark"], name, os.getpid())
    kernel.overwrite_environment(make_mark(setup["mark"]), mark)
    os.environ["SUPERVISED_AS"] = mark.decode()
    kernel.name_process(name)
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # SIGABRT prints the stacks of all threads, then ends the process.
    faulthandler.enable(file=2, all_threads=True)
    _limit(assignment["limits"])
    lock = assignment["lock"]
    if not hold_own_lock(lock):
        print(f"another process already runs as {name}: it holds {lock}", file=sys.stderr, flush=True)
        os._exit(STATUS_OF_TAKEN_LOCK)


def _limit(limits: dict[str, Any]) -> None:
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "r+") as file:
        score = min(1000, int(file.read()) + OOM_SCORE)
        file.seek(0)
        file.write(str(score))
    if limits["nice"]:
        os.nice(limits["nice"])
    if limits["cpu_affinity"]:
        os.sched_setaffinity(0, limits["cpu_affinity"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if limits["files_max"]:
        lower_file_limit(limits["files_max"])
    if limits["memory_max_bytes"]:
        # RLIMIT_DATA counts private writable memory, also what the fork server had allocated at our birth.
        most = _data_bytes() + int(limits["memory_max_bytes"])
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _data_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[5]) * resource.getpagesize()


def _run(assignment: dict[str, Any]) -> int:
    module_name, _, function_name = assignment["target"].partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception:
        traceback.print_exc()
        return STATUS_OF_BAD_TARGET
    try:
        interval_s, missed_max = assignment["heartbeat"]
        link = Link(BEAT_FILE, interval_s or 1.0, assignment["relieves"], missed_max)
        status = function(link, assignment["args"])
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return int(status or 0) & 0xFF
