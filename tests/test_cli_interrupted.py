"""Ctrl-C while the command is still being loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from signalnode.cli import INTERRUPTED_STATUS

ROOT = Path(__file__).parent.parent


def in_process_of_its_own(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_nothing_is_loaded_before_the_command_looks_after_ctrl_c() -> None:
    code = (
        "import sys\n"
        "known = set(sys.modules)\n"
        "import signalnode.cli\n"
        "print(*sorted(set(sys.modules) - known - {'__future__'}))\n"
    )
    assert in_process_of_its_own(code).stdout.split() == ["signalnode", "signalnode.cli"]


@pytest.mark.parametrize(
    "module", ["argparse", "signalnode.errors", "signalnode.cli.parser", "signalnode.settings"]
)
def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_traceback(module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        f"sys.modules.pop({module!r}, None)\n"
        "from signalnode.cli import main\n"
        "sys.exit(main(['check']))\n"
    )
    done = in_process_of_its_own(code)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED_STATUS, "", "")
