"""One wild event is forgotten when its moment is over, and a true gap is not taken for one: every score and
every usual, in a calm market and in a busy one.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.events import DEPTH, QUOTE, TRADE, Events, join_events
from signalnode.features import FEATURES
from signalnode.signals import BUILT_IN_SCORES
from tests.effort import drawn
from tests.laws.made import Stretch, made_market

WILD_FOR_NS = 250 * NS_PER_MS
AT_S, LONG_S = 3_600, 2_400  # when it happens, and how much comes after it
POINTS_MAX = 5.0
RATES = pytest.mark.parametrize("rate", [1.0, 20.0], ids=["calm", "busy"])
PRICES = ("bid", "ask", "price")
WILD = {
    "prices": (QUOTE, PRICES, (9.0, 10.0, 0.1)),
    "ask": (QUOTE, ("ask",), (9.0, 1.2)),
    "bid": (QUOTE, ("bid",), (0.1, 0.8)),
    "sizes_quoted": (QUOTE, ("bid_size", "ask_size"), (9.0, 0.1, 1e6)),
    "one_size_quoted": (QUOTE, ("ask_size",), (10.0, 0.1, 1e6)),
    "size_traded": (TRADE, ("size",), (10.0, 0.1, 1e6)),
    "depth": (DEPTH, ("bid_depth", "ask_depth"), (10.0, 0.1, 0.0, 1e6)),
    "one_depth": (DEPTH, ("bid_depth",), (10.0, 0.0, 1e6)),
}
CASES = [(name, factor) for name, (_, _, factors) in WILD.items() for factor in factors[:: drawn(2, 1)]]
PLACES = [0, 1, 2][-drawn(1, 3) :]  # of the first such events in a market
USUALS = [name for name in FEATURES.names or () if name.endswith("_usual") or name == "variance"]


@functools.cache
def market(rate: float) -> Events:
    """A market that goes on as it is. Not to be written to."""
    return made_market(5, Stretch(seconds=AT_S + LONG_S, events_per_s=rate, pull_s=300.0))


@functools.cache
def place_at(rate: float) -> int:
    """Of the first event of it that comes AT_S after the start, or later."""
    times = market(rate)["time_received_ns"]
    return int(np.searchsorted(times, times[0] + AT_S * NS_PER_S))


@functools.cache
def state_at(rate: float) -> bytes:
    """An engine's that has heard the market until then."""
    engine = SignalEngine("ANY-USD")
    engine.ingest(market(rate)[: place_at(rate)])
    return engine.state()


def engine_at(rate: float) -> SignalEngine:
    """One that goes on from there, to the same bits."""
    engine = SignalEngine("ANY-USD")
    engine.restore(state_at(rate))
    return engine


def after(rate: float) -> Events:
    """What comes then. Not to be written to."""
    return market(rate)[place_at(rate) :]


@functools.cache
def undisturbed(rate: float) -> npt.NDArray[Any]:
    """The scores of a market to which nothing happens, once a second: from its start."""
    return SignalEngine("ANY-USD").replay(market(rate), NS_PER_S)


@functools.cache
def undisturbed_after(rate: float) -> npt.NDArray[Any]:
    """And from then on."""
    return engine_at(rate).replay(after(rate), NS_PER_S)


def with_one_wild(events: Events, kind: int, fields: tuple[str, ...], factor: float) -> Events:
    """The first event of `kind` stands for 250 ms with `fields` × `factor`; then the true one comes."""
    times = events["time_received_ns"]
    place = int(np.flatnonzero(events["kind"] == kind)[0])
    wild, true = events[place : place + 1].copy(), events[place : place + 1].copy()
    for field in fields:
        wild[field] *= factor
    until_ns = times[place] + WILD_FOR_NS
    true["time_received_ns"] = until_ns
    later = int(np.searchsorted(times, until_ns, side="right"))
    return join_events([events[:place], wild, true, events[later:]])


