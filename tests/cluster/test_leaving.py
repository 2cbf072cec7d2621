"""A process that does not wait for a library at its end has the exit status of its command all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
CHILD = """
import atexit, sys, threading
atexit.register(print, "waited for")
from signalnode import cli
from signalnode.cli import command
from signalnode.cluster import leaving

def run(argv):
    leaving.at_once()  # as where the head gives no answer
    print("said")
    assert leaving.closed(print) and not leaving.closed(threading.Event().wait, 0.01)
    if argv[0] == "interrupted":
        raise KeyboardInterrupt
    return int(argv[0])

command.run = run
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("end", "status"), [("0", 0), ("18", 18), ("3", 3), ("interrupted", 130)])
def test_what_failed_on_the_way_is_not_what_the_command_came_to(end: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, end], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, "said\n\n", "")
