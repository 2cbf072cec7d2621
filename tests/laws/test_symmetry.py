"""Laws 2, 3 and 6: scores know no unit, no clock's zero, and no difference between up and down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signalnode.clock import NS_PER_S
from signalnode.events import QUOTE, TRADE, Events
from tests.effort import some
from tests.laws.streams import (
    NAMES,
    STREAMS,
    TOLERANCE,
    TWO_SIDED,
    last_scores,
    lawful,
    market_of,
    markets,
    scores_of,
    stream,
    usual_scores,
)

UNITS = ((1e-6, 1e6), (3.7, 0.11), (7e8, 1.3e-9))
# A day after the only sizes that differed, the ask becomes what the bid is: as telling as the reverse.
ONE_SIZE_LESS = market_of([(QUOTE, 0.0, 0, 1, 0.001, 0.3, 0), (QUOTE, 90_000.0, 0, 1, 0.001, 0.001, 0)], 300)
# A price is back where it was, but for rounding, and the only book is locked.
BACK = market_of(
    [(TRADE, 0.0, 0, 0, 1.0, 1.0, -1)] * 23
    + [(TRADE, 3.0, -2, 0, 1.0, 1.0, -1), (QUOTE, 0.0, 2, 0, 1.0, 1.0, 0)],
    6_000_000,
)
# All its moves were undone within a nanosecond.
UNDONE = market_of(
    [(TRADE, 0.0, 0, 0, 1.0, 1.0, -1)] * 21
    + [(QUOTE, 0.0, 0, 2, 1.0, 1.0, 0), (QUOTE, 0.7, -2, 0, 1.0, 1.0, 0)]
    + [(QUOTE, 1e-9, 2, 2, 1.0, 1.0, 0), (TRADE, 0.7, 0, 0, 1.0, 1.0, -1)],
    6_000_000,
)
YEAR_NS = 365 * 86_400 * NS_PER_S
YEARS = (-33, 74)  # from the streams' dates as far as a time may be: to 1990 and to 2100
SHIFTS_NS = some([-(10**9) // 3, *(years * YEAR_NS for years in YEARS), 1, 86_400 * NS_PER_S], 3)


def in_units(events: Events, price: float, size: float) -> Events:
    """The same market in other units: prices × `price`, sizes × `size`."""
    out = events.copy()
    for field in ("price", "bid", "ask"):
        out[field] *= price
    for field in ("size", "bid_size", "ask_size", "bid_depth", "ask_depth"):
        out[field] *= size
    return out


def mirrored(events: Events) -> Events:
    """The market seen by who counts the other currency: p → K/p, bids and asks change places."""
    out = events.copy()
    quotes, trades = events["kind"] == QUOTE, events["kind"] == TRADE
    k = 1.7e9
    out["bid"][quotes], out["ask"][quotes] = k / events["ask"][quotes], k / events["bid"][quotes]
    out["price"][trades] = k / events["price"][trades]
    for one, other in (("bid_size", "ask_size"), ("bid_depth", "ask_depth")):
        out[one], out[other] = events[other], events[one]
    out["aggressor_side"] = -events["aggressor_side"]
    return out


def shifted(events: Events, shift_ns: int) -> Events:
    """The same market at another time."""
    out = events.copy()
    out["time_received_ns"] += shift_ns
    out["time_event_ns"] += shift_ns
    return out


def opposite_of(name: str) -> str:
    """The score that takes this one's place in the mirror: itself where the family has one score."""
    for long, short in TWO_SIDED:
        if name in (long, short):
            return short if name == long else long
    return name


def assert_same(scores: Mapping[str, float], others: Mapping[str, float]) -> None:
    """Equal within the law's tolerance, each score."""
    for name in NAMES:
        assert scores[name] == pytest.approx(others[name], rel=0, abs=TOLERANCE), name


def farthest(table: Any, name: str, other: Any, other_name: str) -> float:
    """The largest difference of one score in one table from another in the other."""
    assert len(table) == len(other) > 0
    return float(np.max(np.abs(table[name] - other[other_name])))


@pytest.mark.parametrize("units", UNITS, ids=str)
@pytest.mark.parametrize("market", STREAMS)
def test_no_score_depends_on_units(market: str, units: tuple[float, float]) -> None:
    other = scores_of(in_units(stream(market), *units))
    for name in NAMES:
        assert farthest(usual_scores(market), name, other, name) < TOLERANCE, name


@pytest.mark.parametrize("market", STREAMS)
def test_the_mirror_swaps_long_and_short_and_nothing_else(market: str) -> None:
    other = scores_of(mirrored(stream(market)))
    for name in NAMES:
        assert farthest(usual_scores(market), name, other, opposite_of(name)) < TOLERANCE, name


@pytest.mark.parametrize("shift_ns", SHIFTS_NS)
@pytest.mark.parametrize("market", STREAMS)
def test_no_score_depends_on_the_date(market: str, shift_ns: int) -> None:
    other = scores_of(shifted(stream(market), shift_ns))
    for name in NAMES:
        assert farthest(usual_scores(market), name, other, name) < TOLERANCE, name


@lawful
@given(markets(), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_no_score_of_any_market_depends_on_units(events: Events, price: float, size: float) -> None:
    assert_same(last_scores(events), last_scores(in_units(events, price, size)))


@lawful
@given(markets())
@example(ONE_SIZE_LESS)
@example(BACK)
@example(UNDONE)
def test_the_mirror_of_any_market_swaps_long_and_short(events: Events) -> None:
    there = last_scores(mirrored(events))
    assert_same(last_scores(events), {name: there[opposite_of(name)] for name in NAMES})


@lawful
@given(markets(), st.integers(*(years * YEAR_NS for years in YEARS)))
def test_no_score_of_any_market_depends_on_the_date(events: Events, shift_ns: int) -> None:
    assert_same(last_scores(events), last_scores(shifted(events, shift_ns)))
