"""The words of an alert."""

from __future__ import annotations

from typing import get_args

import msgspec

from signalnode.panels.alerts.events import BACK, STATES, Event, decision_event
from signalnode.panels.alerts.message import CHARS_MAX, Message, trial_message
from signalnode.settings.watching import AlertState
from tests.documents import DOCS, blocks, table
from tests.panels.web.made import T0_NS, decision


def message(*events: Event, **more: int) -> Message:
    return Message("7", "host1", events[0].kind, T0_NS, events, **more)


def test_one_thing_is_one_line() -> None:
    told = message(Event("stale", "BTC-USD", "trades silent for 6.2 s, over 4.8", T0_NS))
    assert told.text == (
        "signalnode on host1: BTC-USD is stale since 2026-11-24T17:37:52Z: trades silent for 6.2 s, over 4.8"
    )


def test_several_are_a_head_and_a_line_each() -> None:
    told = message(*(Event(BACK, name, "stale for 5.0s", T0_NS) for name in "AB"), more=3, passed=2, lost=1)
    head, first, second, *notes = told.text.splitlines()
    assert head == "signalnode on host1: 5 × back"
    assert first == "• A is back since 2026-11-24T17:37:52Z: stale for 5.0s"
    assert second.startswith("• B")
    assert notes == [
        "and 3 more",
        "2 more had passed before they could be told",
        "1 could not be delivered before",
    ]


def test_a_decision_is_told_with_its_reasons() -> None:
    told = message(decision_event(decision()))
    assert "threshold enter long BTC-USD 83.0" in told.text
    assert "momentum_long 95.8 reached entry 90" in told.text
    (facts,) = msgspec.json.decode(told.json)["alerts"]
    assert (facts["action"], facts["markets"], facts["strength"]) == ("enter", ["BTC-USD"], 83.0)


def test_what_a_program_said_marks_nothing_up_and_is_one_short_line() -> None:
    why = "<!channel> & \x1b[31m\n" + "x" * 1_000
    told = message(Event("given_up", "A", why, T0_NS))
    assert told.text.count("\n") == 0
    assert "\x1b" not in told.text
    assert len(told.text) < CHARS_MAX + 200
    shown = msgspec.json.decode(told.json)
    assert "&lt;!channel&gt; &amp;" in shown["text"]
    assert shown["alerts"][0]["why"].startswith("<!channel> &")


def test_every_state_that_may_be_asked_for_has_its_words() -> None:
    assert set(get_args(AlertState)) == set(STATES)
    told = [
        name for row in table(DOCS / "panel.md", "state").rows for name in row[0].replace("`", "").split(", ")
    ]
    assert sorted(told) == sorted(STATES)


def test_the_example_of_the_page_is_such_a_message() -> None:
    (block,) = [each for each in blocks(DOCS / "panel.md") if each.language == "json"]
    told = msgspec.json.decode(trial_message("host1", T0_NS).json)
    shown = msgspec.json.decode(block.text.encode())
    assert shown.keys() == told.keys()
    assert shown["alerts"][0].keys() == told["alerts"][0].keys()
