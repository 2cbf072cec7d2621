"""More that must hold at every live venue: old, newer and shallow images, clocks that jump; slow readers."""

from __future__ import annotations

import pytest

from signalnode.feeds.live.sessions import binance_words, venue_of
from signalnode.feeds.live.sessions.binance_words import BinanceVenue
from signalnode.settings import LIVE_VENUES
from tests.effort import drawn, reach, widely
from tests.venues import venue as made
from tests.venues.virtual import UNSEEN, Virtual

BLIND = UNSEEN | {"coinbase"}  # where an image that is old already when it comes looks like any other
FETCHED = [name for name in LIVE_VENUES if isinstance(venue_of(name), BinanceVenue)]  # whose books are


@pytest.fixture
def world(venue: str) -> Virtual:
    world = Virtual(venue, count=drawn(1, 2))
    world.until_sound()
    return world


@pytest.mark.parametrize("venue", LIVE_VENUES[reach(1, 0) :: reach(3, 1)])
def test_an_image_that_is_older_than_the_stream_is_taken_for_no_book(world, venue, tmp_path):
    for symbol, listing in world.venue.listings.items():
        listing.keep_image(1_000)
        if symbol in world.truths:
            # Elsewhere the next update shows it, if anything does.
            world.truths[symbol].is_known = venue in FETCHED
    world.run(0.5)
    world.venue.close_all(1012)
    world.run(drawn(2.5, 20.0))
    for listing in world.venue.listings.values():
        listing.keep_image(0)
    if venue in BLIND:
        world.reconnect()
    world.until_sound()
    for truth in world.truths.values():
        truth.forget()
    world.run(1.0)
    world.finish(tmp_path)


@pytest.mark.parametrize(("ahead", "levels"), [(7, 5), (0, 20), (7, 1_000)])
@pytest.mark.parametrize("venue", widely(FETCHED, 2))
def test_an_image_newer_or_shallower_than_the_stream_costs_no_update_and_no_truth(
    world, ahead, levels, tmp_path, monkeypatch
):
    monkeypatch.setattr(binance_words, "IMAGE_LEVELS", levels)
    world.image_ahead = ahead
    gaps = world.feed.losses()["depth"].gaps
    world.venue.close_all(1012)
    world.until(lambda: bool(world.feed.outage), "the close")
    world.until_sound()
    world.run(1.0)
    assert world.feed.losses()["depth"].gaps <= gaps + 1
    world.finish(tmp_path)


@pytest.mark.parametrize("venue", widely(LIVE_VENUES, 1))
def test_our_clock_may_have_moved_where_a_gateway_starts_again(world, tmp_path):
    for ahead_s in (0, 3_600):
        world.restart_gateway(ahead_s * 10**9)
        world.run(0.5)
        world.until_sound()
        world.run(1.0)
    world.finish(tmp_path)


@pytest.mark.parametrize("venue", widely(LIVE_VENUES, 1))
def test_a_gateway_that_does_not_read_is_closed_by_the_venue_and_comes_back(world, tmp_path, monkeypatch):
    monkeypatch.setattr(made, "OUT_MAX", 40)
    for truth in world.truths.values():
        truth.is_known = False  # what waits is older than the market
    world.gateway.frozen.update(world.peers)
    world.until(lambda: all(peer.is_closed for peer in world.peers.values()), "the venue's patience to end")
    for truth in world.truths.values():
        truth.due.clear()  # what waited to be read went with the connection
        truth.optional = truth.optional + truth.came
    world.gateway.frozen.clear()
    world.tick()
    assert "1008 does not read" in world.feed.outage
    world.until_sound()
    for truth in world.truths.values():
        truth.forget()
    world.run(1.0)
    for listener in world.listeners.values():
        listener.check_replay(tmp_path / "passed_on")


IN_BAND = [name for name in LIVE_VENUES if name not in FETCHED]
DEEPER = [name for name in IN_BAND if name != "hyperliquid"]  # than 20 levels
THINNING = [name for name in LIVE_VENUES if name != "hyperliquid"]  # whose 20 levels are few as they are
# Where nothing in an update says which image it comes behind.
UNNUMBERED = frozenset({"dydx", "coinbase", "gemini"})


