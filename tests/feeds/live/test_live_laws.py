"""What must hold at every live venue, whatever happens on the way: a venue as strict as the real one, a pool
of sessions and the markets' feeds and engines, in one process and in virtual time.

Held against the market as it truly is, at every tick (`truth.Truth`); and at the end live is replay.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import Random

import pytest

from signalnode.book import OLD_MAX
from signalnode.feeds import ChannelHealth
from signalnode.feeds.live.sessions import venue_of
from signalnode.settings import LIVE_VENUES
from tests.effort import drawn, reach, widely
from tests.feeds.venues.made.spoiling import spoiled
from tests.venues import faults
from tests.venues.faults import Fault
from tests.venues.fuzz import fuzz
from tests.venues.protocol import protocol_of
from tests.venues.virtual import OFFSET_NS, SETTLED_S, STEPS_PER_S, TICK_NS, UNSEEN, Virtual

FAULTS: dict[str, Callable[[str], Fault]] = {
    "a frame that breaks off": faults.broken_off,
    "a frame that is no text": faults.not_text,
    "no number": lambda symbol: faults.number_put(symbol, b"NaN"),
    "a text for a number": lambda symbol: faults.number_put(symbol, b'"x"'),
    "a number too large": lambda symbol: faults.number_put(symbol, b"1e999"),
    "a number too large to be true": lambda symbol: faults.number_put(symbol, b"1e300"),
    "an update twice": faults.doubled,
    "an update late": faults.late,
    "an update lost": faults.lost,
    "a wrong checksum": faults.checksum_wrong,
    "a frame too large": faults.huge,
    "a trade lost": lambda symbol: faults.lost(symbol, "trades"),
    "a trade twice": lambda symbol: faults.doubled(symbol, "trades"),
    "a trade late": lambda symbol: faults.late(symbol, "trades"),
    "a trade that breaks off": lambda symbol: faults.broken_off(symbol, "trades"),
}
UNCROSSED = frozenset({"dydx"})  # whose rule drops levels, right or wrong
UNTOLD = frozenset({"an update lost", "an update late"})
BELIEVED = frozenset({"a number too large to be true"})  # by all, for who is to say so
NUMBERED = frozenset({"dydx", "coinbase"})  # whose messages are, by connection
QUIET = frozenset({"market_lost", "book_gap"})  # told before all was heard
CODES = (1000, 1001, 1008, 1011, 1012, 1013, 4008)


# All that a venue can be: a book whose losses nobody sees, one that is fetched, of checksums, told whole.
KINDS = reach(("dydx", "binance", "kraken", "hyperliquid"), LIVE_VENUES)
at_every_kind = pytest.mark.parametrize("venue", KINDS)
# What a venue's words decide little of is held at every third here, each law at another third.
THIRDS = [LIVE_VENUES[reach(first, 0) :: reach(3, 1)] for first in range(3)]
at_some_venues = [pytest.mark.parametrize("venue", venues) for venues in THIRDS]
# What no venue's own words decide is held at one, and in `make test-outside` at each.
at_one_venue = pytest.mark.parametrize("venue", widely(LIVE_VENUES, 1))


@pytest.fixture
def world(venue: str) -> Virtual:
    made = Virtual(venue, count=2)
    made.until_sound()
    return made


@pytest.fixture
def narrow(venue: str) -> Virtual:
    """One market, for a law of no neighbour; two where a neighbour sees what is lost, by its numbers."""
    made = Virtual(venue, count=drawn(2 if venue in NUMBERED else 1, 2))
    made.until_sound()
    return made


def put_right(world: Virtual, venue: str, name: str) -> None:
    """Let some time pass, and then what cannot be seen be mended by a new connection."""
    unseen = name in BELIEVED or (venue in UNSEEN and name in UNTOLD)
    truth = world.truths[world.symbol]
    truth.is_known = not unseen
    world.until_spoiled()
    if unseen:
        world.run(SETTLED_S)
        world.reconnect()
    world.until_sound()


@at_every_kind
def test_a_book_is_never_shown_broken_and_no_trade_is_lost_or_told_twice(narrow, venue, tmp_path):
    for name, fault_of in FAULTS.items():
        narrow.venue.script.faults.append(fault_of(narrow.symbol))
        put_right(narrow, venue, name)
    narrow.run(2.0)
    narrow.finish(tmp_path)


@at_some_venues[2]
def test_a_planned_reconnect_costs_nothing(narrow, venue, tmp_path):
    before, taken = dict(narrow.peers), narrow.feed.connection
    narrow.replace_connections()
    while any(peer in narrow.peers.values() for peer in before.values()):
        narrow.tick()
        assert narrow.is_sound(), narrow.feed.trouble or narrow.feed.outage
        assert narrow.now_ns < 60 * 10**9
    narrow.run(drawn(2.0, 12.0))
    assert narrow.is_sound()
    assert narrow.feed.connection > taken
    assert not narrow.feed.faults.keys() - QUIET, narrow.feed.faults
    narrow.finish(tmp_path)


@at_some_venues[1]
def test_a_gateways_planned_restart_costs_nothing(world, venue, tmp_path):
    old, taken = world.gateway, world.feed.connection
    for _ in range(drawn(1, 3)):
        world.relieve_gateway()
        end_ns = world.now_ns + 15 * 10**9  # by when each market has moved; without, it takes RELIEF_S_MAX
        while world.young is not None:
            world.tick()
            assert world.is_sound(), world.feed.trouble or world.feed.outage
            assert world.now_ns < end_ns
        world.run(drawn(1.0, 12.0))
    assert world.is_sound()
    assert world.feed.connection > taken
    assert world.gateway is not old
    assert not world.feed.faults.keys() - QUIET, world.feed.faults
    world.finish(tmp_path)


@pytest.mark.parametrize("who", ["gateway", "young"])
@pytest.mark.parametrize("venue", LIVE_VENUES[:: reach(5, 1)])
def test_a_gateway_that_dies_while_another_relieves_it_costs_its_markets_nothing(world, venue, who, tmp_path):
    world.relieve_gateway()
    world.until(lambda: all(map(world.young.pool.is_settled, world.listeners)), "the other to hear all")
    world.run(0.3)
    getattr(world, who).end()
    for _ in range(40):
        world.tick()
        assert world.is_sound(), world.feed.trouble or world.feed.outage
    assert not world.feed.faults.keys() - QUIET, world.feed.faults
    world.finish(tmp_path)


UNTIL_ASKED = [each for each in LIVE_VENUES if venue_of(each).limits.refresh_s < inf]


@pytest.mark.parametrize("venue", widely(UNTIL_ASKED, 1))
def test_a_book_whose_losses_nobody_sees_is_made_anew_and_that_costs_nothing(narrow, venue, tmp_path):
    taken, snapshots = narrow.feed.connection, narrow.feed.losses()["depth"].snapshots
    for _ in range(310):
        narrow.tick(10**9)
        assert narrow.is_sound(), narrow.feed.trouble or narrow.feed.outage
    assert narrow.feed.connection > taken
    assert narrow.feed.losses()["depth"].snapshots > snapshots
    assert narrow.feed.losses()["depth"].gaps == 0
    narrow.finish(tmp_path)


@at_every_kind
def test_a_market_comes_through_any_schedule_of_faults(venue, tmp_path):
    for seed in range(drawn(1, 200)):
        random = Random(seed)
        world = Virtual(venue, count=2, seed=seed)
        world.until_sound()
        for _ in range(8):
            fault = faults.drawn(random, random.choice(list(world.listeners)))
            world.truths[fault.symbol].is_known = venue not in UNSEEN
            world.venue.script.faults.append(fault)
            world.run(random.random() * 2.0)
            if random.random() < 0.3:
                world.replace_connections()
            if random.random() < 0.2:
                world.venue.close_all(random.choice(CODES))
        world.until_spoiled()
        world.reconnect()
        world.until_sound()
        world.run(1.0)
        world.finish(tmp_path)


@at_one_venue
def test_every_close_is_told_with_its_code_and_made_good(world, tmp_path):
    for code in CODES:
        world.venue.close_all(code)
        world.tick()
        assert str(code) in world.feed.outage
        world.until_sound()
    world.finish(tmp_path)


@at_one_venue
def test_a_venue_that_is_away_for_ten_minutes_is_asked_seldom_and_found_again(world, venue, tmp_path):
    world.venue.script.status = 503
    world.venue.close_all(1012)
    before = world.venue.connects
    world.run(600.0, 2 * 10**9)
    assert "503" in world.feed.outage
    assert 10 <= world.venue.connects - before <= 60
    world.venue.script.status = 0
    world.until_sound()
    world.finish(tmp_path)


@at_one_venue
def test_a_venue_that_wants_to_be_left_alone_is(world):
    world.venue.script.status, world.venue.script.retry_after = 429, "40"
    world.venue.close_all(1008)
    before, count = world.venue.connects, len(world.pool.sessions)
    world.until(lambda: world.venue.connects == before + count, "a connect of each connection")
    world.run(38.0, 10**8)
    assert world.venue.connects == before + count
    world.venue.script.status = 0
    world.until_sound()


@pytest.mark.parametrize("status", [403, 451])
@at_one_venue
def test_a_refusal_that_cannot_heal_is_told_once_and_left(world, status):
    world.venue.script.status, count = status, len(world.peers)
    world.venue.close_all(1008)
    before = world.venue.connects
    world.run(180.0, 10**9)
    assert world.venue.connects == before + count
    assert world.feed.outage == f"refused: HTTP {status}"


@at_one_venue
def test_a_peer_that_is_gone_without_a_word_is_found_out(world, venue, tmp_path):
    world.gateway.frozen.update(world.peers)
    world.until(lambda: bool(world.feed.outage), "the outage")
    assert "silent" in world.feed.outage or "no answer" in world.feed.outage
    world.until_sound()
    world.venue.broken_rules.clear()  # it heard nothing of us meanwhile
    world.finish(tmp_path)


@at_one_venue
def test_a_book_that_was_promised_and_does_not_come_is_asked_for_again(venue, tmp_path):
    world = Virtual(venue, count=2)
    world.venue.script.silent.add((world.symbol, "book"))
    world.run(15.0)
    other = list(world.listeners)[1]
    assert world.listeners[other].is_sound
    world.venue.script.silent.clear()
    if venue in UNSEEN:
        world.reconnect()
    world.until_sound()
    world.finish(tmp_path)


@at_some_venues[1]
def test_a_crossed_book_is_shown_to_nobody(narrow, venue, tmp_path):
    truth = narrow.truths[narrow.symbol]
    for _ in range(drawn(2, 5)):
        truth.is_known = venue not in UNCROSSED
        narrow.cross()
        narrow.until_sound()
    narrow.finish(tmp_path)


@at_some_venues[1]
def test_a_halt_is_told_in_the_venues_own_word_and_costs_nothing(world, venue, tmp_path):
    other = list(world.listeners)[1]
    world.venue.listings[world.symbol].halted = True
    if world.venue.protocol.tells_halts:
        world.run(8.0, 10**8)
    else:
        world.run(65.0, 10**9)
    assert world.feed.outage == f"halted by the venue: {world.venue.protocol.halt}"
    assert not world.listeners[other].feed.outage
    world.venue.listings[world.symbol].halted = False
    world.until_sound()
    world.run(1.0)
    world.finish(tmp_path)


@at_one_venue
def test_trades_that_stop_under_a_moving_book_are_told_in_five_seconds_and_no_others(world):
    heard = {symbol: ChannelHealth() for symbol in world.listeners}

    def silent_after(seconds: float) -> set[tuple[str, str]]:
        found = set()
        for _ in range(round(seconds * 2 * STEPS_PER_S)):
            world.tick(TICK_NS // 2)  # a busy market
            for symbol, health in heard.items():
                health.observe(world.listeners[symbol].events[-1])
                found |= {(symbol, channel) for channel in health.silent(world.now_ns + OFFSET_NS)}
        return found

    assert not silent_after(10.0)
    world.venue.script.silent.add((world.symbol, "trades"))
    assert silent_after(5.0) == {(world.symbol, "trades")}


@at_some_venues[0]
def test_what_a_slow_engine_missed_costs_it_its_book_until_the_next_image_and_no_other_market(world, venue):
    slow, other = list(world.listeners)
    before = dict(world.listeners[other].feed.faults)
    for _ in range(2):
        world.slow.add(slow)
        world.run(0.5)
        world.slow.clear()
        world.until_sound()
    assert world.listeners[slow].feed.faults["frames_lost"] == 2
    assert world.listeners[other].feed.faults == before
    for truth in world.truths.values():
        truth.check_trades()


@at_one_venue
def test_the_venues_clock_may_jump(world, tmp_path):
    for jump_s in (-3_600, 7_200):
        world.venue_ahead_ns = jump_s * 10**9
        world.run(2.0)
        world.until_sound()
    world.finish(tmp_path)


@at_some_venues[0]
def test_markets_that_do_nothing_for_minutes_cost_no_connection(world, venue):
    for listing in world.venue.listings.values():
        listing.halted = True
    before = world.venue.connects
    world.run(100.0, 10**9)
    assert world.venue.connects == before
    assert not world.venue.broken_rules


@pytest.mark.parametrize("seed", range(drawn(1, 10)))
@at_some_venues[2]
def test_no_frame_whatever_it_holds_is_more_than_a_fault(venue, seed):
    assert fuzz(venue, seed, drawn(200, 100_000)) > 0


@at_some_venues[1]
def test_a_market_outlives_a_time_of_nothing_but_nonsense(narrow, venue):
    random = Random(8)
    for truth in narrow.truths.values():
        truth.is_known = False
    narrow.spoil = lambda frame: spoiled(frame, random) if random.random() < 0.5 else frame
    narrow.run(drawn(6, 600))
    narrow.spoil = None
    narrow.run(2 * OLD_MAX / STEPS_PER_S)  # until numbers that were spoiled so are found out
    narrow.reconnect()
    told = narrow.feed.outage.partition(":")[0]
    if told != "refused":  # as a frame may say that was spoiled so
        narrow.until_sound()


def test_a_market_of_which_the_venue_says_nothing_is_refused_and_costs_its_neighbours_little():
    world = Virtual("dydx", count=1)
    world.until_sound()
    answered = world.venue.on_frame
    world.venue.on_frame = lambda peer, frame, now_s: b"MUTE-USD" in frame or answered(peer, frame, now_s)
    world.want("MUTE-USD")
    before = world.venue.connects
    world.run(300.0, 10**9)
    assert world.told["MUTE-USD"].startswith("refused no answer")
    assert world.venue.connects - before <= 5
    assert world.is_sound()


REFUSING = [each for each in LIVE_VENUES if protocol_of(each).refuses]


@pytest.mark.parametrize("venue", REFUSING[:: reach(4, 1)])
def test_a_market_that_there_is_not_is_refused_with_a_reason_and_its_neighbours_are_heard(world, venue):
    symbol = venue_of(venue).symbol("ZZZ-USD")
    world.want(symbol)
    world.run(70.0, 10**9)
    state, _, reason = world.told[symbol].partition(" ")
    assert state == "refused"
    assert reason
    assert world.is_sound()
    assert len(world.venue.broken_rules) < 10


@pytest.mark.parametrize("venue", widely(REFUSING, 2))
def test_a_market_that_is_refused_says_so_after_a_reconnect_as_well(venue):
    world = Virtual(venue, count=2)
    gone = list(world.listeners)[1]
    del world.venue.listings[gone]
    world.run(5.0)
    refusal = world.listeners[gone].feed.outage
    assert refusal.startswith("refused: ")
    world.venue.close_all(1012)
    world.until(lambda: bool(world.feed.outage), "the close")
    world.until(lambda: world.listeners[world.symbol].is_sound, "the other market")
    assert world.listeners[gone].feed.outage == refusal
