"""What holds for every test: whatever hypothesis draws is the same on each run, however busy the machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# As hypothesis does by itself where the environment says CI, and here so everywhere.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")
