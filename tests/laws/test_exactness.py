"""Laws 4, 5, 7 and 9, each to the bit: however events are cut into batches, whatever comes after, wherever an
engine stops and goes on, and however often it is asked.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import Events
from tests.effort import drawn
from tests.laws.streams import STREAMS, engine, interval_of, lawful, markets, stream, usual_scores

LATER = drawn(500, 20_000)  # events that come later
CUTS = 6  # places in a stream where something happens to it
HOUR_NS = 3_600 * NS_PER_S


def cuts(market: str) -> list[int]:
    """Places in a stream: the first event, the last, and some in between."""
    count = len(stream(market))
    places = np.random.default_rng(7).integers(2, count, CUTS)
    return [0, 1, *sorted(places.tolist()), count]


def bits(asked: SignalEngine, time_ns: int) -> bytes:
    """The scores at one time, as bits."""
    return np.array(list(asked.scores_at(time_ns).values())).tobytes()


def ingested(events: Events) -> SignalEngine:
    """A fresh engine that took the events in one batch."""
    fresh = engine()
    fresh.ingest(events)
    return fresh


@pytest.mark.parametrize("market", STREAMS)
def test_batches_of_any_size_make_the_same_engine(market: str) -> None:
    events, places = stream(market), cuts(market)
    fresh = engine()
    for start, end in itertools.pairwise(places):
        fresh.ingest(events[start:end])
    assert fresh.state() == ingested(events).state()


@pytest.mark.parametrize("market", STREAMS)
def test_one_event_at_a_time_makes_the_same_engine(market: str) -> None:
    events = stream(market)[:3_000]
    fresh = engine()
    for i in range(len(events)):
        fresh.ingest(events[i : i + 1])
    assert fresh.state() == ingested(events).state()


@pytest.mark.parametrize("market", STREAMS)
def test_replay_and_asking_on_the_way_give_the_same_bits(market: str) -> None:
    events, fresh, taken = stream(market), engine(), 0
    for row in usual_scores(market)[:400]:
        upto = int(np.searchsorted(events["time_received_ns"], row["time_ns"], side="right"))
        fresh.ingest(events[taken:upto])
        taken = upto
        scores = fresh.scores_at(int(row["time_ns"]))
        assert [row[name] for name in fresh.names] == list(scores.values())
        assert (row["mid"], row["warm"]) == (fresh.mid, fresh.warm) or np.isnan(fresh.mid)


@pytest.mark.parametrize("market", STREAMS)
def test_a_replay_cut_in_two_gives_the_same_table(market: str) -> None:
    events = stream(market)
    for place in cuts(market)[1:-1:3]:
        fresh = engine()
        table = np.concatenate([fresh.replay(part, NS_PER_S) for part in (events[:place], events[place:])])
        assert table.tobytes() == usual_scores(market).tobytes()


@pytest.mark.parametrize("market", STREAMS)
def test_what_comes_later_changes_no_earlier_score(market: str) -> None:
    events, table = stream(market), usual_scores(market)
    times = events["time_received_ns"]
    for place in cuts(market)[1:-1:2]:
        rows = table[table["time_ns"] <= times[place - 1]]
        other = events[: place + LATER].copy()
        later = other["time_received_ns"] > times[place - 1]
        for field in ("price", "bid", "ask", "size", "bid_size", "ask_size", "bid_depth"):
            other[field][later] *= 1.5
        other["time_received_ns"][later] += 17 * NS_PER_S
        assert engine().replay(other, NS_PER_S)[: len(rows)].tobytes() == rows.tobytes()


@pytest.mark.parametrize("market", STREAMS)
def test_an_engine_that_goes_on_elsewhere_gives_the_same_bits(market: str) -> None:
    events = stream(market)
    whole = ingested(events)
    running = engine()
    for start, end in itertools.pairwise(cuts(market)):
        running.ingest(events[start:end])
        successor = engine()
        successor.restore(running.state())
        assert bits(successor, running.time_ns) == bits(running, running.time_ns)
        running = successor
    assert running.state() == whole.state()
    assert bits(running, whole.time_ns + NS_PER_S) == bits(whole, whole.time_ns + NS_PER_S)


@pytest.mark.parametrize("market", STREAMS)
def test_asking_changes_nothing(market: str) -> None:
    events, places = stream(market), cuts(market)
    whole, asked = ingested(events), engine()
    for start, end in itertools.pairwise(places):
        asked.ingest(events[start:end])
        before = asked.state()
        first = bits(asked, asked.time_ns)
        for later_ns in (0, 1, NS_PER_S, HOUR_NS, 1_000 * HOUR_NS):
            asked.scores_at(asked.time_ns + later_ns)
            asked.features_at(asked.time_ns + later_ns)
        assert bits(asked, asked.time_ns) == first
        assert asked.state() == before
    assert asked.state() == whole.state()


def test_asking_a_thousand_times_changes_nothing() -> None:
    events = stream("btc")[:4_000]
    asked = engine()
    for start in range(0, 4_000, 4):
        asked.ingest(events[start : start + 4])
        asked.scores_at(asked.time_ns + 3 * NS_PER_S)
    assert asked.state() == ingested(events).state()


@lawful
@given(markets(), st.lists(st.integers(0, 60), max_size=6))
def test_any_market_cut_anywhere_asked_and_moved_gives_the_same_bits(
    events: Events, places: list[int]
) -> None:
    running, start = engine(), 0
    for place in [*sorted(places), len(events)]:
        running.ingest(events[start:place])
        start = max(start, place)
        running.scores_at(running.time_ns + HOUR_NS)
        successor = engine()
        successor.restore(running.state())
        running = successor
    assert running.state() == ingested(events).state()


@lawful
@given(markets(), st.integers(1, 59))
def test_the_end_of_any_market_changes_nothing_before_it(events: Events, place: int) -> None:
    begun = events[:place]
    time_ns = int(begun["time_received_ns"][-1])
    begun = events[events["time_received_ns"] <= time_ns]
    table = engine().replay(events, interval_of(events))
    alone = engine().replay(begun, interval_of(events))
    assert table[: len(alone)].tobytes() == alone.tobytes()
