"""When a receiver is told, what is held back meanwhile, and what is left of it when it was away."""

from __future__ import annotations

from signalnode.panels.alerts.events import Event, Now, decision_event
from signalnode.panels.alerts.message import LINES_MAX, Message
from signalnode.panels.alerts.outbox import KIND_S, KINDS_MAX, MESSAGE_S_MAX, WAIT_S_MAX, Outbox
from tests.panels.web.made import T0_NS, decision

TURN_S = 0.25


def at(time_s: float) -> Now:
    return Now(int(time_s * 1e9), T0_NS + int(time_s * 1e9))


def state(kind: str, subject: str) -> Event:
    return Event(kind, subject, "", T0_NS)


class Receiver:
    """Takes every message at once, or refuses it while `is_away`."""

    def __init__(self) -> None:
        self.box = Outbox("webhook", "host1")
        self.is_away = False
        self.time_s = 0.0
        self.tries = 0

    def take(self, *events: Event) -> None:
        for event in events:
            self.box.take(event, at(self.time_s))

    def pass_by(self, length_s: float) -> list[Message]:
        got = []
        for _ in range(int(length_s / TURN_S)):
            self.time_s += TURN_S
            message = self.box.next(at(self.time_s))
            if message is None:
                continue
            self.tries += 1
            if self.is_away:
                self.box.failed("HTTP 503", at(self.time_s))
            else:
                self.box.delivered()
                got.append(message)
        return got


def subjects(message: Message) -> list[str]:
    return [each.subject for each in message.events]


def test_what_comes_together_is_told_together() -> None:
    receiver = Receiver()
    receiver.take(*(state("stale", f"M{n}") for n in range(200)))
    (message,) = receiver.pass_by(5.0)
    assert len(message.events) == 200
    assert message.unnamed == 200 - LINES_MAX
    assert "and 180 more" in message.text


def test_of_each_kind_one_message_a_minute_and_the_rest_is_counted_in_the_next() -> None:
    receiver = Receiver()
    told = []
    for n in range(240):
        receiver.take(decision_event(decision(n)), *([state("stale", f"M{n}")] if n == 100 else []))
        told += receiver.pass_by(0.5)
    decisions = [each for each in told if each.kind == "decision.threshold"]
    assert len(decisions) == 2
    assert len(decisions[0].events) < 5
    assert len(decisions[1].events) == LINES_MAX
    assert decisions[1].events[-1].decision == decision(
        decisions[1].unnamed + LINES_MAX + len(decisions[0].events) - 1
    )
    assert [each.kind for each in told].count("stale") == 1


def test_what_is_over_before_it_could_be_told_is_counted_alone() -> None:
    receiver = Receiver()
    receiver.take(state("stale", "A"))
    assert len(receiver.pass_by(5.0)) == 1
    receiver.take(state("stale", "B"), state("stale", "C"))
    assert receiver.pass_by(5.0) == []
    receiver.take(state("back", "B"))
    (message,) = receiver.pass_by(KIND_S)
    assert (subjects(message), message.passed) == (["C"], 1)
    assert receiver.pass_by(600.0) == []


def test_a_restart_is_told_though_it_is_over_and_one_message_says_both() -> None:
    receiver = Receiver()
    receiver.take(Event("restarted", "A", "SIGKILL", T0_NS), state("back", "A"))
    (message,) = receiver.pass_by(600.0)
    assert [(each.subject, each.words) for each in message.events] == [("A", "SIGKILL; is back")]


def test_a_restart_that_nobody_took_is_told_when_it_is_long_over() -> None:
    receiver = Receiver()
    receiver.is_away = True
    receiver.take(Event("restarted", "A", "SIGKILL", T0_NS))
    receiver.pass_by(10.0)
    receiver.take(state("back", "A"))
    receiver.pass_by(MESSAGE_S_MAX + 2 * WAIT_S_MAX)
    receiver.is_away = False
    (message,) = receiver.pass_by(600.0)
    assert [(each.subject, each.words) for each in message.events] == [("A", "SIGKILL; is back")]


def test_the_end_is_told_to_whoever_was_told_of_the_beginning() -> None:
    receiver = Receiver()
    receiver.take(state("stale", "A"))
    receiver.pass_by(5.0)
    receiver.take(state("degraded", "A"), state("back", "A"))
    (message,) = receiver.pass_by(5.0)
    assert (message.kind, subjects(message)) == ("back", ["A"])
    assert receiver.box.told == {}


def test_what_begins_again_before_its_end_was_told_is_still_so() -> None:
    receiver = Receiver()
    receiver.take(state("stale", "A"))
    receiver.pass_by(5.0)
    receiver.take(state("back", "A"), state("silent", "A"))
    told = receiver.pass_by(600.0)
    assert [each.kind for each in told] == ["silent"]


