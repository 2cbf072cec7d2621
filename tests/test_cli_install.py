"""The systemd unit: shipped as generated, accepted and rated by systemd, refused where it could not run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from signalnode.cli import install, main
from signalnode.cli.install import (
    closed_part,
    cluster_unit,
    group_faults,
    keys_faults,
    node_unit,
    service_dirs,
    service_faults,
)
from signalnode.errors import ConfigError, RuntimeDirectoryError, UsageError
from signalnode.settings import SupervisorSettings, load_node
from signalnode.settings.code import own_code
from tests.command_line import refused

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "config" / "systemd" / "signalnode.service"
SHIPPED_PROGRAM = "/opt/signalnode/bin/signalnode"
SHIPPED_COMMAND = [SHIPPED_PROGRAM, "run", "--config", "/etc/signalnode/signalnode.toml"]
EXPOSURE_MAX = 2.0
SERVICE_KEYS = "".join(f'{key} = "{path}"\n' for key, path in service_dirs("signalnode").items())
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
WriteNode = Callable[[str], Path]


@pytest.fixture
def write_node(tmp_path: Path) -> WriteNode:
    def write(text: str) -> Path:
        path = tmp_path / "config" / "signalnode.toml"
        (path.parent / "markets").mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "markets" / "A.toml").write_text('market = "A"\n[feed]\nkind = "synthetic"\n')
        return path

    return write


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where units are written to in a test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(install, "SYSTEM_UNITS_DIR", tmp_path / "system")
    return tmp_path


def test_the_shipped_unit_is_what_is_generated() -> None:
    assert SHIPPED.read_text() == node_unit(SHIPPED_COMMAND, SupervisorSettings(), user=False)


SHIPPED_CLUSTER = {
    "signalnode-head": ["head", "--dir", "/var/lib/signalnode-head", *SHIPPED_COMMAND[2:]],
    "signalnode-host": ["join", "10.0.0.1:6379", "--dir", "/var/lib/signalnode-host"],
}


@pytest.mark.parametrize("name", SHIPPED_CLUSTER)
def test_the_shipped_units_of_a_cluster_are_what_is_generated(name: str) -> None:
    command = [SHIPPED_PROGRAM, "cluster", *SHIPPED_CLUSTER[name]]
    assert SHIPPED.with_name(f"{name}.service").read_text() == cluster_unit(command, name, user=False)


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [(["--head"], "signalnode-head", ["head"]), (["--join", "h:1"], "signalnode-host", ["join", "h:1"])],
)
def test_a_users_own_unit_of_a_cluster_runs_this_installation(
    *,
    option: list[str],
    name: str,
    words: list[str],
    write_node: WriteNode,
    units: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(units / "state"))
    config = write_node("")
    assert main(["install-systemd", "--user", *option, "--config", str(config)]) == 0
    assert f"systemctl --user enable --now {name}" in capsys.readouterr().out
    text = (units / "home" / "systemd" / "user" / f"{name}.service").read_text()
    (command,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    arguments = shlex.split(command)[1:]
    assert arguments[arguments.index("cluster") + 1 :][: len(words)] == words
    assert arguments[arguments.index("--dir") + 1] == str(units / "state" / "signalnode" / name)
    assert ("--config" in arguments) == (words == ["head"]), "a host needs none"
    assert "Type=exec\n" in text
    assert "WatchdogSec" not in text, "nobody would feed it"


@needs_systemd
@pytest.mark.parametrize("unit", ["signalnode", *SHIPPED_CLUSTER])
def test_the_shipped_unit_is_hardened_to_two_or_better(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", str(SHIPPED.with_name(f"{unit}.service"))]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_MAX


@needs_systemd
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("on_death", ["terminate", "keep"])
def test_systemd_finds_no_fault(user: bool, on_death: str, tmp_path: Path) -> None:
    present = str(shutil.which("true"))  # systemd looks whether the program is there
    policy = SupervisorSettings(on_supervisor_death="keep" if on_death == "keep" else "terminate")
    file = tmp_path / "signalnode.service"
    file.write_text(node_unit([present, *SHIPPED_COMMAND[1:]], policy, user=user))
    told = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_a_users_own_unit_runs_this_config_with_this_installation(
    write_node: WriteNode, units: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_node("[supervisor]\nstop_grace_s = 7.0")
    assert main(["install-systemd", "--user", "--config", str(config)]) == 0
    written, next_step, lasting = capsys.readouterr().out.splitlines()
    path = units / "home" / "systemd" / "user" / "signalnode.service"
    assert written.startswith(f"{path}: written; start it")
    assert next_step == "systemctl --user daemon-reload && systemctl --user enable --now signalnode"
    assert "loginctl enable-linger" in lasting, "else it ends with the last session"
    text = path.read_text()
    (command,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    program, *arguments = shlex.split(command.removeprefix("ExecStart="))
    assert arguments[-3:] == ["run", "--config", str(config)]
    assert Path(program).is_file()
    assert "TimeoutStopSec=17\n" in text, "systemd waits longer than the node itself"
    assert "RestartPreventExitStatus=2 3\n" in text, "no new start mends a command line or a config"
    assert "DynamicUser" not in text
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == ["signalnode.service"]


def test_a_unit_of_ours_is_written_anew_and_nobody_elses(
    write_node: WriteNode, units: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_node("")
    command = ["install-systemd", "--user", "--config", str(config)]
    unit = units / "home" / "systemd" / "user" / "signalnode.service"
    assert main(command) == 0
    write_node("[supervisor]\nstop_grace_s = 7.0")
    assert main(command) == 0
    assert "TimeoutStopSec=17\n" in unit.read_text(), "as nobody has touched it, it follows the config"

    edited = unit.read_text() + "# mine\n"
    for text, told in (
        (edited, "somebody changed it; choose another --name"),
        ("[Service]\nExecStart=/bin/x\n", "another program wrote this"),
    ):
        unit.write_text(text)
        status, line = refused(capsys, *command)
        assert status == ConfigError.exit_status
        assert told in line
        assert unit.read_text() == text


def test_a_second_node_gets_a_service_of_another_name(
    write_node: WriteNode, units: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write_node("")
    assert main(["install-systemd", "--user", "--config", str(first)]) == 0
    second = first.with_name("second.toml")
    second.write_text(first.read_text())
    status, line = refused(capsys, "install-systemd", "--user", "--config", second)
    assert status == ConfigError.exit_status
    assert f"runs another node, {first}; choose another --name" in line
    assert main(["install-systemd", "--user", "--name", "second", "--config", str(second)]) == 0
    assert "enable --now second\n" in capsys.readouterr().out
    assert {each.name for each in (units / "home" / "systemd" / "user").iterdir()} == {
        "signalnode.service",
        "second.service",
    }


@pytest.mark.parametrize("name", ["", "a/b", "-x", "x" * 65])
def test_a_service_has_a_name_that_a_file_can_have(
    write_node: WriteNode, units: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    status, _ = refused(capsys, "install-systemd", "--user", f"--name={name}", "--config", write_node(""))
    assert status == UsageError.exit_status
    assert not (units / "home").exists()


def test_print_writes_nothing(write_node: WriteNode, units: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_node('[supervisor]\non_supervisor_death = "keep"')
    assert main(["install-systemd", "--user", "--print", "--config", str(config)]) == 0
    assert "KillMode=process\n" in capsys.readouterr().out, "as the config says"
    assert not (units / "home").exists()


def test_a_system_unit_for_a_config_it_could_not_run_on_lists_every_fault(
    write_node: WriteNode, units: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install-systemd", "--config", str(write_node(""))]) == ConfigError.exit_status
    out, err = capsys.readouterr()
    runtime, state, closed = err.splitlines()
    assert "signalnode.toml: runtime_dir: a system service may not write to" in runtime
    assert 'set runtime_dir = "/run/signalnode", or install with --user' in runtime
    assert 'set state_dir = "/var/lib/signalnode"' in state
    assert "a system service cannot read" in closed
    assert out == ""
    assert not (units / "system").exists()


def test_a_system_unit_is_written_where_nothing_is_in_its_way(
    write_node: WriteNode, units: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "closed_part", lambda _: None)
    assert main(["install-systemd", "--config", str(write_node(SERVICE_KEYS))]) == 0
    assert "systemctl daemon-reload && systemctl enable --now signalnode" in capsys.readouterr().out
    assert "DynamicUser=yes\n" in (units / "system" / "signalnode.service").read_text()


def test_a_place_that_cannot_be_written_is_one_line(
    write_node: WriteNode, units: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (units / "home").write_text("a file")
    status = main(["install-systemd", "--user", "--config", str(write_node(""))])
    assert status == RuntimeDirectoryError.exit_status
    (line,) = capsys.readouterr().err.splitlines()
    assert "signalnode.service: cannot be written" in line
    assert "; run it with sudo" in line


def test_a_faulty_config_gets_no_unit(write_node: WriteNode, units: Path) -> None:
    assert (
        main(["install-systemd", "--user", "--config", str(write_node("x = 1"))]) == ConfigError.exit_status
    )
    assert not (units / "home").exists()


def test_only_the_first_closed_place_is_named(write_node: WriteNode, monkeypatch: pytest.MonkeyPatch) -> None:
    node = load_node(write_node(SERVICE_KEYS))
    monkeypatch.setattr(install, "closed_part", lambda _: Path("/closed"))
    (fault,) = service_faults(node, "/usr/bin/env")
    assert "for /closed is closed to others" in fault
    assert "; move it" in fault


def test_keys_are_told_of_where_the_service_could_not_read_them(
    write_node: WriteNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret key is open to its owner alone: it has to lie where the service's own files do."""
    state = tmp_path / "state"
    keys = state / "keys"
    monkeypatch.setattr(install, "service_dirs", lambda _: {"state_dir": state})
    (elsewhere,) = keys_faults(load_node(write_node('[aggregator]\nkeys_dir = "../keys"')))
    assert "aggregator.keys_dir: a system service cannot read the secret key" in elsewhere
    assert f'set keys_dir = "{keys}", move the keys there' in elsewhere
    node = load_node(write_node(f'[aggregator]\nkeys_dir = "{keys}"'))
    assert keys_faults(node) == [], "not made yet"
    keys.mkdir(parents=True)
    (keys / "node.key_secret").touch()
    assert keys_faults(node) == [], "made before the first start, or its own"
    owners = {state: 61_184, keys / "node.key_secret": 0}
    monkeypatch.setattr(install, "owner_of", owners.__getitem__)
    (foreign,) = keys_faults(node)
    assert f"run: chown -R --reference={state} {keys}" in foreign


