"""How much is drawn: little in `make test`, a lot in `make test-long`, which loads the profile `long`."""

from __future__ import annotations

from hypothesis import settings

LONG = "long"


def drawn(usual: int, long: int) -> int:
    """How many seeds, inputs or examples a test takes in this run."""
    return long if settings.get_current_profile_name() == LONG else usual
