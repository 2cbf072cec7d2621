"""The engine: events a second, and one event at a time.

The recording is the packaged BTC-USDT sample, tiled in memory to ten million events with the time carried on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np

from signalnode import SignalEngine, load_events
from signalnode.events import Events
from tests.benchmarks.plain import PlainEngine
from tests.benchmarks.table import Row, medians_s

SAMPLE = Path("signalnode/sample/btcusdt_20240808.xz")
EVENTS = 10_000_000
PLAIN_EVENTS = 100_000  # the plain engine is slow; its speed does not depend on how long it runs
INTERVAL_NS = 100_000_000
LIVE_EVENTS = 20_000


def tiled(events: Events, count: int) -> Events:
    """`events` over and over with the time carried on, `count` rows."""
    laps = -(-count // len(events))
    out = np.tile(events, laps)
    span = int(events["time_received_ns"][-1] - events["time_received_ns"][0]) + INTERVAL_NS
    shift = np.repeat(np.arange(laps, dtype=np.int64) * span, len(events))
    out["time_received_ns"] += shift
    out["time_event_ns"] += shift
    return out[:count]


@numba.njit
def ten_averages(events: Any, alphas: Any, averages: Any, out: Any) -> None:
    """Ten fixed-alpha averages of whatever price an event carries, written out event by event."""
    for i in range(len(events)):
        e = events[i]
        x = e.price if e.kind == 1 else e.bid
        for k in range(10):
            averages[k] += alphas[k] * (x - averages[k])
            out[i, k] = averages[k]


@numba.njit
def ten_averages_unkept(events: Any, alphas: Any, averages: Any) -> None:
    """The same, of which only the last values remain: they never leave the registers."""
    for i in range(len(events)):
        e = events[i]
        x = e.price if e.kind == 1 else e.bid
        for k in range(10):
            averages[k] += alphas[k] * (x - averages[k])


def rows() -> Iterator[Row]:
    sample = load_events([SAMPLE], venue="binance", market="BTC-USDT")
    events = tiled(sample, EVENTS)
    alphas, averages = 1.0 / np.arange(2.0, 12.0), np.zeros(10)
    seconds = medians_s(
        {
            "engine": lambda: SignalEngine("BTC-USDT").replay(events, INTERVAL_NS),
            "bare": lambda: ten_averages(events, alphas, averages, np.empty((EVENTS, 10))),
            "unkept": lambda: ten_averages_unkept(events, alphas, averages),
            "plain": lambda: PlainEngine().replay(sample[:PLAIN_EVENTS], INTERVAL_NS),
        }
    )
    rate = EVENTS / seconds["engine"]
    bare, unkept = EVENTS / seconds["bare"], EVENTS / seconds["unkept"]
    plain = min(PLAIN_EVENTS, len(sample)) / seconds["plain"]
    yield Row(
        what="full engine, seven scores every 100 ms, 10 M events",
        measured=rate,
        unit="events/s",
        reference="events/s, bare njit loop of ten averages",
        reference_value=bare,
        ratio=rate / bare,
        target="≥ 0.3",
        met=rate / bare >= 0.3,
    )
    yield Row(
        what="the same",
        measured=rate,
        unit="events/s",
        reference="events/s, ten averages that leave nothing behind",
        reference_value=unkept,
        ratio=rate / unkept,
        target="≥ 10 M events/s",
        met=rate >= 10e6,
    )
    yield Row(
        what="the same",
        measured=rate,
        unit="events/s",
        reference="events/s, the same formulas as Python objects",
        reference_value=plain,
        ratio=rate / plain,
        target="≥ 10",
        met=rate / plain >= 10,
    )
    yield _live(sample)


def _live(sample: Events) -> Row:
    """One event in, seven scores out, as a live engine does it: median over many events."""
    engine = SignalEngine("BTC-USDT")
    engine.ingest(sample[:-LIVE_EVENTS])
    alphas, averages, out = 1.0 / np.arange(2.0, 12.0), np.zeros(10), np.empty((1, 10))
    live, bare = [], []
    for i in range(len(sample) - LIVE_EVENTS, len(sample)):
        event = sample[i : i + 1]
        started = time.perf_counter_ns()
        engine.ingest(event)
        engine.scores_at(engine.time_ns)
        between = time.perf_counter_ns()
        ten_averages(event, alphas, averages, out)
        bare.append(time.perf_counter_ns() - between)
        live.append(between - started)
    us, reference_us = float(np.median(live)) / 1e3, float(np.median(bare)) / 1e3
    return Row(
        what="one event in, seven scores out, live",
        measured=us,
        unit="µs",
        reference="µs, one njit call on one event (the ten averages)",
        reference_value=reference_us,
        ratio=us / reference_us,
        target="≤ 5, and < 10 µs",
        met=us / reference_us <= 5 and us < 10,
    )
