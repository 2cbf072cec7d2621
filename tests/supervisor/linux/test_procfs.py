"""Ending processes that nobody else would."""

from __future__ import annotations

import os
import signal

from signalnode_supervisor.linux.procfs import kill_orphans, own_children
from tests.supervisor.harness import is_alive


def test_an_orphan_that_shows_no_mark_is_ended_and_what_was_begun_here_is_not() -> None:
    spared, environment = frozenset(own_children()), {"PATH": os.environ["PATH"]}
    here, orphan = (
        os.posix_spawnp("sleep", ["sleep", "600"], environment, setsid=elsewhere)
        for elsewhere in (False, True)
    )
    try:
        kill_orphans(spared)
        assert not is_alive(orphan)
        assert is_alive(here)
    finally:
        os.kill(here, signal.SIGKILL)
        os.waitpid(here, 0)
