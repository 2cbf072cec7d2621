"""More markets than one connection of a venue bears: all are heard, and its rules are kept on the way."""

from __future__ import annotations

import pytest

from signalnode.feeds.live.sessions import venue_of
from tests.effort import drawn, widely
from tests.venues.listing import Listing
from tests.venues.virtual import Virtual

SPELLED = {"gemini": "X{}USD", "okx": "X{}-USDT", "bybit": "spot:X{}USDT", "hyperliquid": "X{}"}


@pytest.mark.parametrize("venue", widely(list(SPELLED), 1))
def test_markets_beyond_one_connection_are_heard_over_another_and_again_after_a_close(venue: str) -> None:
    limits, world = venue_of(venue).limits, Virtual(venue, count=0)
    count = limits.markets_max * drawn(1, min(4, limits.connections_max)) + 2
    symbols = [SPELLED[venue].format(number) for number in range(count)]
    for symbol in symbols:
        world.venue.listings[symbol] = Listing(symbol, 1, 1_000)
        world.venue.listings[symbol].halted = True
        world.gateway.want(symbol)
    places = -(-count // limits.markets_max)
    for connects in (places, 2 * places):
        world.run(40.0, 10**8)
        assert all(world.pool._is_heard(symbol) for symbol in symbols)
        assert world.venue.connects == connects
        world.venue.close_all(1012)
    assert not world.venue.broken_rules
