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


def test_alerts_are_on_where_somebody_is_to_be_told(tmp_path: Path) -> None:
    assert not load_node(written(tmp_path, "")).alerts.is_on
    assert load_node(written(tmp_path, '[alerts]\nwebhook = "https://hooks.example.com/T0"\n')).alerts.is_on
    assert load_node(written(tmp_path, '[alerts]\nwebhook = "http://127.0.0.1:9/"\n')).alerts.is_on
