"""One call does what taking, hearing and asking do one by one, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.errors import EventOrderError
from signalnode.events import QUOTE
from signalnode.feeds import ChannelHealth, synthetic_events
from signalnode.feeds.health import silent_at

EVENTS = synthetic_events(5, 600, events_per_s=50.0)
LAST_NS = int(EVENTS["time_received_ns"][-1])
ALL_NS = 2**63 - 1
SIGNALS: dict[str, dict[str, Any]] = {
    "built in": {},
    "added": {"extra": ["tests.laws.added:pace", "tests.laws.added:LEAN"]},
}


@pytest.mark.parametrize("signals", SIGNALS.values(), ids=SIGNALS)
def test_a_step_says_what_one_question_after_the_other_would(signals: dict[str, Any]) -> None:
    whole, stepped = SignalEngine("A-USD", signals), SignalEngine("A-USD", signals)
    health, heard = ChannelHealth(), ChannelHealth()
    start = 0
    for until_ns in range(int(EVENTS["time_received_ns"][0]), LAST_NS + 10**9, 700_000_000):
        stop = int(np.searchsorted(EVENTS["time_received_ns"], until_ns, side="right"))
        whole.ingest(EVENTS[start:stop])
        health.observe(EVENTS[start:stop])
        head = stepped.step(EVENTS, start, len(EVENTS) + 1, heard, until_ns, until_ns)
        step = stepped.stood()
        assert head == step[:4]
        assert (step.reached, step.at_ns) == (stop, until_ns)
        assert step.next_ns == (0 if stop == len(EVENTS) else EVENTS["time_received_ns"][stop])
        assert (step.time_ns, step.time_event_ns) == (whole.time_ns, whole.time_event_ns)
        assert (step.mid, step.warm) == (pytest.approx(whole.mid, nan_ok=True, rel=0.0), whole.warm)
        quotes = EVENTS[:stop][EVENTS["kind"][:stop] == QUOTE][-1:]
        spread_bps = [1e4 * (each["ask"] - each["bid"]) / whole.mid for each in quotes]
        assert step.spread_bps == pytest.approx(*spread_bps or [-1.0])
        assert step.silent == silent_at(health.state, until_ns, 0)
        scores, wanted = stepped.stood_scores(), whole.scores_at(until_ns)
        assert (scores, scores.unknown) == (wanted, wanted.unknown)
        start = stop
    assert start == len(EVENTS)
    assert stepped.state() == whole.state()
    assert heard.state.tobytes() == health.state.tobytes()


def test_a_step_that_is_cut_short_stands_at_its_newest_event() -> None:
    engine = SignalEngine("A-USD")
    engine.step(EVENTS, 10, 20, ChannelHealth(), ALL_NS, LAST_NS)
    step = engine.stood()
    assert (step.reached, step.at_ns) == (30, EVENTS["time_received_ns"][29])


def test_a_step_into_the_past_takes_nothing() -> None:
    engine, health = SignalEngine("A-USD"), ChannelHealth()
    spoilt = EVENTS.copy()
    spoilt["time_received_ns"][7] = spoilt["time_received_ns"][5]
    with pytest.raises(EventOrderError, match="event 7 of 600"):
        engine.step(spoilt, 0, 100, health, ALL_NS, 0)
    assert engine.events == 0
    assert not health.state["newest_ns"].any()
