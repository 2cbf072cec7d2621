"""What `[alerts]` may say: who is told is an address or a program, and the address is a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.errors import ConfigError
from signalnode.settings import load_node


def written(folder: Path, node: str) -> Path:
    path = folder / "signalnode.toml"
    (folder / "markets").mkdir(exist_ok=True)
    (folder / "markets" / "A.toml").write_text('market = "A"\n[feed]\nkind = "synthetic"\n')
    path.write_text(node)
    return path


def fault_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_node(path)
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('webhook = "hooks.example.com/T0000"', "alerts.webhook: is no address, or not encrypted; "),
        ('webhook = "http://hooks.example.com/T0000"', "alerts.webhook: is no address, or not encrypted; "),
        ('webhook = "https://a b/T0000"', "alerts.webhook: is no address, or not encrypted; "),
        ('webhook = "https://me:T0000@b.example/"', "alerts.webhook: names a user; "),
        ('command = ["nowhere-T0"]', "alerts.command: there is no program nowhere-T0; "),
        ('command = [""]', "alerts.command: names no program; "),
        ('command = ["true"]\nstates = []', "alerts: says where and not what; "),
        ('command = ["true"]\nstates = ["stal"]', "alerts.states: 'stal' is not known; use "),
        ('command = "true"', "alerts.command: is a text in quotes; give it a list"),
    ],
)
def test_faults_of_alerts_are_told_without_the_secret(tmp_path: Path, table: str, fault: str) -> None:
    told = fault_of(written(tmp_path, f"[alerts]\n{table}\n"))
    assert fault in told
    assert "T0000" not in told


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read (No such file or directory); write the address into it"),
        ("http://hooks.example.com/T0000", "is no address, or not encrypted; "),
        ("", "is no address, or not encrypted; "),
    ],
)
def test_a_file_that_holds_no_address_is_a_fault(tmp_path: Path, content: str | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    told = fault_of(written(tmp_path, '[alerts]\nwebhook_file = "secret"\n'))
    assert "alerts.webhook_file: " in told
    assert fault in told
    assert "T0000" not in told


def test_an_address_stands_in_the_config_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("https://hooks.example.com/T0\n")
    path = written(tmp_path, '[alerts]\nwebhook_file = "secret"\n')
    assert load_node(path).alerts.webhook_file == tmp_path / "secret"
    both = written(tmp_path, '[alerts]\nwebhook_file = "secret"\nwebhook = "https://b.example/"\n')
    assert "stands beside webhook" in fault_of(both)


def test_alerts_are_on_where_somebody_is_to_be_told(tmp_path: Path) -> None:
    assert not load_node(written(tmp_path, "")).alerts.is_on
    assert load_node(written(tmp_path, '[alerts]\nwebhook = "https://hooks.example.com/T0"\n')).alerts.is_on
    assert load_node(written(tmp_path, '[alerts]\nwebhook = "http://127.0.0.1:9/"\n')).alerts.is_on
