"""Processes that try are forked here from the one that programs of tests are forked from."""

from __future__ import annotations

from multiprocessing import forkserver

import pytest

from tests.forked import context
from tests.supervisor.forking import room_for_a_mark


@pytest.fixture(autouse=True, scope="session")
def forks() -> None:
    """It begins as whoever else needs it would have it begin."""
    assert context.get_start_method() == "forkserver"
    with room_for_a_mark():
        forkserver.ensure_running()
