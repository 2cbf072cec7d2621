"""Commands as typed, and what they leave."""

from __future__ import annotations

import contextlib
import io
import re
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


def shown_by_help(*verb: str) -> tuple[list[str], list[str]]:
    """The verbs below `verb` and its options, as `--help` lists them."""
    with contextlib.redirect_stdout(io.StringIO()) as said, pytest.raises(SystemExit):
        main([*verb, "--help"])
    text = said.getvalue()
    return re.findall(r"^ {2,4}([a-z][\w-]+)  ", text, re.M), re.findall(
        r"^  (?:-h, )?(--[\w-]+)", text, re.M
    )
