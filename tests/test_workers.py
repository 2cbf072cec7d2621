"""A run that is shared out says of each test what pytest alone would, and of a worker that it died."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.effort import PATIENCE_S
from tests.workers import context

FILES = {
    "test_one.py": """
import os, pathlib, pytest

@pytest.fixture(scope="module")
def made(tmp_path_factory):
    yield tmp_path_factory.mktemp("made")
    pathlib.Path("let_go").touch()

@pytest.mark.parametrize("number", range(20))
def test_of_one_file_runs_in_one_process(made, number):
    (made / str(os.getpid())).touch()
    assert len(list(made.iterdir())) == 1

@pytest.mark.skip(reason="a reason to skip")
def test_skipped(): pass
""",
    "test_two.py": """
def test_says_something():
    print("said before it failed")
    assert [1, 2] == [1, 3]

def test_after_it(): pass

def test_error_behind_it(request):
    request.addfinalizer(lambda: 1 / 0)
""",
    "test_three.py": """
import os, signal

def test_before(): pass

def test_kills_its_worker():
    os.kill(os.getpid(), signal.SIGKILL)

def test_that_never_ran(): pass
""",
}


class Told(NamedTuple):
    status: int | None
    said: str


def run(folder: Path, *words: str) -> Told:
    """A run of pytest, in a process forked from this one: from nothing it takes half a second to load."""
    process = context.Process(target=_pytest, args=(folder, words))
    process.start()
    process.join(PATIENCE_S)
    process.kill()
    return Told(process.exitcode, (folder / "said").read_text())


def _pytest(folder: Path, words: Sequence[str]) -> None:
    os.chdir(folder)
    os.environ["COLUMNS"] = "200"
    with open("said", "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    sys.exit(pytest.main(["-p", "tests.workers", "-p", "no:cacheprovider", "-ra", *words]))


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_test_is_told_of_whatever_becomes_of_it_or_its_worker(suite: Path) -> None:
    told = run(suite, "--workers", "2")
    assert told.status == pytest.ExitCode.TESTS_FAILED
    lines = told.said.splitlines()
    assert lines[-1].strip("= ").startswith("4 failed, 23 passed, 1 skipped, 1 error in "), told.said
    for line in (
        "said before it failed",
        "SKIPPED [1] test_one.py:",
        "FAILED test_two.py::test_says_something - assert [1, 2] == [1, 3]",
        "ERROR test_two.py::test_error_behind_it - ZeroDivisionError: division by zero",
        "FAILED test_three.py::test_before - The worker of this test or the next ended: -9.",
        "FAILED test_three.py::test_kills_its_worker - Not run: its worker ended before.",
        "FAILED test_three.py::test_that_never_ran - Not run: its worker ended before.",
    ):
        assert any(each.startswith(line) for each in lines), (line, told.said)
    assert (suite / "let_go").exists()


def test_a_run_ends_at_its_first_failure_where_that_is_asked_for(suite: Path) -> None:
    (suite / "test_three.py").unlink()
    (suite / "test_four.py").write_text("import signal\n\ndef test_of_an_hour():\n    signal.pause()\n")
    told = run(suite, "--workers", "2", "-x", "test_four.py", "test_two.py")
    assert "stopping after 1 failures" in told.said, told.said
    assert told.status == pytest.ExitCode.TESTS_FAILED
    assert "Not run" not in told.said
