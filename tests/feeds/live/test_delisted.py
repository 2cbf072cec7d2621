"""A market that is taken off its venue's list while it is heard, where that list is read by the clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.clock import NS_PER_S
from tests.effort import widely
from tests.venues.virtual import Virtual

# Hyperliquid lists what it has delisted, and closes the connection that asks for what was renamed: see
# `test_suspects.py`.
WITHIN_S = {
    "bybit": 65,
    "binance": 65,
    "gemini": 65,
    "bitstamp": 65,
    "binance_usdm": 310,
    "binance_coinm": 310,
}


@pytest.mark.parametrize("venue", widely(list(WITHIN_S), 2))
def test_a_market_that_goes_off_the_list_is_told_and_its_neighbours_go_on(venue: str, tmp_path: Path) -> None:
    world = Virtual(venue, count=2)
    world.until_sound()
    world.run(10.0, NS_PER_S)  # it was listed
    gone, other = world.listeners
    del world.venue.listings[gone]
    world.run(WITHIN_S[venue], NS_PER_S)
    assert world.feed.outage == "halted by the venue: not listed"
    assert world.listeners[other].is_sound
    world.truths[other].check_trades()
    world.listeners[other].check_replay(tmp_path / "passed_on")
