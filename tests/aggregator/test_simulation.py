"""Engines, bus, aggregator and a subscriber in virtual time: seeded faults, and every score accounted for.

The bus loses, doubles and delays; engines crash, stop as planned and start again; the aggregator is killed
and comes back empty; the subscriber may be slow. Whatever happens: no score is handed out twice or out of
order, none of a dead epoch comes after a newer one, no strategy ever sees a market that is not fresh, and
what was not handed out is counted.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.reader import Reader
from signalnode.bus.wire import Message, Score, encode
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import Decision, View
from tests.bus.messages import end, heartbeat, score
from tests.effort import drawn

MS = 1_000_000
S = 1_000 * MS
T0 = 1_700_000_000 * S
MARKETS = ("A", "B", "C")
RUN_S = 20
RUNS = drawn(16, 10_000)
PARTS = 4


@dataclass
class Engine:
    """One market: a score every 100 ms unless it stands still, a heartbeat every second with the newest score
    before it if that is no news, and a life of its own.
    """

    market: str
    epoch: int = 1
    seq: int = 0
    up: bool = True
    still: bool = False
    newest: Message | None = None
    repeat: bool = False
    sent: list[tuple[int, int]] = field(default_factory=list)

    def message(self, kind: str, now_ns: int) -> Message:
        times = {"time_published_ns": now_ns, "time_received_ns": now_ns, "time_event_ns": now_ns}
        if kind == "score":
            self.seq += 1
            self.sent.append((self.epoch, self.seq))
            self.newest, self.repeat = score(self.market, self.seq, self.epoch, **times), False
            return self.newest
        make: Callable[..., Message] = heartbeat if kind == "heartbeat" else end
        return make(self.market, self.seq, self.epoch, **times)


class Inspector:
    """A strategy that knows what no strategy may ever see."""

    def __init__(self) -> None:
        self.seen = 0

    def evaluate_opportunities(self, view: View) -> list[Decision]:
        for market in view:
            assert view.markets[market].state == "fresh"
            age_s = view.markets[market].age_s
            assert age_s is not None
            assert age_s <= 3.0
            self.seen += 1
        return []


class World:
    """Everything, and a queue of what happens when."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.now_ns = T0
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.number = 0
        self.engines = {name: Engine(name) for name in MARKETS}
        self.loss = self.draw.choice((0.0, 0.02, 0.2))
        self.reader_loss = self.draw.choice((0.0, 0.05, 0.3))
        self.inspector = Inspector()
        self.core = self.fresh_core()
        self.reader = Reader(max_age_s=None)
        self.reader.connected()
        self.out: list[Score] = []
        self.heard_since: dict[str, tuple[int, int]] = {}

    def fresh_core(self) -> Aggregator:
        turns = StrategyRunner({"inspector": self.inspector})
        # Measures, which nobody asks for, twice a run.
        settings = AggregatorSettings(ring_messages_max=16, measure_step_ms=10_000)
        return Aggregator(settings, MARKETS, turns, 1, self.now_ns)

    def at(self, delay_ns: int, action: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.events, (self.now_ns + delay_ns, self.number, action))

    def run(self) -> None:
        for engine in self.engines.values():
            self.at(self.draw.randrange(100 * MS), lambda e=engine: self.work(e))  # type: ignore[misc]
            self.at(S, lambda e=engine: self.beat(e))  # type: ignore[misc]
        for _ in range(self.draw.randrange(6)):
            self.at(self.draw.randrange(RUN_S * S), self.trouble)
        while self.events and self.now_ns < T0 + RUN_S * S:
            self.now_ns, _, action = heapq.heappop(self.events)
            for outcome in self.core.advance(self.now_ns):
                assert not outcome.faults
            action()
            self.listen()
        self.loss = self.reader_loss = 0.0
        for engine in self.engines.values():
            engine.repeat = True
            self.pulse(engine)
            if engine.up and engine.newest is not None:
                assert self.core.board.state(engine.market, self.now_ns) == "fresh"
        self.listen()
        for _ in range(3):  # silence, in which a subscriber asks after what it may have lost
            self.now_ns += 4 * S
            self.listen()
            self.listen()

    def work(self, engine: Engine) -> None:
        if engine.up and (not engine.still or engine.newest is None):
            self.publish(engine.message("score", self.now_ns))
        self.at(100 * MS, lambda: self.work(engine))

    def beat(self, engine: Engine) -> None:
        if engine.up:
            self.pulse(engine)
        self.at(S, lambda: self.beat(engine))

    def pulse(self, engine: Engine) -> None:
        if engine.repeat and engine.newest is not None:
            self.publish(engine.newest)
        engine.repeat = engine.newest is not None
        self.publish(engine.message("heartbeat", self.now_ns))

    def trouble(self) -> None:
        what = self.draw.randrange(5)
        engine = self.draw.choice(list(self.engines.values()))
        if what == 0:
            self.core = self.fresh_core()  # kill -9 of the aggregator
        elif what == 4:
            engine.still = not engine.still
        elif engine.up:
            if what == 1:
                self.publish(engine.message("end", self.now_ns))
            engine.up = False
            self.at(self.draw.randrange(5 * S), lambda: self.again(engine))

    def again(self, engine: Engine) -> None:
        if not engine.up:
            engine.up, engine.epoch, engine.seq = True, engine.epoch + 1, 0
            engine.newest, engine.repeat = None, False

    def publish(self, message: Message) -> None:
        """Engine to aggregator, and what that lets through to the subscriber; PUB and SUB keep the order."""
        if self.draw.random() < self.loss:
            return
        for _ in range(self.draw.choice((1, 1, 1, 2))):
            frames = encode(message)
            if self.core.take(frames, self.now_ns) and self.draw.random() >= self.reader_loss:
                self.reader.frames(frames, self.now_ns, self.now_ns)

    def listen(self) -> None:
        self.reader.expire(self.now_ns, self.now_ns)
        while self.reader.requests:
            request = self.reader.requests.popleft()
            if self.draw.random() >= self.reader_loss:
                self.reader.reply(self.core.ring.answer(request), self.now_ns, self.now_ns)
        while (message := self.reader.take(self.now_ns)) is not None:
            assert isinstance(message, Score)
            self.heard_since.setdefault(message.market, (message.epoch, message.seq))
            self.out.append(message)


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_fails_nothing_is_lost_unseen(part: int) -> None:
    seen = 0
    for seed in range(part, RUNS, PARTS):
        world = World(seed)
        world.run()
        seen += world.inspector.seen
        counts: dict[str, Any] = world.reader.counts()
        for name, engine in world.engines.items():
            places = [(m.epoch, m.seq) for m in world.out if m.market == name]
            assert places == sorted(set(places)), seed
            if name not in world.heard_since:
                continue
            due = [place for place in engine.sent if place >= world.heard_since[name]]
            unknown = 0  # the end of an epoch that nobody said the last number of
            for epoch in {epoch for epoch, _ in due} - {engine.epoch}:
                unknown += sum(1 for place in due if place[0] == epoch) - sum(
                    1 for p in places if p[0] == epoch
                )
            lost = len(due) - len(places)
            assert counts[name].received == len(places), seed
            assert counts[name].missed <= lost, seed
            assert lost <= counts[name].missed + unknown, seed
    assert seen > drawn(500, 1_000)
