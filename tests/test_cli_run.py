"""`run` where it is refused at the last moment, by the supervisor itself."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from signalnode import errors
from tests.effort import PATIENCE_S
from tests.ports import free_port
from tests.supervisor.harness import eventually, is_alive

Refused = Callable[[], tuple[int, str]]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Runs a node in a process of its own: its exit status and the one line that it leaves on stderr."""
    markets = tmp_path / "config" / "markets"
    markets.mkdir(parents=True)
    (markets / "A-USD.toml").write_text('market = "A-USD"\n[feed]\nkind = "synthetic"\n')
    config = markets.parent / "signalnode.toml"
    config.write_text(f'[aggregator]\nendpoint = "tcp://127.0.0.1:{free_port()}"\n')
    for name in ("run", "state"):
        (tmp_path / name).mkdir(mode=0o700)

    def run() -> tuple[int, str]:
        command = [sys.executable, "-m", "signalnode", "run", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        (line,) = (each for each in done.stderr.splitlines() if not each.startswith("{"))
        return done.returncode, line

    return run


def test_a_second_node_at_the_same_moment_leaves_the_first_ones_settings(
    refused: Refused, tmp_path: Path
) -> None:
    settings = tmp_path / "run" / "settings.json"
    settings.write_text("the first one's")
    with (tmp_path / "run" / "node.lock").open("w") as lock:  # held, and nobody answers requests yet
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, line = refused()
    assert status == errors.AlreadyRunningError.exit_status
    assert "another node already runs" in line
    assert settings.read_text() == "the first one's"


def test_a_state_directory_that_takes_nothing_is_one_line(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "state" / "supervisor").write_text("a file where a directory is to be made")
    status, line = refused()
    assert status == errors.RuntimeDirectoryError.exit_status
    assert f"{tmp_path / 'state' / 'supervisor'}" in line


def test_a_check_that_does_not_end_ends_with_whoever_asked_for_it(refused: Refused, tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    formula = "import os\nopen({told!r}, 'w').write(str(os.getpid()))\nopen({told!r}).read()\n"
    markets = tmp_path / "config" / "markets"
    (markets / "own.py").write_text(formula.format(told=str(told)))
    text = 'market = "A-USD"\n[feed]\nkind = "synthetic"\n[signals]\nextra = ["own.py:calm"]\n'
    (markets / "A-USD.toml").write_text(text)
    command = [sys.executable, "-m", "signalnode", "run", "--config", str(markets.parent / "signalnode.toml")]
    with subprocess.Popen(command) as node:
        pid = int(told.read_text())
        node.kill()
    eventually(lambda: not is_alive(pid), "the check gone")
