"""The doctor looks at every live venue, the strict one of its kind: up to a book, with no rule broken."""

from __future__ import annotations

import pytest

from signalnode.feeds.live import probe
from signalnode.feeds.live.reach import silent
from signalnode.feeds.live.sessions import venue_of
from signalnode.settings import LIVE_VENUES
from tests.venues.server import Running, Server

POSTED = {"hyperliquid"}  # what it is asked for by REST, a server of websockets does not take


@pytest.mark.parametrize("name", LIVE_VENUES)
def test_each_live_venue_is_looked_at_up_to_its_first_book(name: str) -> None:
    server, steps = Server(name), []
    with Running(server):
        symbol = server.venue.protocol.symbols[0]
        if name not in POSTED:
            assert probe.look_at_rest(name, server.rest_url, silent) in server.venue.protocol.symbols
        place = probe.Place(server.ws_url, server.rest_url, symbol)
        probe.look_at_socket(venue_of(name), place, lambda step, seen: steps.append((step, seen)))
    books = [seen for step, seen in steps if step == "first book"]
    assert len(books) == 1
    assert books[0].startswith(f"{symbol} bid ")
    assert not server.venue.broken_rules
