"""`[alerts]` as it is checked and tried from a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.cli import main
from signalnode.errors import AlertError, ConfigError, UsageError
from tests.command_line import refused
from tests.test_settings_alerts import written


@pytest.mark.parametrize(
    ("decisions", "fault"),
    [
        ('["threshhold"]', "no strategy is 'threshhold'; there are threshold, ranking, "),
        ('["mine-*"]', "no strategy is 'mine-*'; there are "),
    ],
)
def test_check_knows_whose_decisions_there_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, decisions: str, fault: str
) -> None:
    config = written(tmp_path, f'[alerts]\ncommand = ["true"]\ndecisions = {decisions}\n')
    status, line = refused(capsys, "check", "--config", config)
    assert status == ConfigError.exit_status
    assert f"alerts.decisions: {fault}" in line


def test_check_takes_names_patterns_and_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for text in (
        '[alerts]\ncommand = ["true"]\ndecisions = ["threshold", "*"]\n',
        '[strategies.mine]\nkind = "ranking"\n[alerts]\ncommand = ["true"]\ndecisions = ["mine"]\n',
    ):
        assert main(["check", "--config", str(written(tmp_path, text))]) == 0
    capsys.readouterr()


def test_where_nobody_is_to_be_told_nothing_is_tried(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, line = refused(capsys, "alerts", "test", "--config", written(tmp_path, ""))
    assert status == UsageError.exit_status
    assert "nobody is to be told; set its webhook or its command" in line


def test_a_receiver_that_takes_no_message_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = written(tmp_path, '[alerts]\ncommand = ["false"]\n')
    status, line = refused(capsys, "alerts", "test", "--config", config)
    assert status == AlertError.exit_status
    assert line == "signalnode: command: false: exit status 1"
