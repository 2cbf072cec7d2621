from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from signalnode_supervisor.settings import OnDeath
from signalnode_supervisor.units import Unit, unit_text

EXPOSURE_MAX = 2.0
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _unit(**more: object) -> Unit:
    return Unit(name="node", description="A node", command=["/usr/bin/env", "true"], **more)  # type: ignore[arg-type]


@needs_systemd
@pytest.mark.parametrize("on_death", ["terminate", "keep"])
def test_the_unit_is_hardened_to_two_or_better(on_death: OnDeath, tmp_path: Path) -> None:
    file = tmp_path / "node.service"
    file.write_text(unit_text(_unit(on_supervisor_death=on_death)))
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", run.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_MAX


@needs_systemd
@pytest.mark.parametrize("user", [False, True])
def test_systemd_finds_no_fault_in_it(user: bool, tmp_path: Path) -> None:
    file = tmp_path / "node.service"
    file.write_text(unit_text(_unit(user=user, environment={"A_B": "with space"})))
    run = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_keep_kills_the_supervisor_alone_and_keeps_what_adoption_needs() -> None:
    text = unit_text(_unit(on_supervisor_death="keep"))
    assert "KillMode=process\n" in text
    assert "RuntimeDirectoryPreserve=restart\n" in text
    assert "PrivateUsers" not in text
    assert "KillMode=mixed\n" in unit_text(_unit())


def test_a_control_group_is_the_services_own_and_may_pass_its_directory() -> None:
    text = unit_text(_unit(control_group="traders"))
    assert "Group=traders\n" in text
    assert "RuntimeDirectoryPreserve=no\n" in text
    assert "PrivateUsers=yes\n" in text
    assert "Group=" not in unit_text(_unit(control_group="traders", user=True)) + unit_text(_unit())


def test_systemd_tries_for_ever_except_where_trying_cannot_help() -> None:
    text = unit_text(_unit(final_statuses=(2, 3)))
    assert "StartLimitIntervalSec=0\n" in text
    assert "RestartPreventExitStatus=2 3\n" in text
    assert "RestartPreventExitStatus" not in unit_text(_unit())


def test_words_are_quoted_for_systemd() -> None:
    unit = Unit(name="n", description="d", command=["/bin/x", "a b", 'c"d', "50%", "$HOME"])
    assert 'ExecStart=/bin/x "a b" "c\\"d" 50%% $$HOME\n' in unit_text(unit)


def test_a_command_without_its_path_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute path"):
        unit_text(Unit(name="n", description="d", command=["x"]))