def farthest(table: npt.NDArray[Any], other: npt.NDArray[Any], since_s: int) -> dict[str, float]:
    """The most that each score of one table is off that of the other, from `since_s` after the start."""
    both = min(len(table), len(other))
    rows = slice(since_s, both)
    return {name: float(np.max(np.abs(table[name][rows] - other[name][rows]))) for name in BUILT_IN_SCORES}


@RATES
@pytest.mark.parametrize(("what", "factor"), CASES)
def test_five_minutes_after_one_wild_event_no_score_remembers_it(
    what: str, factor: float, rate: float
) -> None:
    kind, fields, _ = WILD[what]
    table = engine_at(rate).replay(with_one_wild(after(rate), kind, fields, factor), NS_PER_S)
    off = farthest(table, undisturbed_after(rate), 300)
    assert {name: each for name, each in off.items() if not each < POINTS_MAX} == {}


@RATES
@pytest.mark.parametrize(("what", "factor"), CASES)
def test_no_usual_is_moved_far_by_one_wild_event(what: str, factor: float, rate: float) -> None:
    kind, fields, _ = WILD[what]
    events = after(rate)[: int(600 * rate)]
    soiled = with_one_wild(events, kind, fields, factor)
    there, here = (engine_at(rate) for _ in range(2))
    for engine, rows in ((here, events), (there, soiled)):
        engine.ingest(rows)
    usual, moved = (engine.features_at(here.time_ns) for engine in (here, there))
    for name in USUALS:
        if name in ("imbalance_usual", "taken_usual"):
            assert moved[name] == pytest.approx(usual[name], abs=0.05)
        else:
            assert moved[name] == pytest.approx(usual[name], rel=0.5), name


@RATES
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("what", "factor"), CASES)
def test_a_market_that_begins_with_a_wild_event_recovers(
    what: str, factor: float, place: int, rate: float
) -> None:
    kind, fields, _ = WILD[what]
    events = market(rate)[: int(2_400 * rate)].copy()
    at = np.flatnonzero(events["kind"] == kind)[place]
    for field in fields:
        events[field][at] *= factor
    off = farthest(SignalEngine("ANY-USD").replay(events, NS_PER_S), undisturbed(rate), 1_200)
    assert {name: each for name, each in off.items() if not each < 2.0 * POINTS_MAX} == {}


@RATES
@pytest.mark.parametrize("gap", [-0.3, -0.1, 0.03, 0.1, 0.3])
def test_a_gap_after_a_halt_is_a_breakout_within_two_events(gap: float, rate: float) -> None:
    quotes = after(rate)[after(rate)["kind"] == QUOTE][:50]
    quotes["time_received_ns"] += 300 * NS_PER_S
    for field in PRICES:
        quotes[field] *= 1.0 + gap
    engine = engine_at(rate)
    engine.ingest(quotes[:2])
    scores = engine.scores_at(engine.time_ns + NS_PER_S)
    assert scores["volatility_breakout"] > 95.0
    back = "mean_reversion_short" if gap > 0 else "mean_reversion_long"
    assert scores[back] > 95.0
    engine.ingest(quotes[2:])
    assert engine.mid == pytest.approx(quotes["bid"][49], rel=1e-3)


@pytest.mark.parametrize("rate", [10.0, 100.0])
def test_a_market_that_wakes_is_followed_at_once(rate: float) -> None:
    quiet = Stretch(seconds=900.0, events_per_s=rate, sigma_bps=0.05)
    before, after = (SignalEngine("ANY-USD") for _ in range(2))
    awake = Stretch(seconds=120.0, events_per_s=rate, sigma_bps=5.0)  # a hundred times as far
    before.ingest(made_market(1, quiet))
    after.ingest(made_market(1, quiet, awake))
    usual, now = (engine.features_at(engine.time_ns) for engine in (before, after))
    assert now["volatility"] > 45.0 * usual["volatility_usual"]
    assert now["variance"] > 500.0 * usual["variance"], "a fifth of its memory has seen 10,000 times as much"
