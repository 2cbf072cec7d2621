"""Where a command writes, and what it says beside its answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode import errors
from signalnode.cli import main

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("verb", "buffered"),
    [
        (["check"], True),
        (["check"], False),
        (["completion", "bash"], True),
        (["completion", "bash"], False),
        (["--help"], True),  # unbuffered, some versions of argparse swallow what fails
    ],
)
def test_a_full_disk_is_one_line_and_no_traceback(tmp_path: Path, verb: list[str], buffered: bool) -> None:
    config = tmp_path / "signalnode.toml"
    config.touch()
    (tmp_path / "markets").mkdir()
    (tmp_path / "markets" / "A-USD.toml").write_text('market = "A-USD"\n[feed]\nkind = "synthetic"\n')
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "" if buffered else "1",
        "SIGNALNODE_CONFIG": str(config),
    }
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "signalnode", *verb]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, env=env, timeout=60, check=False
        )
    assert done.returncode == errors.OutputError.exit_status
    assert done.stderr.splitlines() == [
        b"signalnode: output: cannot be written (No space left on device); make room, or write elsewhere"
    ]


def test_what_was_done_otherwise_than_asked_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"ok": True, "children": {"A": {"state": "up"}}, "notes": ["old settings used: one", "two"]}
    looked = {"children": [{"name": "A", "state": "up"}]}
    monkeypatch.setattr(
        "signalnode_supervisor.control.request", lambda _, verb, *__: looked if verb == "status" else answer
    )
    assert main(["restart", "A", "--config", str(ROOT / "config" / "signalnode.toml")]) == 0
    told = capsys.readouterr()
    assert told.out == "A: up\n"
    assert told.err == "signalnode: old settings used: one\nsignalnode: two\n"
