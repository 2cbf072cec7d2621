"""Spoiled frames into a gateway's sessions, and what those pass on into a market's feed: nothing but faults
that have a name may come of any.

`python -m tests.venues.fuzz [FRAMES [SEED]]`: so many at each venue, one after another.
"""

from __future__ import annotations

import sys
from random import Random
from time import monotonic

from signalnode.events import QUOTE, Events
from signalnode.feeds.live import envelope
from signalnode.feeds.live.actions import Deliver
from signalnode.feeds.live.feed import LiveFeed
from signalnode.settings import LIVE_VENUES
from tests.feeds.venues.made.spoiling import spoiled

from .virtual import OFFSET_NS, Virtual

SOUND_SHARE = 0.3  # of frames: they take a feed to where it has something to lose
ANEW_EVERY = 5_000  # frames; another world, for a spoiled one may have ended a market for good
CHECKED_EVERY = 20
GAP_NS = 1_000_000


def fuzz(venue: str, seed: int, count: int) -> int:
    """Pass on `count` frames of which most are spoiled; how many faults that was. Raises AssertionError, or
    whatever it was that should not have been raised.
    """
    random, faults = Random(seed), 0
    for first in range(0, count, ANEW_EVERY):
        faults += _in_one_world(venue, random, min(ANEW_EVERY, count - first))
    return faults


def _in_one_world(venue: str, random: Random, count: int) -> int:
    world = Virtual(venue, seed=random.randrange(2**32))
    world.until_sound()
    world.run(2.0)
    frames, now_ns = list(world.wired), world.now_ns
    listener, feed = world.listeners[world.symbol], world.feed
    for number in range(count):
        frame = frames[number % len(frames)]
        if random.random() >= SOUND_SHARE:
            frame = spoiled(frame, random)
        now_ns += GAP_NS
        for passed_on in _passed_on(world, frame, now_ns):
            head = envelope.FRAME, now_ns + OFFSET_NS, feed.connection
            feed.take_in(world.gateway.next_header(world.symbol, *head), passed_on)
        if number % CHECKED_EVERY == 0:
            _check(listener.turn(now_ns), feed)
    return sum(feed.faults.values())


def _passed_on(world: Virtual, frame: bytes, now_ns: int) -> list[bytes]:
    """What the first session that makes something of a frame passes on to the market."""
    for slot in world.peers:
        session = world.pool.sessions[slot]
        session.on_time(now_ns)
        done = session.on_frame(frame, now_ns)
        found = [
            each.frame for each in done if isinstance(each, Deliver) and each.symbol in {"", world.symbol}
        ]
        if found:
            return found
    return []


def _check(events: Events, feed: LiveFeed) -> None:
    quotes = events[events["kind"] == QUOTE]
    assert (quotes["bid"] < quotes["ask"]).all()
    if not feed.trouble:
        bids, asks = feed._decoder.watch.book.levels()
        assert not bids or not asks or bids[0][0] < asks[0][0]
        assert all(price > 0.0 and size > 0.0 for price, size in (*bids, *asks))


def _main(frames: int = 100_000, seed: int = 1) -> None:
    for name in LIVE_VENUES:
        begun = monotonic()
        faults = fuzz(name, seed, frames)
        print(f"{name}: {frames:,} frames, {faults:,} faults, {monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
