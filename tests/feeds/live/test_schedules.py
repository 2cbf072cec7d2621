"""A pool against a venue made up on the spot, in time made up as well: whatever happens in between, every
market is heard in the end, over one connection alone, and the venue's rules are kept on the way.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from heapq import heappop, heappush
from random import Random
from typing import Any

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import (
    RENEW_S_MIN,
    Action,
    Beside,
    Close,
    Deliver,
    Fetch,
    Moved,
    Open,
    Send,
    Tell,
)
from signalnode.feeds.live.budget import Spent, granted
from signalnode.feeds.live.pool import Pool
from signalnode.feeds.live.sessions.base import Heard, Ping
from tests.effort import drawn
from tests.feeds.live import made_up
from tests.feeds.live.made_up import BOOK, LIMITS, TRADES, MadeUp

TROUBLED_S, END_S = 12.0, 260.0
SYMBOLS = "ABCDE"
PING = Ping(b'"ping"', 8.0)
RENEW_NS_MIN, LONG_AGO_NS = int(RENEW_S_MIN * NS_PER_S), -(10**12)
STANDING = b'"hello"'
said, read = lru_cache(4_096)(made_up.said), lru_cache(4_096)(json.loads)
HELLO, BEAT, RETIRING = said("greeting"), said("noise"), said("retiring")


class Fast(MadeUp):
    """Reads and writes each kind of frame once."""

    @lru_cache(4_096)  # noqa: B019 - there are few
    def _heard(self, frame: bytes) -> Heard:
        return super().hear(frame, ())

    @lru_cache(4_096)  # noqa: B019
    def _asking(self, what: str, symbols: tuple[str, ...], channel: str) -> str:
        return json.dumps([what, symbols, channel])[:-1]

    def subscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        return f"{self._asking('subscribe', tuple(symbols), channel)}, {number}]".encode()

    def unsubscribe(self, symbols: Sequence[str], channel: str, number: int) -> bytes:
        return f"{self._asking('unsubscribe', tuple(symbols), channel)}, {number}]".encode()

    def hear(self, frame: bytes, symbols: Any) -> Heard:  # noqa: ARG002
        return self._heard(frame)

    __hash__ = object.__hash__


PLAIN = Fast(
    limits=replace(LIMITS, markets_max=4, connections_max=6, silence_s_max=60.0, lifetime_s_max=60.0),
    standing=(STANDING,),
    ping=PING,
    greets=True,
)
PART = 250  # schedules of one test
VENUES = [
    PLAIN,
    replace(PLAIN, has_images=True, has_routes=True, greets=False, standing=()),
    replace(PLAIN, answer_is_image=True, ping=None, limits=replace(PLAIN.limits, asks_max=1, refresh_s=60.0)),
]


class Line:
    """A connection, as the venue sees it."""

    def __init__(self, slot: int, now_ns: int, share: float) -> None:
        self.slot, self.opened_ns, self.share = slot, now_ns, share
        self.has: set[tuple[str, str]] = set()
        self.asked_ns: dict[tuple[str, str], int] = {}
        self.sent_ns: deque[int] = deque(maxlen=12)
        self.ping_ns = now_ns
        self.is_frozen = False


class World:
    """A venue that loses, breaks and refuses by a seeded script until TROUBLED_S, and then no more."""

    def __init__(self, venue: MadeUp, seed: int) -> None:
        self.random, self.venue = Random(seed), venue
        self.pool, self.now_ns = Pool(venue, Random(seed + 1)), 0
        self.lines: dict[int, Line] = {}  # by slot
        self.events: list[tuple[int, int, Any]] = []
        self.spent: Spent = []
        self.connects_ns: list[int] = []
        self.wanted: set[str] = set()
        self.told: dict[str, str] = {}
        self.beside: dict[str, set[int]] = {}  # numbers of connections, by market
        self.known: dict[str, set[int]] = {}
        self.fetched_ns: dict[tuple[int, str], int] = {}
        self.count = 0
        for symbol in SYMBOLS[: self.random.randrange(1, 5)]:
            self.want(symbol)

    @property
    def is_troubled(self) -> bool:
        return self.now_ns < TROUBLED_S * NS_PER_S

    def bad(self, share: float) -> bool:
        return self.is_troubled and self.random.random() < share

    def soon(self, what: Any, seconds: float = 0.05) -> None:
        self.count += 1  # what is due at once comes in order
        heappush(self.events, (self.now_ns + int(seconds * NS_PER_S), self.count, what))

    def want(self, symbol: str) -> None:
        self.wanted.add(symbol)
        self.do(self.pool.want(symbol))

    def run(self) -> None:
        shake_ns, end_ns = NS_PER_S, int(END_S * NS_PER_S)
        while self.now_ns < end_ns and not self.is_well():
            soonest_ns = self.events[0][0] if self.events else end_ns
            due_ns = max(self.now_ns, self.pool.due_ns() or 0)
            if self.is_troubled and shake_ns <= min(soonest_ns, due_ns):
                self.now_ns = shake_ns
                shake_ns += self.random.randrange(1, 4 * NS_PER_S)
                self.shake()
            elif soonest_ns <= due_ns:
                self.now_ns, _, what = heappop(self.events)
                what()
            else:
                self.now_ns = min(due_ns, end_ns)
                self.do(self.pool.on_time(self.now_ns))

    def shake(self) -> None:
        """Something happens by itself."""
        symbol, lines = self.random.choice(SYMBOLS), list(self.lines.values())
        what = self.random.randrange(8)
        if what == 0:
            self.want(symbol)
        elif what == 1 and len(self.wanted) > 1 and symbol in self.wanted:
            self.wanted.discard(symbol)
            for each in (self.told, self.beside, self.known):
                each.pop(symbol, None)
            self.pool.drop(symbol)
        elif what == 2:
            self.pool.renew(symbol)
        elif lines:
            line = self.random.choice(lines)
            if what == 3:
                self.closed(line)
            elif what == 4:
                line.is_frozen = True
            elif what == 5:
                self.frame(line, RETIRING)
            elif line.has:
                key = self.random.choice(sorted(line.has))
                self.frame(line, said("data" if what == 6 else "unsubscribed", *key))
                line.has -= set() if what == 6 else {key}

    def closed(self, line: Line) -> None:
        if self.lines.get(line.slot) is line:
            del self.lines[line.slot]
            self.do(self.pool.steps(line.slot, self.pool.sessions[line.slot].on_closed("gone", self.now_ns)))

    def frame(self, line: Line, frame: bytes) -> None:
        if self.lines.get(line.slot) is line and not line.is_frozen:
            session = self.pool.sessions[line.slot]
            self.do(self.pool.steps(line.slot, session.on_frame(frame, self.now_ns)))

    def beat(self, line: Line) -> None:
        if self.lines.get(line.slot) is line:
            self.frame(line, BEAT)
            self.soon(lambda: self.beat(line), 45.0)

    def do(self, steps: Any) -> None:
        for slot, number, action in steps:
            if isinstance(action, Open):
                self.open(slot)
            elif isinstance(action, Send):
                if slot in self.lines:
                    self.take(self.lines[slot], action.frame)
            elif isinstance(action, Close):
                if slot in self.lines:
                    self.soon(lambda line=self.lines[slot]: self.closed(line))
            elif isinstance(action, Fetch):
                self.fetch(slot, action)
            else:
                self.heed(number, action)

    def heed(self, number: int, action: Action) -> None:
        """What a feed makes of it."""
        if isinstance(action, Tell):
            if action.symbol in self.wanted:
                self.told[action.symbol] = action.state
        elif isinstance(action, Beside):
            self.beside.setdefault(action.symbol, set()).add(number)
        elif isinstance(action, Moved):
            newer = self.beside.pop(action.symbol, set())
            assert newer, "something took over that never came beside"
            if action.is_done:
                self.known[action.symbol] = newer
        elif isinstance(action, Deliver):
            assert action.symbol in self.wanted, "for a market that nobody wants"
            if number not in self.beside.get(action.symbol, ()):
                known = self.known.setdefault(action.symbol, set())
                assert number >= min(known, default=0), "from a connection that was replaced"

    def open(self, slot: int) -> None:
        session, now_ns, limits = self.pool.sessions[slot], self.now_ns, self.venue.limits
        self.spent, wait_ns = granted(self.spent, 1.0, now_ns, limits.connects_max, limits.connects_period_s)
        if wait_ns:
            self.do(self.pool.steps(slot, session.on_denied(wait_ns, now_ns)))
            return
        assert slot not in self.lines
        assert len(self.lines) < limits.connections_max, "more connections than the venue bears"
        if self.bad(0.3):
            status = self.random.choice((0, 429, 503))
            wait_s = 5.0 if status == 429 else 0.0
            failed = session.on_failed("no", now_ns, status=status, retry_after_s=wait_s)
            self.do(self.pool.steps(slot, failed))
            return
        line = self.lines[slot] = Line(slot, now_ns, self.random.random() * 0.2)
        self.do(self.pool.steps(slot, session.on_opened(now_ns)))
        if self.venue.greets and not self.bad(0.1):
            self.soon(lambda: self.frame(line, HELLO))
        self.soon(lambda: self.beat(line), 45.0)

    def take(self, line: Line, frame: bytes) -> None:
        """What the venue makes of a frame of ours."""
        if self.venue.ping is not None:
            assert self.now_ns - line.ping_ns <= (PING.every_s + 1.0) * NS_PER_S, "a ping came late"
        if frame == PING.frame:
            line.ping_ns = self.now_ns
            return
        line.sent_ns.append(self.now_ns)
        is_full = len(line.sent_ns) == line.sent_ns.maxlen
        assert not is_full or self.now_ns - line.sent_ns[0] >= NS_PER_S, "too many messages a second"
        if frame == STANDING:
            return
        what, symbols, channel, number = read(frame)
        keys = {(symbol, channel) for symbol in symbols}
        assert len(keys) <= self.venue.limits.asks_max
        if what == "unsubscribe":
            line.has -= keys
        elif not self._subscribe(line, keys):
            self.soon(lambda: self.frame(line, said("failed", number=number)))
            return
        if not self.bad(line.share):
            self.soon(lambda: self.frame(line, said("subscribed", number=number)))
            for key in sorted(keys) if what == "subscribe" else ():
                if not self.bad(line.share):
                    self.soon(lambda key=key: self.frame(line, said("data", *key)), 0.1)
        if self.bad(0.05):
            self.soon(lambda: self.closed(line))
        if self.bad(0.05):
            self.soon(lambda: self.frame(line, b"torn"))

    def _subscribe(self, line: Line, keys: set[tuple[str, str]]) -> bool:
        assert not keys & line.has, "asked twice for what it has"
        for key in keys:
            assert self.now_ns - line.asked_ns.get(key, LONG_AGO_NS) >= RENEW_NS_MIN, "asked again too soon"
            line.asked_ns[key] = self.now_ns
        if self.bad(line.share):
            return False
        line.has |= keys
        each = Counter(channel for _, channel in line.has)
        assert max(each.values()) <= self.venue.limits.markets_max, "more markets than a connection bears"
        return True

    def fetch(self, slot: int, fetch: Fetch) -> None:
        line, session = self.lines.get(slot), self.pool.sessions[slot]
        before_ns = self.fetched_ns.get((id(line), fetch.symbol), LONG_AGO_NS)
        assert self.now_ns - before_ns >= RENEW_NS_MIN, "fetched again too soon"
        self.fetched_ns[id(line), fetch.symbol] = self.now_ns
        status = self.random.choice((0, 429, 500)) if self.bad(0.3) else 200

        def answer() -> None:
            if self.pool.sessions[slot] is session:
                done = session.on_answer(fetch, status, b"", self.now_ns, retry_after_s=2.0)
                self.do(self.pool.steps(slot, done))

        self.soon(answer)

    def is_well(self) -> bool:
        """Whether each market that is wanted is heard, over one connection alone."""
        if self.is_troubled or self.told != dict.fromkeys(self.wanted, "heard") or any(self.beside.values()):
            return False
        has = Counter(key for line in self.lines.values() for key in line.has)
        return has == Counter({(symbol, channel): 1 for symbol in self.wanted for channel in (BOOK, TRADES)})


@pytest.mark.parametrize("first", range(0, drawn(1_000, 100_000), PART))
def test_after_any_schedule_of_faults_every_market_is_heard_again_and_no_rule_was_broken(first):
    for seed in range(first, first + PART):
        world = World(VENUES[seed % len(VENUES)], seed)
        try:
            world.run()
            assert world.is_well(), (world.told, world.beside, [line.has for line in world.lines.values()])
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