@pytest.mark.parametrize("venue", widely(IN_BAND, 4))
def test_an_image_amid_updates_takes_the_place_of_the_book_and_of_what_was_lost(world, venue, tmp_path):
    truth, gaps = world.truths[world.symbol], world.feed.losses()["depth"].gaps
    for is_lost in (False, True):
        world.venue.kept_back |= {world.symbol: []} if is_lost else {}
        truth.is_known = not is_lost
        world.run(0.5)
        world.venue.kept_back.clear()
        world.venue.tell_image(world.symbol)
        world.tick()
        truth.forget()
        world.until_sound()
        world.run(1.0)
    assert world.feed.losses()["depth"].gaps == gaps
    world.finish(tmp_path)


@pytest.mark.parametrize("venue", IN_BAND[reach(2, 0) :: reach(3, 1)])
def test_an_image_of_a_few_levels_amid_updates_makes_no_depth_too_small(world, venue, tmp_path):
    listing, images = world.venue.listings[world.symbol], world.feed.losses()["depth"].snapshots
    listing.depth_max = 5
    world.venue.tell_image(world.symbol)
    world.run(0.5)
    faults = world.feed.faults
    assert faults.get("checksum_differs" if venue == "kraken" else "book_thin") or venue == "hyperliquid"
    assert world.feed.losses()["depth"].snapshots > images
    listing.depth_max = 0
    world.until_sound()
    world.run(0.5)
    world.finish(tmp_path)


@pytest.mark.parametrize("venue", widely(DEEPER, 2))
def test_an_image_without_a_third_of_its_levels_amid_updates_makes_no_depth_too_small(world, venue, tmp_path):
    listing, images = world.venue.listings[world.symbol], world.feed.losses()["depth"].snapshots
    whole = listing.image(25 if venue == "kraken" else 100)
    listing.depth_max = 2 * min(len(whole.bids), len(whole.asks)) // 3
    world.venue.tell_image(world.symbol)
    world.run(0.5)
    assert world.feed.faults["book_thin"]
    assert world.feed.losses()["depth"].snapshots > images
    listing.depth_max = 0
    world.until_sound()
    world.run(0.5)
    world.finish(tmp_path)


@pytest.mark.parametrize("venue", widely(THINNING, 2))
def test_a_book_that_became_thin_while_nobody_heard_it_is_taken_for_what_it_is(world, venue, tmp_path):
    world.venue.close_all(1012)
    world.until(lambda: bool(world.feed.outage), "the close")
    market = world.venue.listings[world.symbol].market
    market.bids, market.asks = market.best(8)
    world.until_sound()
    world.run(1.0)
    assert world.feed.faults["book_thin"] == 1
    world.finish(tmp_path)


@pytest.mark.parametrize("venue", widely(DEEPER, 1))
def test_a_new_connections_image_of_a_few_levels_is_no_book_to_take_over(world, venue, tmp_path):
    for listing in world.venue.listings.values():
        listing.depth_max = 20
    world.replace_connections()
    world.run(1.0)
    for listing in world.venue.listings.values():
        listing.depth_max = 0
    world.until_sound()
    world.run(1.0)
    assert world.feed.faults["book_thin"]
    world.finish(tmp_path)


@pytest.mark.parametrize("venue", IN_BAND[reach(1, 0) :: reach(3, 1)])
def test_updates_that_an_image_has_already_are_found_out_where_they_are_numbered(world, venue, tmp_path):
    truth = world.truths[world.symbol]
    world.venue.kept_back[world.symbol] = []
    truth.is_known = False
    world.run(0.5)
    truth.is_known = venue not in UNNUMBERED
    world.venue.tell_image(world.symbol)
    world.run(1.0)
    if venue in UNNUMBERED:
        world.reconnect()
    world.until_sound()
    world.run(1.0)
    world.finish(tmp_path)
