"""Law 1: whatever comes in, every score is finite and from 0 to 100."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode.clock import NS_PER_S
from signalnode.events import EVENT, TIME_MAX_NS, TIME_MIN_NS, Events
from tests.effort import drawn
from tests.laws.streams import NAMES, STREAMS, engine, interval_of, lawful, markets, stream, usual_scores

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, -1.0, 1e-300, 1e300, 1e-100, 1e100, 5e-324, math.nan, math.inf, -math.inf]),
    st.floats(0.001, 1e5),
)
GAPS_NS = st.one_of(
    st.just(0), st.integers(0, 10**9), st.integers(0, 10**12), st.sampled_from([2**53, 10**17, 2**60])
)
FIELDS = ("price", "size", "bid", "bid_size", "ask", "ask_size", "bid_depth", "ask_depth")
LATER_NS = (0, 1, NS_PER_S, 86_400 * NS_PER_S, 2**60)
PLACE_MAX = drawn(2_800, 4_000)  # of what is put among the events of a recording


ROWS = st.tuples(
    st.integers(-(2**63), 2**63 - 1),  # the venue's time
    GAPS_NS,
    st.sampled_from([1, 2, 2, 3, 0, 4, 255]),
    st.integers(-128, 127),
    *[NUMBERS] * len(FIELDS),
)


def events_of(rows: list[tuple[Any, ...]], time_ns: int) -> Events:
    events = np.zeros(len(rows), EVENT)
    for place, (venue_ns, gap_ns, *values) in enumerate(rows):
        time_ns = min(time_ns + gap_ns, TIME_MAX_NS)
        events[place] = (venue_ns, time_ns, *values)
    return events


def anything() -> st.SearchStrategy[Events]:
    """Events in order of time, and nothing else about them is certain."""
    times_ns = st.sampled_from([TIME_MIN_NS, 1_700_000_000 * NS_PER_S, TIME_MAX_NS])
    return st.builds(events_of, st.lists(ROWS, min_size=1, max_size=25), times_ns)


def assert_bounded(scores: dict[str, float] | Any) -> None:
    """Every score is a number from 0 to 100."""
    for name in NAMES:
        values = np.atleast_1d(scores[name])
        assert np.all(np.isfinite(values)), name
        assert np.all((values >= 0.0) & (values <= 100.0)), name


def assert_bounded_from_now_on(events: Events) -> None:
    """Bounded at the last event, and however long nothing follows."""
    fresh = engine()
    fresh.ingest(events)
    for later_ns in LATER_NS:
        assert_bounded(fresh.scores_at(fresh.time_ns + later_ns))


@pytest.mark.parametrize("market", STREAMS)
def test_every_score_of_a_market_is_bounded(market: str) -> None:
    assert_bounded(usual_scores(market))


@lawful
@given(anything())
def test_nothing_that_comes_in_gets_a_score_out_of_bounds(events: Events) -> None:
    assert_bounded_from_now_on(events)


@lawful
@given(markets())
def test_no_market_gets_a_score_out_of_bounds(events: Events) -> None:
    assert_bounded_from_now_on(events)
    assert_bounded(engine().replay(events, interval_of(events)))


@lawful
@given(anything(), st.integers(0, PLACE_MAX))
def test_nothing_in_the_middle_of_a_market_gets_a_score_out_of_bounds(intruders: Events, place: int) -> None:
    market = stream("btc")[: PLACE_MAX + 150]
    intruders["time_received_ns"] = market["time_received_ns"][place]
    fresh = engine()
    fresh.ingest(np.concatenate([market[:place], intruders, market[place:]]))
    assert_bounded(fresh.scores_at(fresh.time_ns))
    assert_bounded(fresh.scores_at(fresh.time_ns + 3_600 * NS_PER_S))


@lawful
@given(anything(), st.integers(0, PLACE_MAX))
def test_an_event_that_cannot_be_true_leaves_no_trace_but_its_count(intruders: Events, place: int) -> None:
    market = stream("btc")[: PLACE_MAX + 150]
    intruders["time_received_ns"] = market["time_received_ns"][place]
    for field in FIELDS:
        intruders[field] = -np.abs(intruders[field]) - 1.0
    clean, soiled = engine(), engine()
    clean.ingest(market)
    soiled.ingest(np.concatenate([market[:place], intruders, market[place:]]))
    assert soiled.scores_at(soiled.time_ns) == clean.scores_at(clean.time_ns)
    assert (soiled.events, soiled.refused) == (clean.events, clean.refused + len(intruders))


def test_before_the_first_event_every_score_is_in_the_middle() -> None:
    assert set(engine().scores_at(0).values()) == {50.0}


@pytest.mark.parametrize(("time_ns", "place"), [(TIME_MIN_NS, 0), (TIME_MAX_NS, -1)])
def test_a_market_may_be_as_old_or_as_new_as_a_time_can_be(time_ns: int, place: int) -> None:
    events = stream("sparse")[:500].copy()
    events["time_received_ns"] += time_ns - events["time_received_ns"][place]
    assert_bounded(engine().replay(events, NS_PER_S))
    assert_bounded_from_now_on(events)
