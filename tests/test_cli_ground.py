"""Commands on uneven ground: closed streams, narrow terminals, a faulty config, a node that hangs."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode import errors
from signalnode.cli import main
from signalnode.cli.terminal import is_coloured
from signalnode.names import DEFAULT_ENDPOINT, OWN
from signalnode.settings import find_node
from signalnode_supervisor import control
from tests.command_line import refused
from tests.effort import some

COMMAND = f"{sys.executable} -m signalnode"
TEXT = '[aggregator]\nendpoint = "tcp://127.0.0.1:17450"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "signalnode.toml"
    (path.parent / "markets").mkdir(parents=True)
    (path.parent / "markets" / "A-USD.toml").write_text('market = "A-USD"\n[feed]\nkind = "synthetic"\n')
    (tmp_path / "run").mkdir(mode=0o700)
    path.write_text(TEXT)
    return path


# What a verb says on, all, none of it, and what it says nothing on.
CLOSED = [
    (verb, status, closed)
    for closed_by in ((">&-", "2>&-"), ("<&- >&- 2>&-",) * 2, ("<&-",) * 2, ("2>&-", ">&-"))
    for (verb, status), closed in zip(
        (("check", 0), ("status", errors.NotRunningError.exit_status)), closed_by, strict=True
    )
]


@pytest.mark.parametrize(("verb", "status", "closed"), some(CLOSED, 4))
def test_a_closed_stream_changes_no_exit_status_and_makes_no_traceback(
    config: Path, closed: str, verb: str, status: int
) -> None:
    line = f"{COMMAND} {verb} --config {config} {closed}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


def test_a_terminal_that_lacks_a_character_gets_ascii_for_it() -> None:
    program = (
        "from signalnode.cli.standard_streams import secure_standard_streams\n"
        "secure_standard_streams()\nprint('mom↑ ▁▄█ 1·2 ÿ 中')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": "iso-8859-1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode("iso-8859-1") == "mom^ _-# 1·2 ÿ ?\n"


@pytest.mark.parametrize(
    "fault", ["broken = = ", "[strategies\n", "no_such_key = 1", "[supervisor]\nrestart = 'sometimes'"]
)
def test_a_fault_in_the_config_keeps_nobody_from_the_running_node(
    config: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    config.write_text(f'runtime_dir = "../elsewhere"\n{fault}\n{TEXT if "=" in fault else ""}')
    for verb in (["status"], ["stop", "A-USD"], ["shutdown"]):
        status, line = refused(capsys, *verb, "--config", config)
        assert status == errors.NotRunningError.exit_status
        assert "elsewhere/control.sock" in line
    assert "no journal here yet" in refused(capsys, "decisions", "--config", config)[1]


@pytest.mark.parametrize(
    "fault", ["broken = = ", "[strategies\nendpoint = 7", "[[x]]\nkeys_dir = 1", "y = 1"]
)
def test_a_fault_in_the_config_keeps_nobody_from_hearing_the_running_node(config: Path, fault: str) -> None:
    config.write_text(
        f'[aggregator]\nendpoint = "ipc:///run/bus" # here\n{fault}\n[aggregator.more]\nz = = 1\n'
    )
    node = find_node(config, bus=True)
    assert node.aggregator.endpoint == "ipc:///run/bus"
    assert node.aggregator.keys_dir is None


def test_where_a_node_publishes_must_be_given_rightly_to_hear_it(config: Path) -> None:
    config.write_text("[aggregator]\nendpoint = 7\n")
    with pytest.raises(errors.ConfigError, match="endpoint"):
        find_node(config, bus=True)
    assert find_node(config).aggregator.endpoint == DEFAULT_ENDPOINT  # nothing that `status` needs


def test_what_an_editor_leaves_beside_the_markets_is_no_market(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (
        ".#A-USD.toml",
        ".A-USD.toml.swp",
        "A-USD.toml~",
        "#A-USD.toml#",
        "~A-USD.toml",
        ".old.toml",
    ):
        (config.parent / "markets" / name).write_text("half of a")
    (config.parent / "markets" / ".#B-USD.toml").symlink_to("user@host.1234:1700000000")  # Emacs's lock
    assert main(["check", "--config", str(config)]) == 0
    assert "markets: A-USD\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gateway.dydx", *OWN])
def test_a_process_that_is_no_market_has_a_log_like_any_other(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    status, line = refused(capsys, "logs", name, "--config", config)
    assert status == errors.RequestError.exit_status
    assert name in line
    (tmp_path / "state" / "logs").mkdir(parents=True)
    (tmp_path / "state" / "logs" / f"{name}.log").write_text('{"event": "market"}\n')
    assert main(["logs", name, "--config", str(config)]) == 0
    assert capsys.readouterr().out.endswith("market\n")


def test_what_runs_without_a_supervisor_is_named(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "run" / "A-USD.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, line = refused(capsys, "status", "--config", config)
    assert status == errors.NotRunningError.exit_status
    assert "but these run on: A-USD" in line


@pytest.mark.parametrize("words", [["status"], ["stop", "A-USD"], ["reload"], ["shutdown"]], ids=" ".join)
def test_whoever_asks_a_hung_supervisor_is_told_soon_what_is_seen_from_outside(
    words: list[str],
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "LOOK_TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as listener, (tmp_path / "run" / "A-USD.lock").open("w") as lock:
        listener.bind(str(tmp_path / "run" / "control.sock"))
        listener.listen()
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, line = refused(capsys, *words, "--config", config)
    assert status == errors.RequestError.exit_status
    assert "no answer" in line
    assert "alive by their locks: A-USD" in line


def test_another_users_node_is_named_with_its_user(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", denied)
    status, line = refused(capsys, "stop", "A-USD", "--config", config)
    assert status == errors.RequestError.exit_status
    assert "belongs to user" in line
    assert "sudo -u" in line


@pytest.mark.parametrize("words", [[], ["A-USD", "--all"]])
def test_markets_are_named_or_all_of_them(
    config: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    status, line = refused(capsys, "stop", *words, "--config", config)
    assert status == errors.UsageError.exit_status
    assert "--all" in line


def test_a_stray_signal_does_not_end_the_node() -> None:
    from signalnode_supervisor.host.loop import IGNORED

    assert {signal.SIGUSR1, signal.SIGUSR2} <= set(IGNORED)


def test_a_config_reached_by_a_link_is_the_same_node(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "elsewhere" / "linked.toml"
    link.parent.mkdir()
    link.symlink_to(config)
    lines = [refused(capsys, "status", "--config", path)[1] for path in (config, link)]
    assert lines[0] == lines[1]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    master, slave = os.openpty()
    with os.fdopen(master), os.fdopen(slave, "w") as terminal:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert is_coloured(terminal)
        monkeypatch.setenv(name, value)
        assert not is_coloured(terminal)
