"""The markets over which every law is tested: two recordings, three made-up ones, and streams that hypothesis
draws; with the engine that scores them, which carries two added signals beside the built-in ones.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import settings
from hypothesis import strategies as st

from signalnode import SignalEngine, load_events
from signalnode.clock import NS_PER_S
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from signalnode.feeds import synthetic_events
from signalnode.signals import BUILT_IN_SCORES, SIGNALS
from tests.effort import drawn, some

SAMPLE = Path(__file__).parents[2] / "signalnode" / "sample"
EXCERPT = Path(__file__).parents[1] / "data" / "binance" / "btcusdt_first.gz"
ADDED = {
    "extra": [
        "book_pressure",
        "tests.laws.added:pace",
        drawn("tests.laws.added:LEAN", "tests.laws.added_compiled:LEAN"),
    ]
}
LEAN = ("lean_long", "lean_short")
PRESSURE = ("book_pressure_long", "book_pressure_short")
NAMES = (*BUILT_IN_SCORES, *PRESSURE, "pace", *LEAN)
TWO_SIDED = [*(signal.scores for signal in SIGNALS if signal.two_sided), PRESSURE, LEAN]
STREAMS = some(("btc", "alternating", "sparse", "reverting", "eth"), 3)
TOLERANCE = 1e-6
START_NS = 1_700_000_000 * NS_PER_S

lawful = settings(max_examples=drawn(10, 400))  # each of them a market of its own


def engine() -> SignalEngine:
    """A fresh engine with the added signals."""
    made = SignalEngine("ANY-USD", ADDED)
    assert made.names == NAMES
    return made


@functools.cache
def stream(name: str) -> Events:
    """The events of one of STREAMS. Not to be written to."""
    if name == "btc":
        return load_events(
            [drawn(EXCERPT, SAMPLE / "btcusdt_20240808.xz")], venue="binance", market="BTC-USDT"
        )
    if name == "eth":
        return load_events([SAMPLE / "ethusdt_20240808.xz"], venue="binance", market="ETH-USDT")
    if name == "sparse":
        return synthetic_events(seed=2, count=drawn(800, 1_500), events_per_s=2.0)
    if name == "reverting":
        return synthetic_events(seed=3, count=drawn(10_000, 20_000), events_per_s=100.0, regime="reverting")
    return synthetic_events(seed=1, count=drawn(10_000, 20_000), events_per_s=50.0)


def scores_of(events: Events, interval_ns: int = NS_PER_S) -> npt.NDArray[Any]:
    """A fresh engine's replay of `events`."""
    return engine().replay(events, interval_ns)


@functools.cache
def usual_scores(name: str) -> npt.NDArray[Any]:
    """`scores_of` one of STREAMS as it is."""
    return scores_of(stream(name))


def last_scores(events: Events) -> dict[str, float]:
    """A fresh engine's scores at the last of `events`."""
    fresh = engine()
    fresh.ingest(events)
    return fresh.scores_at(fresh.time_ns)


def interval_of(events: Events) -> int:
    """An interval in ns that gives a table of about fifty rows, however long the stream."""
    times = events["time_received_ns"]
    return int(times[-1] - times[0]) // 50 + 1


_GAPS_S = st.sampled_from([0.0, 1e-9, 0.001, 0.05, 0.7, 1.0, 3.0, 40.0, 400.0, 90_000.0])
_SIZES = st.sampled_from([0.001, 0.3, 0.9, 1.0, 7.0, 500.0])
_ROWS = st.tuples(
    st.sampled_from([TRADE, QUOTE, QUOTE, QUOTE, DEPTH]),
    _GAPS_S,
    st.integers(-3, 3),  # ticks the mid moves
    st.integers(0, 3),  # ticks of half a spread; 0 is a locked book
    _SIZES,
    _SIZES,
    st.sampled_from([-1, 0, 1]),
)


def market_of(rows: list[tuple[int, float, int, int, float, float, int]], price: int) -> Events:
    """Events as _ROWS tells of each, from a price of so many cents on."""
    made: list[tuple[float, ...]] = []
    ticks, time_ns = price, START_NS
    for kind, gap_s, move, half, one, two, side in rows:
        time_ns += int(gap_s * NS_PER_S)
        ticks = max(ticks + move, 4)
        values = [0.0] * 8  # of a trade, the top of the book, and depth
        if kind == QUOTE:
            values[2:6] = 0.01 * (ticks - half), one, 0.01 * (ticks + half), two
        elif kind == TRADE:
            values[:2] = 0.01 * ticks, one
        else:
            values[6:] = one, two
        made.append((time_ns, time_ns, kind, side if kind == TRADE else 0, *values))
    return np.array(made, EVENT)


def markets() -> st.SearchStrategy[Events]:
    """Short streams of events that can be true: silences, locked books, equal times, no quote at all."""
    return st.builds(
        market_of, st.lists(_ROWS, min_size=1, max_size=60), st.sampled_from([5, 300, 6_000_000])
    )
