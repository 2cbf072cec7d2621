"""What holds for every test, wherever it runs."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# Whatever hypothesis draws is the same on each run, and no question of a busy machine: as it does by itself
# where the environment says CI.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# A shell without job control lets what it starts in the background ignore Ctrl-C; the programs that tests
# send it to would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
