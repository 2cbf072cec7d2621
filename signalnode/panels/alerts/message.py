"""One message in words, and as JSON. Pure.

`text` is what Slack and those that took over its form show. Names are ours, but what a program said before it
died may hold anything, so that the three signs by which Slack marks up are written as it asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from signalnode.clock import utc_text
from signalnode.panels.alerts.events import AT_ONCE, BACK, STATES, TEST, Event

LINES_MAX = 20  # events that a message says in words; the others are counted
NAMED_MAX = 10  # markets of one decision, reasons
CHARS_MAX = 300  # of a line's words
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Message:
    """What one receiver is told at once, all of one kind: LINES_MAX events in words. `more` are counted
    alone, `passed` were over before they could be told, `lost` could not be delivered.
    """

    id: str  # the same at each try
    node: str
    kind: str
    time_ns: int  # since 1970
    events: tuple[Event, ...]
    more: int = 0
    passed: int = 0
    lost: int = 0

    @property
    def text(self) -> str:
        """For people: a line where one thing is told, else a head and a line for each."""
        first, *others = [_line(event) for event in self.events[:LINES_MAX]]
        head, notes = f"signalnode on {self.node}: ", _notes(self)
        if not others:
            return "\n".join([head + first, *notes])
        count = f"{len(self.events) + self.more} × {self.kind.replace('_', ' ')}"
        return "\n".join([head + count, *(f"• {line}" for line in (first, *others)), *notes])

    @property
    def unnamed(self) -> int:
        """How many are told by their number alone."""
        return self.more + max(0, len(self.events) - LINES_MAX)

    @property
    def json(self) -> bytes:
        """For programs; `text` for receivers as Slack."""
        return msgspec.json.encode(
            {
                "text": self.text.translate(_ESCAPES),
                "id": self.id,
                "node": self.node,
                "kind": self.kind,
                "time": utc_text(self.time_ns),
                "alerts": [_facts(event) for event in self.events[:LINES_MAX]],
                "more": self.unnamed,
                "passed": self.passed,
                "lost": self.lost,
            }
        )


def trial_message(node: str, time_ns: int) -> Message:
    """What `signalnode alerts test` sends."""
    event = Event(TEST, "alerts", "this is a test: where you read it, alerts arrive", time_ns)
    return Message(f"test-{time_ns}", node, TEST, time_ns, (event,))


def _line(event: Event) -> str:
    since = utc_text(event.since_ns, "seconds")
    if event.decision is not None:
        told = event.decision
        markets = " ".join(told.markets[:NAMED_MAX])
        words = f"{told.strategy} {told.action} {told.direction} {markets} {told.strength:.1f}, {since}"
        why = "; ".join(told.reasons[:NAMED_MAX])
    elif event.kind == TEST:
        return event.why
    else:
        words = f"{event.subject} {'is back' if event.kind == BACK else STATES[event.kind]}"
        words += f" {'at' if event.kind in AT_ONCE else 'since'} {since}"
        why = event.words
    return f"{words}{f': {one_line(why)}' if why else ''}"


def _facts(event: Event) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "kind": event.kind,
        "subject": event.subject,
        "since": utc_text(event.since_ns),
        "why": one_line(event.words),
    }
    if event.decision is not None:
        told = event.decision
        facts |= {
            "action": told.action,
            "direction": told.direction,
            "markets": told.markets[:NAMED_MAX],
            "strength": told.strength,
            "reasons": [one_line(each) for each in told.reasons[:NAMED_MAX]],
        }
    return facts


def _notes(message: Message) -> list[str]:
    notes = []
    if message.unnamed:
        notes.append(f"and {message.unnamed} more")
    if message.passed:
        notes.append(f"{message.passed} more had passed before they could be told")
    if message.lost:
        notes.append(f"{message.lost} could not be delivered before")
    return notes


def one_line(text: str) -> str:
    """At most CHARS_MAX characters of it, in one line, without signs that steer a terminal."""
    plain = "".join(each if each.isprintable() else " " for each in text)
    short = " ".join(plain.split())
    return short if len(short) <= CHARS_MAX else f"{short[: CHARS_MAX - 1]}…"
