"""A day of a live market, with what happens on one, costs a gateway's sessions and an engine no memory."""

from __future__ import annotations

import gc
from pathlib import Path

from signalnode.clock import NS_PER_S
from tests.effort import only_long
from tests.venues.virtual import Virtual

DAY_S, WARM_S, EVERY_S = 86_400, 7_200, 3_600
GROWTH_BYTES_MAX = 2_000_000


def resident_bytes() -> int:
    """What this process holds of its own."""
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1_024 for line in lines if line.startswith("Private_Dirty"))


def live_through(world: Virtual, seconds: int) -> None:
    """A step a second, a close each hour; what the test itself keeps is thrown away."""
    for second in range(seconds):
        world.tick(NS_PER_S)
        if second % EVERY_S == EVERY_S - 1:
            world.venue.close_all(1012)
        if second % 100:
            continue
        for symbol, listener in world.listeners.items():
            for kept in (listener.events, listener.scores, listener.lines):
                kept.clear()
            truth = world.truths[symbol]
            for counted in (truth.due, truth.optional, truth.came):
                counted.clear()


@only_long("a day of steps")
def test_a_day_costs_no_memory() -> None:
    world = Virtual("dydx", count=1)
    live_through(world, WARM_S)
    before = resident_bytes()
    live_through(world, DAY_S - WARM_S)
    assert world.feed.faults["market_lost"] > DAY_S / EVERY_S - 2
    assert resident_bytes() - before < GROWTH_BYTES_MAX
