"""Completion: real shells offer the parser's verbs and options, and the config's markets."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode.cli import main
from signalnode.cli.completion import SCRIPTS
from signalnode.cli.grammar import SHELLS, verbs_of
from signalnode.cli.parser import command_line
from signalnode.errors import ConfigError, UsageError
from signalnode.settings import VENUE_NAMES

ROOT = Path(__file__).parent.parent
TIMEOUT_S = 60.0
VERBS = [verb.name for verb in verbs_of(command_line()) if verb.name]
NAMES = ["A-USD", "BROKEN", "aggregator"]
# How each shell is asked what it offers for the words of a command line, the last one being typed.
ASK = {
    "bash": """
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _signalnode
        printf "%s\\n" "${COMPREPLY[@]}" """,
    "zsh": """
        source "$1"; shift
        words=("$@") CURRENT=$#
        _files() { ls -p }
        _describe() { for each in "${(@P)2}"; [[ $each == ${words[CURRENT]}* ]] && print -r -- "$each" }
        _signalnode""",
    "fish": """
        source $argv[1]
        complete -C (string join " " -- (string escape -- $argv[2..-2]) $argv[-1])""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config with a sound and a broken market, and the command as a user would call it."""
    markets = tmp_path / "config" / "markets"
    markets.mkdir(parents=True)
    (tmp_path / "config" / "signalnode.toml").write_text("")
    (markets / "A-USD.toml").write_text('market = "A-USD"\n[feed]\nkind = "synthetic"\n')
    (markets / "BROKEN.toml").write_text("= no")
    (markets / "not a name.toml").write_text("")
    shutil.copytree(tmp_path / "config", tmp_path / "other")
    (tmp_path / "other" / "markets" / "A-USD.toml").rename(tmp_path / "other" / "markets" / "B-USD.toml")
    command = tmp_path / "bin" / "signalnode"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m signalnode "$@"\n')
    command.chmod(0o755)
    return tmp_path


def offered(shell: str, folder: Path, line: str) -> list[str]:
    """What `shell` offers at the end of `line`; zsh's and fish's descriptions are cut off."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = folder / f"completion.{shell}"
    script.write_text(SCRIPTS[shell](verbs_of(command_line())))
    words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    first = [] if shell == "fish" else [shell]
    done = subprocess.run(
        [shell, *plain, "-c", ASK[shell], *first, str(script), *words],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.stderr == ""
    separator = {"bash": None, "zsh": ":", "fish": "\t"}[shell]
    return [text.split(separator)[0] for text in done.stdout.splitlines() if text]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("signalnode ", VERBS),
        ("signalnode resta", ["restart"]),
        ("signalnode stop ", NAMES),
        ("signalnode stop A", ["A-USD"]),
        ("signalnode stop A-USD BR", ["BROKEN"]),
        ("signalnode logs --follow ", NAMES),
        ("signalnode --config other/signalnode.toml stop B", ["B-USD", "BROKEN"]),
        ("signalnode stop --config other/signalnode.toml B", ["B-USD", "BROKEN"]),
        ("signalnode run --pa", ["--panel"]),
        ("signalnode logs --", ["--help", "--config", "--follow", "--lines", "--json"]),
        ("signalnode logs --lines ", []),
        ("signalnode replay --market A", ["A-USD"]),
        ("signalnode replay --venue ", list(VENUE_NAMES)),
        ("signalnode completion ", list(SHELLS)),
        ("signalnode keys ", ["new", "allow", "trust"]),
        ("signalnode keys new --d", ["--dir"]),
    ],
)
def test_a_shell_offers_what_may_follow(folder: Path, shell: str, line: str, expected: list[str]) -> None:
    assert sorted(offered(shell, folder, line)) == sorted(expected)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_files_where_a_file_is_named(folder: Path, shell: str) -> None:
    for line in ("signalnode check --config ", "signalnode replay "):
        assert {"config", "other"} <= {each.rstrip("/") for each in offered(shell, folder, line)}


def test_every_option_of_the_help_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in verbs_of(command_line()):
        shown = ""
        for argv in ([verb.name], ["keys", "new"]) if verb.name == "keys" else ([verb.name],):
            with pytest.raises(SystemExit):
                main([*(word for word in argv if word), "--help"])
            shown += capsys.readouterr().out
        assert set(re.findall(r"^  (?:-h, )?(--[\w-]+)", shown, re.M)) == {each.name for each in verb.options}


def test_names_are_those_of_the_files_even_of_a_faulty_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "names", "--config", str(folder / "config" / "signalnode.toml")]) == 0
    assert capsys.readouterr().out.split() == NAMES


def test_an_unknown_shell_and_a_missing_config_are_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "tcsh"]) == UsageError.exit_status
    assert capsys.readouterr().err.rstrip().endswith("'tcsh' is no shell it knows; use bash, zsh, fish")
    assert main(["completion", "names", "--config", str(folder / "none.toml")]) == ConfigError.exit_status
    assert len(capsys.readouterr().err.splitlines()) == 1
