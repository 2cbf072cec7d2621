"""Seeded schedules of crashes, hangs, slow starts, stalls, successions and requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode_supervisor import clock
from signalnode_supervisor.core import liveness
from signalnode_supervisor.settings import Settings
from tests.effort import drawn
from tests.simulation.world import World

SCHEDULES = drawn(100, 10_000)
PARTS = 10
PREPARE_S_MAX = 6.0  # instead of an hour: schedules last for seconds


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        runtime_dir=tmp_path, state_dir=tmp_path, starts_at_once_max=2, start_slot_s=0.2, order_wait_s=1.0
    )


@pytest.mark.parametrize("part", range(PARTS))
def test_every_invariant_holds_in_every_schedule(
    part: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_clock() -> int:
        raise AssertionError("the core read a clock: a step of the wall clock could then change what it does")

    monkeypatch.setattr(clock, "wall_ns", no_clock)
    monkeypatch.setattr(clock, "monotonic_ns", no_clock)
    monkeypatch.setattr(liveness, "PREPARE_S_MAX", PREPARE_S_MAX)
    for seed in range(part, SCHEDULES, PARTS):
        try:
            World(seed, settings).run()
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}") from broken
        except Exception as broken:
            raise AssertionError(f"seed {seed}: {type(broken).__name__}: {broken}") from broken


def test_one_seed_gives_one_schedule(settings: Settings) -> None:
    first, second = World(7, settings), World(7, settings)
    first.run()
    second.run()
    assert (first.now_ns, first._pids) == (second.now_ns, second._pids)
