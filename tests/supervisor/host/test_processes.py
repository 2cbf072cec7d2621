"""Real processes without the loop around them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalnode_supervisor.host.logbook import Logbook
from signalnode_supervisor.host.memory import Memory
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.host.processes import Processes
from signalnode_supervisor.linux.cgroup import Groups
from signalnode_supervisor.settings import Settings
from tests.supervisor.harness import eventually

POLL_S = 0.01


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    settings, poller = Settings(runtime_dir=tmp_path, state_dir=tmp_path), Poller()
    logbook = Logbook(settings, None)
    one = Processes(
        settings,
        poller,
        Memory(tmp_path, tmp_path),
        logbook,
        groups=Groups(None),
        emit=lambda _: None,
        run=f"test{os.getpid()}-1",
        on_fault=lambda _: None,
    )
    yield one
    one.close()
    logbook.close()
    poller.close()


def test_fifty_deaths_of_the_fork_server_leave_no_file_open(processes: Processes) -> None:
    counts = []
    for _ in range(50):
        processes.fork_server.start()
        os.kill(processes.fork_server.pid, signal.SIGKILL)
        eventually(lambda: _is_lost(processes), "its end seen")
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[-1] < counts[0] + len(counts) // 2, counts  # this process may open one of another test's


def _is_lost(processes: Processes) -> bool:
    processes._poller.wait(POLL_S)
    processes.reap()
    return processes.fork_server.pid == 0 and all(output.closed for output in processes._outputs)
