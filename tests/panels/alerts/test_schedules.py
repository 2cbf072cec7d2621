"""Whatever happens, and however a receiver behaves: it is told how things stand, and seldom."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise

import pytest

from signalnode.bus.wire import ProcessState
from signalnode.panels.alerts.events import BACK, Now
from signalnode.panels.alerts.incidents import Incidents
from signalnode.panels.alerts.outbox import KIND_S, Outbox
from signalnode.settings import AlertSettings
from tests.effort import drawn
from tests.panels.web.made import T0_NS, decision, market, view

MARKETS = ("A", "B", "C")
STATES = ("fresh", "fresh", "fresh", "stale", "degraded", "settling", "silent", "ended")
AS_SHOWN = {state: market(state) for state in STATES}
TURN_S = 1.0
PAST, QUIET = 1_000, 300  # turns in which things happen, and in which none do


class Run:
    """A node, its incidents and one receiver, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.time_s = 0.0
        settings = AlertSettings(
            command=("true",), decisions=("*",), after_s=self.random.choice((0.0, 3.0, 15.0))
        )
        self.incidents = Incidents(settings, self.now)
        self.box = Outbox("command", "host1")
        self.states = dict.fromkeys(MARKETS, "fresh")
        self.restarts = dict.fromkeys(MARKETS, 0)
        self.is_away = False
        self.is_tried = False
        self.begun: dict[str, list[float]] = defaultdict(list)  # by kind, when a message was first tried
        self.ids: set[str] = set()
        self.heard: dict[str, str] = {}  # what the receiver believes

    @property
    def now(self) -> Now:
        return Now(int(self.time_s * 1e9), T0_NS + int(self.time_s * 1e9))

    def happen(self, seq: int) -> None:
        name = self.random.choice(MARKETS)
        if self.random.random() < 0.05:
            self.states[name] = self.random.choice(STATES)
        if self.random.random() < 0.02:
            self.restarts[name] += 1
        if self.random.random() < 0.3:
            self.incidents.take_decision(decision(seq))
        if self.random.random() < 0.01:
            self.is_away = not self.is_away

    def turn(self, seq: int) -> None:
        self.time_s += TURN_S
        self.incidents.take_view(
            view(seq, **{name: market(state) for name, state in self.states.items()}), self.now
        )
        told = {
            name: ProcessState(state="up", restarts=count, why="") for name, count in self.restarts.items()
        }
        self.incidents.take_processes(told, self.now)
        for event in self.incidents.turn(self.now):
            self.box.take(event, self.now)
        self.deliver()

    def deliver(self) -> None:
        """A try takes a turn or more to end."""
        if self.is_tried and self.random.random() < 0.7:
            self.is_tried = False
            if self.is_away:
                self.box.failed("away", self.now)
            else:
                self.receive()
                self.box.delivered()
        message = self.box.next(self.now)
        if message is None:
            return
        self.message, self.is_tried = message, True
        if message.id not in self.ids:
            self.ids.add(message.id)
            self.begun[message.kind].append(self.time_s)

    def receive(self) -> None:
        for event in self.message.events:
            if event.kind == BACK:
                assert event.subject in self.heard, "the end of what it had never heard of"
                del self.heard[event.subject]
            elif event.decision is None and not event.is_over:
                self.heard[event.subject] = event.kind


@pytest.mark.parametrize("seed", range(drawn(4, 2_000)))
def test_a_receiver_comes_to_know_what_is_so_and_is_not_flooded(seed: int) -> None:
    run = Run(seed)
    for seq in range(1, PAST):
        run.happen(seq)
        run.turn(seq)
    run.is_away = False
    for seq in range(PAST, PAST + QUIET):
        run.turn(seq)
    wrong = {name for name, state in run.states.items() if state in ("stale", "degraded", "silent")}
    well = {name for name, state in run.states.items() if state == "fresh"}
    assert wrong <= run.heard.keys()
    assert not well & run.heard.keys()
    assert run.box.told.keys() == run.heard.keys()
    for times in run.begun.values():
        gaps = [later - before for before, later in pairwise(times)]
        assert all(gap >= KIND_S for gap in gaps)
