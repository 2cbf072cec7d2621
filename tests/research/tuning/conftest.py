"""Processes that try are forked here from the one that programs of tests are forked from."""

from __future__ import annotations

import pytest

from tests.forked import begin


@pytest.fixture(autouse=True, scope="session")
def forks() -> None:
    """It begins as whoever else needs it would have it begin."""
    begin()
