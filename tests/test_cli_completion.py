"""Completion: real shells offer the parser's verbs and options, and the config's markets."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import argcomplete
import pytest

from signalnode.cli import main
from signalnode.cli.completion import SHELLS, answer
from signalnode.cli.parser import command_line
from signalnode.errors import UsageError
from signalnode.settings import VENUE_NAMES
from tests.command_line import shown_by_help
from tests.effort import drawn, some
from tests.forked_command import forked_command
from tests.shells import Typist, fish_offers

ROOT = Path(__file__).parent.parent
NAMES = ["A-USD", "BROKEN", "aggregator", "gateway.dydx"]
Asked = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A config with a sound and a broken market, and the command as a user would call it."""
    folder = tmp_path_factory.mktemp("home")
    markets = folder / "config" / "markets"
    markets.mkdir(parents=True)
    (folder / "config" / "signalnode.toml").write_text("")
    (folder / "run").mkdir()
    (folder / "run" / "gateway.dydx.lock").touch()
    (markets / "A-USD.toml").write_text('market = "A-USD"\n[feed]\nkind = "synthetic"\n')
    (markets / "BROKEN.toml").write_text("= no")
    (markets / "not a name.toml").write_text("")
    shutil.copytree(folder / "config", folder / "other")
    (folder / "other" / "markets" / "A-USD.toml").rename(folder / "other" / "markets" / "B-USD.toml")
    (folder / "two words.toml").write_text("")
    command = folder / "bin" / "signalnode"
    command.parent.mkdir()
    with forked_command(command):
        yield folder


@pytest.fixture
def offered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the command answers a shell for a line that ends at the cursor."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setenv("_ARGCOMPLETE_IFS", "\n")
    monkeypatch.setenv("_ARGCOMPLETE_SUPPRESS_SPACE", "1")
    monkeypatch.setenv("_ARGCOMPLETE_COMP_WORDBREAKS", " \n")
    # It would take over the descriptor 9, which a shell opens for it and which is somebody's here.
    monkeypatch.setattr(argcomplete.CompletionFinder, "_init_debug_stream", lambda _: None)

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("COMP_LINE", line)
        monkeypatch.setenv("COMP_POINT", str(len(line)))
        said = io.StringIO()
        answer(command_line(), output_stream=said, exit_method=lambda _: None)
        return said.getvalue().splitlines()

    return ask


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("signalnode resta", ["restart"]),
        ("signalnode stop ", NAMES),
        ("signalnode stop A", ["A-USD"]),
        ("signalnode stop A-USD BR", ["BROKEN"]),
        ("signalnode logs --follow ", NAMES),
        ("signalnode --config other/signalnode.toml stop B", ["B-USD", "BROKEN"]),
        ("signalnode stop --config=other/signalnode.toml B", ["B-USD", "BROKEN"]),
        ("signalnode stop --config nowhere.toml ", []),
        ("signalnode run --pa", ["--panel"]),
        ("signalnode logs --lines ", []),
        ("signalnode reload ", []),
        ("signalnode replay --market A", ["A-USD"]),
        ("signalnode replay --market=A", ["--market=A-USD"]),
        ("signalnode replay --venue ", list(VENUE_NAMES)),
        ("signalnode completion ", list(SHELLS)),
        ("signalnode keys new --d", ["--dir"]),
        ("signalnode keys new --dir o", ["other/"]),
        ("signalnode replay o", ["other/"]),
        ("signalnode check --config c", ["config/"]),
    ],
)
def test_what_may_follow_is_offered(offered: Asked, line: str, expected: list[str]) -> None:
    assert sorted(offered(line)) == sorted(expected)


def test_every_verb_and_option_of_the_help_is_offered(
    offered: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.delenv("_ARGCOMPLETE")
        verbs, _ = shown_by_help()
        below = [("keys", verb) for verb in shown_by_help("keys")[0]]
        asked = ([(each,) for each in verbs] + below)[:: drawn(4, 1)]
        options = {verb: shown_by_help(*verb)[1] for verb in asked}
    assert offered("signalnode ") == verbs
    assert offered("signalnode keys ") == [verb for _, verb in below]
    for verb, expected in options.items():
        assert offered(" ".join(("signalnode", *verb, "--"))) == expected


LINES = [
    ("signalnode resta", "restart"),
    ("signalnode keys new --d", "--dir"),
    ("signalnode --config other/signalnode.toml stop B-", "B-USD"),
    ("true && ~/bin/signalnode stop A", "A-USD"),
    ("bin/signalnode check --config two", "two words.toml"),
    ("signalnode check --config ~/oth", "~/other"),
    ("signalnode logs --lines c", "c"),
]


@pytest.fixture(scope="module", params=SHELLS)
def last_word(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[[str], str]]:
    """What Tab makes of the last word of a line, in each shell."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
    script = folder / f"script.{shell}"
    with pytest.MonkeyPatch.context() as patched, script.open("w") as file:
        patched.setattr(sys, "stdout", file)
        assert main(["completion", shell]) == 0
    if shell == "fish":
        yield lambda line: (fish_offers(script, folder, environment, line) or [line.split()[-1]])[0]
        return
    with Typist(shell, script, folder, environment) as typist:
        yield typist.last_word


@pytest.mark.parametrize(("line", "expected"), some(LINES, 5))
def test_tab_completes_in_a_real_shell(
    last_word: Callable[[str], str], folder: Path, line: str, expected: str
) -> None:
    assert last_word(line).replace(str(folder), "~").rstrip("/") == expected


def test_an_answer_loads_nothing_of_the_node(folder: Path, tmp_path: Path) -> None:
    line, said = "signalnode stop A", tmp_path / "said"
    question = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(said)}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "_ARGCOMPLETE": "1", **question}
    command = [sys.executable, "-X", "importtime", "-m", "signalnode"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert said.read_text() == "A-USD "
    loaded = {text.split("|")[-1].strip().split(".")[0] for text in done.stderr.splitlines()}
    assert "argcomplete" in loaded
    assert not loaded & {"numpy", "numba", "zmq", "msgspec", "pyarrow", "rich", "signalnode_supervisor"}


def test_an_unknown_shell_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == UsageError.exit_status
    (line,) = capsys.readouterr().err.splitlines()
    assert "invalid choice: 'tcsh'" in line
