"""What holds for every test, wherever it runs."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

from tests.effort import LONG

# Whatever hypothesis draws is the same on each run, and no question of a busy machine: as it does by itself
# where the environment says CI.
repeatable = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("repeatable", repeatable, max_examples=100)
settings.register_profile(LONG, repeatable, max_examples=3_000)
settings.load_profile("repeatable")

# A shell without job control lets what it starts in the background ignore Ctrl-C; the programs that tests
# send it to would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
