"""Other supervisors on the same child, each in a virtual environment of its own that is made here and kept.

The child is executed by them and forked by ours; both import the same module and then say their pid.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from signalnode_supervisor.inside.link import Link

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "signalnode-bench"
PATIENCE_S = 60.0
INSTALL_S = 300.0
SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={home}/log
pidfile={home}/pid
[program:child]
command={child}
autorestart=true
startsecs=0
startretries=1000
"""
CIRCUS = """
[circus]
endpoint = ipc://{home}/endpoint
pubsub_endpoint = ipc://{home}/pubsub
[watcher:child]
cmd = {child}
numprocesses = 1
copy_env = True
max_retry = -1
"""


def say_pid(address: str) -> None:
    """Say that a process works: its pid, to the datagram socket at `address`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(str(os.getpid()).encode(), address)


def child(link: Link, args: dict[str, Any]) -> int:
    """The same child under our supervisor."""
    say_pid(args["address"])
    link.ready()
    while True:
        link.beat()
        time.sleep(0.2)


class Ear:
    """The socket that children say their pid to."""

    def __init__(self, home: Path) -> None:
        self.address = str(home / "ear")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(PATIENCE_S)

    def hear(self) -> int:
        return int(self._socket.recv(64))

    def close(self) -> None:
        self._socket.close()

    def recovery_s(self, runs: int) -> float:
        """Median time from SIGKILL to the word of the next process."""
        pid, times = self.hear(), []
        for _ in range(runs):
            time.sleep(0.2)  # a peer that counts quick deaths is to see a child that worked
            begun_s = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            pid = self.hear()
            times.append(time.perf_counter() - begun_s)
        return statistics.median(times)


def peer_recovery_s(name: str, home: Path, runs: int) -> float | None:
    """Kill -9 to working again under this peer; None where it cannot be installed."""
    python = _environment(name)
    if python is None:
        return None
    ear = Ear(home)
    command = (
        f"/usr/bin/env PYTHONPATH={os.getcwd()} {sys.executable} -m tests.benchmarks.peers {ear.address}"
    )
    config = home / "config.ini"
    config.write_text((SUPERVISORD if name == "supervisor" else CIRCUS).format(home=home, child=command))
    argv = [str(python.parent / "supervisord"), "-c", str(config)]
    if name == "circus":
        argv = [str(python.parent / "circusd"), str(config)]
    with _running(argv, home):
        try:
            return ear.recovery_s(runs)
        finally:
            ear.close()


@contextmanager
def _running(argv: list[str], home: Path) -> Iterator[None]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(
            argv, stdout=output, stderr=output, env=environment, cwd=home, start_new_session=True
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _environment(name: str) -> Path | None:
    """The interpreter of a virtual environment with this package in it."""
    home = CACHE / name
    python = home / "bin" / "python"
    done = home / "installed"
    if not done.exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name]
        try:
            # Without setuptools supervisord cannot start: it still imports pkg_resources.
            subprocess.run([*install, "setuptools<81"], check=True, timeout=INSTALL_S)
        except (subprocess.SubprocessError, OSError):
            return None
        done.touch()
    return python


if __name__ == "__main__":
    import msgpack  # noqa: F401
    import numpy as np  # noqa: F401

    say_pid(sys.argv[1])
    signal.pause()
