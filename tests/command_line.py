"""Commands as typed, and what they leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.cli import main


def tree(path: Path) -> set[str]:
    return {str(each.relative_to(path)) for each in path.rglob("*")}


def refused(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str]:
    """Status and the one line that a refused command leaves on stderr."""
    capsys.readouterr()
    status = main([str(each) for each in argv])
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("signalnode: ")
    return status, line
