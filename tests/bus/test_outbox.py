"""What waits for a user: of each market the newest, nobody for ever, and every event."""

from __future__ import annotations

from typing import Any

from signalnode.bus.outbox import Outbox
from signalnode.bus.wire import Message
from tests.aggregator.test_journal import decision, view
from tests.bus.messages import end, heartbeat, score


def passed(outbox: Outbox, *messages: Message) -> list[Any]:
    """What comes out of `messages`."""
    for message in messages:
        outbox.put(message)
    found = []
    while (message := outbox.pop()) is not None:  # type: ignore[assignment]
        found.append(message)
    return found


def test_without_newest_everything_comes_in_order() -> None:
    messages = [score(seq=1), heartbeat(seq=1), score(seq=2), score("B", seq=1), end(seq=2)]
    assert passed(Outbox(), *messages) == messages


def test_a_newer_score_takes_the_older_one_s_place_so_that_no_market_waits_for_ever() -> None:
    outbox = Outbox(newest=True)
    assert passed(outbox, score("A", 1), score("B", 1), score("A", 2)) == [score("A", 2), score("B", 1)]


def test_what_was_passed_over_is_given_back() -> None:
    outbox = Outbox(newest=True)
    assert outbox.put(score(seq=1)) is None
    assert outbox.put(heartbeat(seq=1)) is None
    assert outbox.put(score(seq=2)) == score(seq=1)
    assert len(outbox) == 2


def test_ends_and_decisions_all_come_in_order() -> None:
    events = [end("A", 1), decision(1), decision(2), end("B", 1)]
    assert passed(Outbox(newest=True), *events, view(1), view(2)) == [*events, view(2)]


def test_a_score_of_a_new_epoch_comes_after_the_end_of_the_old_one() -> None:
    new = score(epoch=2, seq=1)
    assert passed(Outbox(newest=True), score(seq=5), end(seq=5), new) == [end(seq=5), new]
