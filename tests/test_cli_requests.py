"""What a command says beside the answer of a running node."""

from __future__ import annotations

import json
import os
import select
from pathlib import Path
from typing import Any

import pytest

from signalnode import __version__
from signalnode.cli import main
from signalnode.errors import UsageError
from signalnode_supervisor import control

UP = {"ok": True, "supervisor": {"pid": 7, "version": "0.0.9"}, "children": []}
STARTED = {"ok": True, "children": {"A-USD": {"state": "starting"}}, "version": "0.0.9"}


@pytest.mark.parametrize("argv", [["status", "--json"], ["restart", "A-USD"], ["reload"]], ids=" ".join)
def test_a_node_of_another_version_than_the_command_is_told(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "signalnode.toml"
    config.write_text("")
    answer: dict[str, Any] = UP if argv[0] == "status" else STARTED
    monkeypatch.setattr(
        control, "request", lambda _, verb, *__: UP if verb == "status" != argv[0] else answer
    )
    assert main([*argv, "--config", str(config)]) == 0
    out, err = capsys.readouterr()
    assert "the node runs 0.0.9" in err
    assert f"this command is {__version__}" in err
    if argv[0] == "status":
        assert json.loads(out)["supervisor"]["version"] == "0.0.9"

    answer = json.loads(json.dumps(answer).replace("0.0.9", __version__))
    assert main([*argv, "--config", str(config)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        (["restart", "A-USD"], ["ping", "restart"]),
        (["restart", "--all"], ["status", "restart"]),
        (["shutdown"], ["status", "shutdown"]),
    ],
    ids=" ".join,
)
def test_whether_a_node_is_there_is_asked_once(
    argv: list[str], asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "signalnode.toml"
    config.write_text("")
    up = {"supervisor": {"pid": os.getpid()}, "children": [{"name": "A-USD", "role": "engine"}]}
    verbs: list[str] = []

    def answered(_path: Path, verb: str, *_: Any) -> dict[str, Any]:
        verbs.append(verb)
        return up if verb == "status" else {}

    monkeypatch.setattr(control, "request", answered)
    monkeypatch.setattr(select, "select", lambda *_: ([1], [], []))
    assert main([*argv, "--config", str(config)]) == 0
    assert verbs == asked


def test_a_reload_says_what_became_of_the_strategies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "signalnode.toml"
    config.write_text("")
    changes = {"added": ["mine"], "changed": ["calm", "sniper"]}
    monkeypatch.setattr(
        control, "request", lambda *_: {"ok": True, "kept": 5, "reread": {"aggregator": changes}}
    )
    assert main(["reload", "--config", str(config)]) == 0
    said = ["strategies added: mine", "strategies changed: calm, sniper", "untouched: 5"]
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize("argv", [["reload"], ["start", "A-USD"]], ids=" ".join)
def test_a_market_that_is_up_and_brings_nothing_is_told_with_why(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "signalnode.toml"
    config.write_text("")
    why = "refused: dydx has no such market"
    looked = {"children": [{"name": "A-USD", "state": "up", "health": {"reason": why}}]}
    done = {"added": ["A-USD"], "children": {"A-USD": {"state": "up", "reason": ""}}}
    monkeypatch.setattr(control, "request", lambda _, verb, *__: looked if verb == "status" else done)
    assert main([*argv, "--config", str(config)]) == 0
    said = {"reload": f"A-USD: {why}", "start": f"A-USD: up ({why})"}
    assert capsys.readouterr().out.splitlines()[-1] == said[argv[0]]


def test_a_misspelt_command_is_told_with_the_one_that_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats"]) == UsageError.exit_status
    assert "invalid choice: 'stats'; did you mean status; see `signalnode --help`" in capsys.readouterr().err
