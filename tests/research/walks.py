"""Markets made for the tests of research: a seeded random walk with quotes and trades, or more than that."""

from __future__ import annotations

import numpy as np

from signalnode.events import EVENT, QUOTE, TRADE, Events

START_NS = 1_700_000_000 * 10**9


def walk(
    seed: int, seconds: float, *, events_per_s: float = 2.0, planted: float = 0.0, price: float = 100.0
) -> Events:
    """Quotes and trades at random times about a walk without memory. `planted`: the mid follows, by so many
    basis points a second, who leans on the top of the book for some seconds.
    """
    random = np.random.default_rng(seed)
    count = int(seconds * events_per_s)
    times = START_NS + np.sort(random.integers(0, int(seconds * 1e9), count))
    lean = np.empty(count)
    value, gaps = 0.0, np.diff(times, prepend=times[0]) / 1e9
    for place, (gap, noise) in enumerate(
        zip(gaps.tolist(), random.standard_normal(count).tolist(), strict=True)
    ):
        keep = np.exp(-gap / 10.0)
        value = keep * value + np.sqrt(1.0 - keep * keep) * noise
        lean[place] = value
    moves = 0.5e-4 * np.sqrt(gaps) * random.standard_normal(count)
    moves[1:] += planted * 1e-4 * gaps[1:] * lean[:-1]
    mid = price * np.exp(np.cumsum(moves))
    events = np.zeros(count, EVENT)
    events["time_received_ns"] = events["time_event_ns"] = times
    is_trade = random.random(count) < 0.3
    events["kind"] = np.where(is_trade, TRADE, QUOTE)
    side = np.where(random.random(count) < 0.5, 1, -1)
    for name, value_of in (
        ("aggressor_side", side),
        ("price", mid * (1.0 + 0.5e-4 * side)),
        ("size", random.exponential(1.0, count) + 0.01),
    ):
        events[name] = np.where(is_trade, value_of, 0)
    tilt = np.tanh(lean) if planted else np.zeros(count)
    for name, value_of in (
        ("bid", mid * (1.0 - 0.5e-4)),
        ("ask", mid * (1.0 + 0.5e-4)),
        ("bid_size", (1.0 + 0.9 * tilt) * (1.0 + random.random(count))),
        ("ask_size", (1.0 - 0.9 * tilt) * (1.0 + random.random(count))),
    ):
        events[name] = np.where(is_trade, 0.0, value_of)
    return events
