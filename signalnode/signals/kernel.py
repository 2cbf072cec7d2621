"""The compiled path from events to scores: learn on event time, score at any time, replay a whole recording.

All of it works on one array of one record, `core` (dtype CORE): what a call into compiled code costs is
mostly its arguments. `state` and `scales` are what the engine knows, `parameters` and `shapes` what it was
told; `features`, `readings`, `scores` are scratch that the last question left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from signalnode.compiled import compiled, entry
from signalnode.events import EVENT
from signalnode.features import FEATURES, STATE
from signalnode.features.kernel import apply, measure
from signalnode.signals import (
    PARAMETER_DTYPE,
    SCORE_NAMES,
    SIGNALS,
    liquidity_opportunity,
    mean_reversion,
    momentum,
    volatility_breakout,
    volume_spike,
)
from signalnode.signals.scale import CATCH_UP_MAX, SCALE, SHAPE, forgetting, learn, share_below, warmth

CORE = np.dtype(
    [
        ("state", STATE),
        ("parameters", PARAMETER_DTYPE),
        ("scales", SCALE, (len(SIGNALS),)),
        ("shapes", SHAPE, (len(SIGNALS),)),
        ("features", FEATURES),
        ("readings", "<f8", (len(SIGNALS),)),
        ("scores", "<f8", (len(SCORE_NAMES),)),
    ],
    align=True,
)
ALL_NS = 2**63 - 1  # a time after everything

_momentum = momentum.reading
_mean_reversion = mean_reversion.reading
_volatility_breakout = volatility_breakout.reading
_volume_spike = volume_spike.reading
_liquidity_opportunity = liquidity_opportunity.reading


@compiled
def readings(f: Any, p: Any, out: Any) -> None:
    """Every built-in reading, in the order of SIGNALS, into `out` (n,)."""
    out[0] = _momentum(f, p)
    out[1] = _mean_reversion(f, p)
    out[2] = _volatility_breakout(f, p)
    out[3] = _volume_spike(f, p)
    out[4] = _liquidity_opportunity(f, p)


@compiled
def _sample(k: Any) -> None:
    """Let every scale learn the readings as of `next_sample_ns`, and move that on by one step."""
    s, p, f = k.state, k.parameters, k.features
    measure(s, p, s.next_sample_ns, f)
    raw, scales, shapes = k.readings, k.scales, k.shapes
    readings(f, p, raw)
    warm = warmth(s.samples, p)
    keep = forgetting(p)
    for i in range(len(raw)):
        learn(scales[i], shapes[i], raw[i], warm, keep)
    s.samples += 1
    s.next_sample_ns += int(p.sample_s * 1e9)


@entry(core=CORE, events=EVENT)
def consume(core: Any, events: Any, start: int, until_ns: int, pause: int) -> int:
    """Take events[start:] with kernel time ≤ `until_ns` into the state, learning at each grid point on the
    way.

    Returns the index of the first event not taken. With `pause` 1, returns right after each grid point, so
    that signals from outside can learn there too; call again with the index returned until it stands still or
    at the end. A silence teaches at most CATCH_UP_MAX samples; the grid then moves on by whole steps.
    """
    k = core[0]
    s, p = k.state, k.parameters
    step = int(p.sample_s * 1e9)
    n = len(events)
    i = start
    while i < n:
        e = events[i]
        time_ns = e.time_received_ns
        if time_ns > until_ns:
            break
        if s.events + s.refused == 0:
            s.next_sample_ns = time_ns + step
        if s.next_sample_ns < time_ns:
            behind = (time_ns - 1 - s.next_sample_ns) // step
            if behind >= CATCH_UP_MAX:
                s.next_sample_ns += (behind - CATCH_UP_MAX + 1) * step
            while s.next_sample_ns < time_ns:
                _sample(k)
                if pause == 1:
                    return i
        apply(s, p, e)
        i += 1
    return i


@entry(core=CORE, events=EVENT)
def first_backwards(core: Any, events: Any) -> int:
    """Index of the first event whose kernel time is before the one before it (the first: before the newest
    taken), or −1.
    """
    s = core[0].state
    n = len(events)
    if n > 0 and s.events + s.refused > 0 and events[0].time_received_ns < s.time_ns:
        return 0
    for i in range(1, n):
        if events[i].time_received_ns < events[i - 1].time_received_ns:
            return i
    return -1


@entry(core=CORE, events=EVENT)
def ingest(core: Any, events: Any) -> int:
    """Take all events, or none where time runs backwards: −1, or the index of the event that does."""
    wrong = first_backwards(core, events)
    if wrong < 0:
        consume(core, events, 0, ALL_NS, 0)
    return wrong


@compiled
def _score(k: Any, time_ns: int) -> float:
    s, p = k.state, k.parameters
    measure(s, p, time_ns, k.features)
    raw, scales, shapes, out = k.readings, k.scales, k.shapes, k.scores
    readings(k.features, p, raw)
    warm = warmth(s.samples, p)
    j = 0
    for i in range(len(raw)):
        share = share_below(scales[i], shapes[i], raw[i], warm)
        if shapes[i].two_sided == 1:
            out[j] = 50.0 + 50.0 * share
            out[j + 1] = 50.0 - 50.0 * share
            j += 2
        else:
            out[j] = 100.0 * share
            j += 1
    return warm


@entry(core=CORE)
def score(core: Any, time_ns: int) -> float:
    """Leave the scores as of `time_ns` in `scores` (one a name, in order) and the features in `features`.

    Returns `warm`, or −1 for a time before the newest event. What the engine knows stays as it is.
    """
    k = core[0]
    if time_ns < k.state.time_ns and k.state.events + k.state.refused > 0:
        return -1.0
    return _score(k, time_ns)


@entry(core=CORE, events=EVENT, times="<i8", mids="<f8", scores=("<f8", len(SCORE_NAMES)), warms="<f8")
def replay(
    core: Any, events: Any, first_ns: int, interval_ns: int, times: Any, mids: Any, scores: Any, warms: Any
) -> None:
    """Scores at first_ns, first_ns + interval_ns, … into the rows of the four output arrays, then the rest
    of the events.
    """
    k = core[0]
    i = 0
    for row in range(len(times)):
        time_ns = first_ns + row * interval_ns
        i = consume(core, events, i, time_ns, 0)
        warms[row] = _score(k, time_ns)
        for j in range(len(k.scores)):
            scores[row, j] = k.scores[j]
        times[row] = time_ns
        mids[row] = k.features.mid
    consume(core, events, i, ALL_NS, 0)
