"""What cannot be true is counted and changes nothing else, one fault at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from signalnode.feeds import synthetic_events

EVENTS = synthetic_events(9, 500)
USED = {
    TRADE: ("price", "size"),
    QUOTE: ("bid", "bid_size", "ask", "ask_size"),
    DEPTH: ("bid_depth", "ask_depth"),
}
FIELDS = [(kind, field) for kind, fields in USED.items() for field in fields]
NEVER = (math.nan, math.inf, -math.inf, -1.0, 1e300)


def last_of(kind: int) -> Events:
    """One true event of a kind, at the time of the last of EVENTS."""
    event: Events = EVENTS[EVENTS["kind"] == kind][-1:].copy()
    event["time_received_ns"] = EVENTS["time_received_ns"][-1]
    return event


def refused(event: Events) -> int:
    """How many of `event` an engine refuses after EVENTS; if any, nothing else of it may have changed."""
    engine, clean = SignalEngine("ANY-USD"), SignalEngine("ANY-USD")
    for each in (engine, clean):
        each.ingest(EVENTS)
    engine.ingest(event)
    if engine.refused:
        assert engine.events == clean.events
        assert engine.features_at(engine.time_ns) == clean.features_at(clean.time_ns)
        assert engine.time_event_ns == clean.time_event_ns
    return engine.refused


@pytest.mark.parametrize("kind", USED)
def test_a_true_event_is_taken(kind: int) -> None:
    assert refused(last_of(kind)) == 0


@pytest.mark.parametrize("value", NEVER, ids=str)
@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_number_that_cannot_be_is_refused(kind: int, field: str, value: float) -> None:
    event = last_of(kind)
    event[field] = value
    assert refused(event) == 1


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_zero_is_refused_but_as_a_depth(kind: int, field: str) -> None:
    event = last_of(kind)
    event[field] = 0.0
    assert refused(event) == (0 if kind == DEPTH else 1)


def test_a_crossed_quote_is_refused_and_a_locked_one_taken() -> None:
    event = last_of(QUOTE)
    event["ask"] = event["bid"]
    assert refused(event) == 0
    event["ask"] = np.nextafter(event["bid"], 0.0)
    assert refused(event) == 1


@pytest.mark.parametrize("kind", [0, 4, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    event = np.ones(1, EVENT)
    event["time_received_ns"], event["kind"] = EVENTS["time_received_ns"][-1], kind
    assert refused(event) == 1