def test_what_a_control_group_cannot_have_in_a_service_is_told(
    write_node: WriteNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "run"
    monkeypatch.setattr(install, "service_dirs", lambda _: {"runtime_dir": directory})
    policy = '[supervisor]\ncontrol_group = "root"\n'
    assert group_faults(load_node(write_node(""))) == group_faults(load_node(write_node(policy))) == []
    directory.symlink_to("private/signalnode")
    (left,) = group_faults(load_node(write_node(policy)))
    assert (
        f"is a link that the service had without a group; run: systemctl stop signalnode; rm {directory}"
        in left
    )
    (kept,) = group_faults(load_node(write_node(policy + 'on_supervisor_death = "keep"\n')))
    assert 'cannot have it with on_supervisor_death = "keep"' in kept


def test_without_keys_there_is_nothing_to_tell(write_node: WriteNode) -> None:
    assert keys_faults(load_node(write_node(""))) == []


def test_signals_and_strategies_of_the_users_own_have_to_be_readable_too(
    write_node: WriteNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_node(SERVICE_KEYS + '[strategies.mine]\nkind = "mine.py:Mine"\n[strategies.sniper]\n')
    market = path.parent / "markets" / "A.toml"
    market.write_text(market.read_text() + '[signals]\nextra = ["calm.py:calm", "package:calm"]\n')
    (market.parent / "calm.py").touch()
    own = [path.parent / "mine.py", market.parent / "calm.py"]
    assert own_code(load_node(path)) == own
    for file in own:
        monkeypatch.setattr(install, "closed_part", lambda each, file=file: file if each == file else None)
        (fault,) = service_faults(load_node(path), "/usr/bin/env")
        assert f"for {file} is closed to others" in fault


def test_a_part_of_a_path_closed_to_others_is_found() -> None:
    assert closed_part(Path("/tmp/anything")) == Path("/tmp")
    assert closed_part(Path("/usr/bin/env")) is None
    assert closed_part(Path("/usr/none-such")) == Path("/usr/none-such")
    assert closed_part(Path("/proc/self/fd")) == Path("/proc/self/fd"), "a directory others may not enter"
