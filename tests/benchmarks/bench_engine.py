"""The engine: events a second, and one event at a time.

The recording is the packaged BTC-USDT sample, tiled in memory to ten million events with the time carried on.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np

from signalnode import SignalEngine, load_events
from signalnode.events import Events
from signalnode.feeds import synthetic_events
from tests.benchmarks.plain import PlainEngine
from tests.benchmarks.table import Row, medians_s

SAMPLE = Path("signalnode/sample/btcusdt_20240808.xz")
EVENTS = 10_000_000
PLAIN_EVENTS = 100_000  # the plain engine is slow; its speed does not depend on how long it runs
INTERVAL_NS = 100_000_000
LIVE_EVENTS = 20_000
SPARSE_EVENTS, SPARSE_PER_S, SPARSE_RUNS = 200_000, 80.0, 25


def tiled(events: Events, count: int) -> Events:
    """`events` over and over with the time carried on, `count` rows."""
    laps = -(-count // len(events))
    out = np.tile(events, laps)
    span = int(events["time_received_ns"][-1] - events["time_received_ns"][0]) + INTERVAL_NS
    shift = np.repeat(np.arange(laps, dtype=np.int64) * span, len(events))
    out["time_received_ns"] += shift
    out["time_event_ns"] += shift
    return out[:count]


def slowed(events: Events, per_s: float) -> Events:
    """The same events with their times stretched to so many a second."""
    out = events.copy()
    times = events["time_received_ns"] - events["time_received_ns"][0]
    factor = len(events) / per_s / (int(times[-1]) * 1e-9)
    out["time_received_ns"] = events["time_received_ns"][0] + (times * factor).astype(np.int64)
    return out


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


@numba.njit
def ten_sums(events: Any, taus_s: Any, sums: Any, out: Any) -> None:
    """Ten exponential sums on irregular time, Σ x · exp(−age/τ), written out event by event."""
    last_ns = events[0].time_received_ns
    for i in range(len(events)):
        e = events[i]
        x = e.price if e.kind == 1 else e.bid
        elapsed_s = (e.time_received_ns - last_ns) * 1e-9
        last_ns = e.time_received_ns
        for k in range(10):
            sums[k] = sums[k] * math.exp(-elapsed_s / taus_s[k]) + x
            out[i, k] = sums[k]


def rows() -> Iterator[Row]:
    sample = load_events([SAMPLE], venue="binance", market="BTC-USDT")
    events = tiled(sample, EVENTS)
    alphas, averages = 1.0 / np.arange(2.0, 12.0), np.zeros(10)
    seconds = medians_s(
        {
            "engine": functools.partial(_replayed, events),
            "bare": lambda: ten_averages(events, alphas, averages, np.empty((EVENTS, 10))),
            "unkept": lambda: ten_averages_unkept(events, alphas, averages),
            "plain": lambda: PlainEngine().replay(sample[:PLAIN_EVENTS], INTERVAL_NS),
        }
    )
    rate = EVENTS / seconds["engine"]
    bare, unkept = EVENTS / seconds["bare"], EVENTS / seconds["unkept"]
    plain = min(PLAIN_EVENTS, len(sample)) / seconds["plain"]
    for what, reference, reference_value, at_least, aim in (
        (
            f"full engine, seven scores every 100 ms, {EVENTS:,} events",
            "bare njit loop of ten averages",
            bare,
            0.3,
            "",
        ),
        ("the same", "ten averages that leave nothing behind", unkept, math.nan, "10 M events/s"),
        ("the same", "the same formulas as Python objects", plain, 10.0, ""),
    ):
        yield Row(
            what=what,
            measured=rate,
            unit="events/s",
            reference=f"events/s, {reference}",
            reference_value=reference_value,
            at_least=at_least,
            aim=aim,
        )
    yield from _sparse(sample)
    yield _live(sample)


def _sparse(sample: Events) -> Iterator[Row]:
    """Markets with so few events that what is asked costs more than what comes in. In the made-up one every
    quote moves the price, which is the most that an event can cost.
    """
    made_up = synthetic_events(seed=1, count=SPARSE_EVENTS, events_per_s=SPARSE_PER_S, regime="stationary")
    taus_s, out = np.geomspace(0.25, 1_800.0, 10), np.empty((SPARSE_EVENTS, 10))
    for what, events, at_least, aim in (
        ("BTC-USDT slowed down", slowed(tiled(sample, SPARSE_EVENTS), SPARSE_PER_S), 0.8, ""),
        ("a made-up market", made_up, 0.55, "0.8 of it"),
    ):
        seconds = medians_s(
            {
                "engine": functools.partial(_replayed, events),
                "sums": functools.partial(ten_sums, events, taus_s, np.zeros(10), out),
            },
            runs=SPARSE_RUNS,
        )
        yield Row(
            what=f"seven scores every 100 ms, {what} to {SPARSE_PER_S:g} events/s",
            measured=SPARSE_EVENTS / seconds["engine"],
            unit="events/s",
            reference="events/s, ten exponential sums on irregular time in numba",
            reference_value=SPARSE_EVENTS / seconds["sums"],
            at_least=at_least,
            aim=aim,
        )


def _replayed(events: Events) -> None:
    SignalEngine("ANY-USD").replay(events, INTERVAL_NS)


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
        at_most=5.0,
        aim="10 µs",
    )