def test_a_receiver_that_was_away_for_ten_minutes_is_told_how_things_stand_then() -> None:
    receiver = Receiver()
    receiver.is_away = True
    receiver.take(state("stale", "A"), state("stale", "B"), state("dark", "aggregator"))
    receiver.pass_by(60.0)
    receiver.take(state("back", "aggregator"), *(state("stale", f"M{n}") for n in range(50)))
    for n in range(500):
        receiver.take(decision_event(decision(n)))
        receiver.pass_by(1.0)
    receiver.take(*(state("back", f"M{n}") for n in range(49)), state("back", "B"))
    assert receiver.pass_by(40.0) == []
    assert receiver.tries < 20
    receiver.is_away = False
    told = receiver.pass_by(2 * WAIT_S_MAX + KIND_S)
    assert [(each.kind, subjects(each)) for each in told] == [
        ("stale", ["A", "B"]),  # the message that had waited for it
        ("stale", ["M49"]),
        ("decision.threshold", ["threshold"] * LINES_MAX),
        ("back", ["B"]),
    ]
    assert sum(each.passed for each in told) == 49
    assert sum(each.unnamed for each in told) == 500 - LINES_MAX
    assert receiver.box.lost == 0
    assert receiver.box.told == {"A": "stale", "M49": "stale"}


def test_a_message_that_nobody_took_is_made_anew_of_what_is_still_so() -> None:
    receiver = Receiver()
    receiver.is_away = True
    receiver.take(state("stale", "A"), state("stale", "B"))
    receiver.pass_by(10.0)
    receiver.take(state("back", "A"))
    receiver.pass_by(2 * MESSAGE_S_MAX)
    receiver.is_away = False
    (message,) = receiver.pass_by(2 * MESSAGE_S_MAX)
    assert subjects(message) == ["B"]
    assert receiver.box.told == {"B": "stale"}
    assert receiver.box.lost == 0


def test_decisions_that_nobody_took_are_lost_and_counted() -> None:
    receiver = Receiver()
    receiver.is_away = True
    receiver.take(decision_event(decision(1)), decision_event(decision(2)))
    receiver.pass_by(MESSAGE_S_MAX + 2 * WAIT_S_MAX)
    receiver.is_away = False
    receiver.take(state("stale", "A"))
    (message,) = receiver.pass_by(2 * WAIT_S_MAX)
    assert (message.kind, message.lost, receiver.box.lost) == ("stale", 2, 2)
    assert "2 could not be delivered before" in message.text


def test_a_message_has_one_id_over_all_its_tries() -> None:
    box = Outbox("webhook", "host1")
    box.take(state("stale", "A"), at(0.0))
    ids = set()
    for n in range(10):
        message = box.next(at(100.0 * (n + 1)))
        if message is not None and 100.0 * n < MESSAGE_S_MAX - 100.0:
            ids.add(message.id)
            box.failed("HTTP 500", at(100.0 * (n + 1)))
    assert len(ids) == 1


def test_a_receiver_is_tried_less_and_less_and_not_before_it_asks_for() -> None:
    box = Outbox("webhook", "host1")
    box.take(state("stale", "A"), at(0.0))
    waits = []
    now_s = 10.0
    for retry_after_s in (0.0, 0.0, 0.0, 30.0, 1e9):
        assert box.next(at(now_s)) is not None
        box.failed("HTTP 429", at(now_s), retry_after_s)
        waits.append(box.retry_ns / 1e9 - now_s)
        now_s = box.retry_ns / 1e9
    assert waits == [1.0, 2.0, 4.0, 30.0, 300.0]
    facts = box.facts(at(now_s))
    assert facts["outage"] == "webhook: HTTP 429"
    assert facts["tries"] == 5


def test_one_message_is_tried_at_a_time() -> None:
    box = Outbox("webhook", "host1")
    box.take(state("stale", "A"), at(0.0))
    box.take(state("dark", "aggregator"), at(0.0))
    assert box.next(at(2.0)) is not None
    assert box.next(at(3.0)) is None
    box.delivered()
    assert box.next(at(3.0)) is not None


def test_what_waits_is_bounded() -> None:
    box = Outbox("webhook", "host1")
    for n in range(2 * KINDS_MAX):
        box.take(decision_event(decision(n, strategy=f"s{n}")), at(0.0))
    assert box.lost == KINDS_MAX


def test_of_what_has_left_the_node_nothing_is_told() -> None:
    receiver = Receiver()
    receiver.take(state("stale", "A"))
    receiver.pass_by(5.0)
    receiver.take(state("degraded", "A"), state("gone", "A"))
    assert receiver.pass_by(600.0) == []
    assert receiver.box.told == {}
