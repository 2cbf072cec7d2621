"""How much is drawn: little in `make test`, a lot in `make test-long`, which loads the profile `long`.

What `make test` holds at some venues alone is held at each in `make test-outside`, which loads `wide` for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")
LONG = "long"
WIDE = "wide"
PATIENCE_S = 180.0  # far beyond what anything takes on a busy machine; a test that waits this long has failed
PATIENCE_MS = int(1_000 * PATIENCE_S)


def drawn(usual: T, long: T) -> T:
    """How many seeds, inputs, examples or seconds a test takes in this run."""
    return long if settings.get_current_profile_name() == LONG else usual


def reach(usual: T, wide: T) -> T:
    """Over what a test is held in this run: `wide` in `make test-outside` and the long tests."""
    return wide if settings.get_current_profile_name() in (WIDE, LONG) else usual


def widely(choices: Sequence[T], usual: int) -> Sequence[T]:
    """The first of them, or all: over which venues a test is held in this run."""
    return choices[: reach(usual, len(choices))]


def some(choices: Sequence[T], usual: int) -> Sequence[T]:
    """The first of them, or all: what a test is made over in this run."""
    return choices[: drawn(usual, len(choices))]


def only_long(why: str) -> pytest.MarkDecorator:
    """For a test that has a smaller one beside it in `make test`."""
    return pytest.mark.skipif(not drawn(False, True), reason=f"{why}: in make test-long")
