"""A connection that is to go is replaced before it goes: in time made up, without sockets."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from signalnode.clock import NS_PER_S
from signalnode.feeds.live.actions import Action, Beside, Close, Deliver, Moved, Open, Retire, Send, Tell
from signalnode.feeds.live.pool import HANDOVER_S_MAX, OVERLAP_S, RETRY_S, Pool
from tests.feeds.live.made_up import LIMITS, MadeUp, said


class Played:
    """A pool whose venue agrees to everything at once, but over the slots in `deaf`."""

    def __init__(self, venue: MadeUp, *symbols: str) -> None:
        self.pool, self.now_ns = Pool(venue, Random(1)), 0
        self.deaf: set[int] = set()
        self.denied: set[int] = set()  # slots for which there is no budget
        self.done: list[tuple[int, Action]] = []
        for symbol in symbols:
            self.pool.want(symbol)
        self.run(1.0)

    def run(self, seconds: float) -> list[tuple[int, Action]]:
        self.done, until_ns = [], self.now_ns + int(seconds * NS_PER_S)
        while (due_ns := max(self.now_ns, self.pool.due_ns())) <= until_ns:
            self.now_ns = due_ns
            self._do(self.pool.on_time(due_ns))
        self.now_ns = until_ns
        return self.done

    def tell(self, slot: int, actions: list[Action]) -> None:
        self._do(self.pool.steps(slot, actions))

    def lose(self, slot: int) -> None:
        self.tell(slot, self.pool.sessions[slot].on_closed("gone", self.now_ns))

    def _do(self, steps: list[object]) -> None:
        for slot, number, action in steps:
            session = self.pool.sessions[slot]
            if not isinstance(action, Send):
                self.done.append((number, action))
            if isinstance(action, Open) and slot in self.denied:
                self.tell(slot, session.on_denied(1_000 * NS_PER_S, self.now_ns))
            elif isinstance(action, Open):
                self.tell(slot, session.on_opened(self.now_ns))
            elif isinstance(action, Send) and slot not in self.deaf:
                answer = said("subscribed", number=json.loads(action.frame)[3])
                self.tell(slot, session.on_frame(answer, self.now_ns))
            elif isinstance(action, Close):
                self.tell(slot, session.on_closed("as asked", self.now_ns))


def kinds(done: list[tuple[int, Action]], *wanted: type) -> list[tuple[int, Action]]:
    return [each for each in done if isinstance(each[1], wanted)]


@pytest.fixture
def played() -> Played:
    return Played(MadeUp(limits=replace(LIMITS, silence_s_max=1e6)), "A", "B")


def test_the_new_one_is_up_and_agreed_to_before_the_old_one_goes(played):
    played.tell(0, [Retire("tired")])
    done = kinds(played.run(1.0), Open, Beside, Moved, Close, Tell)
    assert done == [(2, Beside("A")), (2, Beside("B")), (2, Open())]
    done = kinds(played.run(OVERLAP_S), Open, Beside, Moved, Close, Tell)
    assert kinds(done, Moved) == [(2, Moved("A", True)), (2, Moved("B", True))]
    assert done[-1] == (1, Close("another has taken its place"))
    assert {action.state for _, action in done if isinstance(action, Tell)} == {"heard"}
    frame = said("data", "A", "book")
    assert [step.action for step in played.pool.steps(1, played.pool.sessions[1].on_frame(frame, 0))] == [
        Deliver("A", frame)
    ]


def test_a_market_that_comes_meanwhile_is_asked_for_over_both(played):
    played.tell(0, [Retire("tired")])
    played.run(0.5)
    played.tell(0, [])
    steps = played.pool.want("C")
    assert (2, Beside("C")) in [(step.number, step.action) for step in steps]
    played.pool.drop("A")
    done = played.run(2 * OVERLAP_S)
    assert [action.symbol for _, action in kinds(done, Moved)] == ["B", "C"]
    assert played.pool.sessions[1].symbols == {"B", "C"}


def test_an_old_one_that_is_lost_meanwhile_is_replaced_at_once_and_nobody_is_told(played):
    played.tell(0, [Retire("tired")])
    played.run(1.0)
    played.done = []
    played.lose(0)
    assert [type(action) for _, action in kinds(played.done, Moved, Tell)] == [Moved, Moved, Tell, Tell]
    assert {action.state for _, action in kinds(played.done, Tell)} == {"heard"}


def test_an_old_one_that_is_lost_before_the_new_one_brings_anything_is_told(played):
    played.deaf = {1}
    played.tell(0, [Retire("tired")])
    played.run(1.0)
    played.done = []
    played.lose(0)
    assert kinds(played.done, Tell) == [(2, Tell("A", "lost", "gone")), (2, Tell("B", "lost", "gone"))]


def test_a_new_one_that_fails_is_called_off_and_tried_again_later(played):
    played.tell(0, [Retire("tired")])
    played.run(1.0)
    played.done = []
    played.lose(1)
    assert kinds(played.done, Moved, Tell) == [(2, Moved("A", False)), (2, Moved("B", False))]
    assert not kinds(played.run(RETRY_S - 2.0), Open)
    done = played.run(2.0 + OVERLAP_S + 1.0)
    assert [number for number, _ in kinds(done, Open)] == [3]
    assert kinds(done, Moved)[0] == (3, Moved("A", True))


def test_one_that_is_not_ready_in_time_is_given_up_with_the_old_one(played):
    played.denied = {1}
    played.tell(0, [Retire("tired")])
    played.run(HANDOVER_S_MAX + 5.0)
    assert any(isinstance(action, Close) and action.reason == "tired" for _, action in played.done)


def test_a_handover_that_nobody_wants_any_more_is_called_off_and_nothing_is_due_for_it(played):
    played.deaf = {1}
    played.tell(0, [Retire("tired")])
    played.run(1.0)
    for symbol in "AB":
        played.pool.drop(symbol)
    played.tell(0, [])
    for _ in range(20):  # what there is to do at once
        played.run(0.05)
        played._do(played.pool.on_time(played.now_ns))
    assert played.pool.due_ns() > played.now_ns + NS_PER_S
    played.done = []
    assert not kinds(played.run(10.0 * RETRY_S), Open)


def test_where_the_venue_bears_no_more_connections_the_old_one_is_made_anew():
    played = Played(MadeUp(limits=replace(LIMITS, connections_max=1)), "A")
    played.tell(0, [Retire("tired")])
    done = kinds(played.run(5.0), Open, Close, Beside)
    assert [action for _, action in done][:2] == [Close("tired"), Open()]


def test_over_weeks_of_handovers_no_more_slots_are_needed_than_connections_at_once():
    played = Played(
        MadeUp(has_routes=True, limits=replace(LIMITS, silence_s_max=1e6, lifetime_s_max=240.0)), "A"
    )
    played.run(2_500.0)
    assert len(played.pool.sessions) <= 4
    assert not kinds(played.done, Tell) or {each.state for _, each in kinds(played.done, Tell)} == {"heard"}
    assert len(kinds(played.done, Moved)) >= 10


def test_a_market_that_brings_nothing_has_its_connection_replaced_more_and_more_seldom(played):
    done = played.run(7_200.0)
    assert 3 <= len(kinds(done, Open)) <= 10
    assert len(kinds(played.run(7_200.0), Open)) <= 12  # one in ten minutes, and no more
