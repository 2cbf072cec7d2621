"""The compiled path from events to scores: learn on event time, score at any time, replay a whole recording.

Arrays of one record each carry what the compiled code works on: `state` (dtype features.STATE), `parameters`
(signals.PARAMETER_DTYPE), `scales` and `shapes` (scale.SCALE, scale.SHAPE; one row a signal), `features`
(features.FEATURES; scratch).
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.features.kernel import apply, measure
from signalnode.signals import (
    liquidity_opportunity,
    mean_reversion,
    momentum,
    volatility_breakout,
    volume_spike,
)
from signalnode.signals.scale import CATCH_UP_MAX, forgetting, learn, share_below, warmth

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
def _sample(state: Any, parameters: Any, scales: Any, shapes: Any, features: Any, raw: Any) -> None:
    """Let every scale learn the readings as of `next_sample_ns`, and move that on by one step."""
    s, p, f = state[0], parameters[0], features[0]
    measure(s, p, s.next_sample_ns, f)
    readings(f, p, raw)
    warm = warmth(s.samples, p)
    keep = forgetting(p)
    for i in range(len(raw)):
        learn(scales[i], shapes[i], raw[i], warm, keep)
    s.samples += 1
    s.next_sample_ns += int(p.sample_s * 1e9)


@compiled
def consume(
    events: Any,
    start: int,
    until_ns: int,
    state: Any,
    parameters: Any,
    scales: Any,
    shapes: Any,
    features: Any,
    raw: Any,
    pause: bool,
) -> int:
    """Take events[start:] with kernel time ≤ `until_ns` into the state, learning at each grid point on the
    way.

    Returns the index of the first event not taken. With `pause`, returns right after each grid point instead,
    so that signals from outside can learn there too; call again with the index returned until it stands still
    or at the end. A silence teaches at most CATCH_UP_MAX samples; the grid then moves on by whole steps.
    """
    s = state[0]
    step = int(parameters[0].sample_s * 1e9)
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
                _sample(state, parameters, scales, shapes, features, raw)
                if pause:
                    return i
        apply(s, parameters[0], e)
        i += 1
    return i


@compiled
def score(
    time_ns: int, state: Any, parameters: Any, scales: Any, shapes: Any, features: Any, raw: Any, out: Any
) -> float:
    """Write the scores as of `time_ns` into `out` (one a name, in order) and the features into `features`.

    Returns `warm`. Changes nothing else.
    """
    s, p, f = state[0], parameters[0], features[0]
    measure(s, p, time_ns, f)
    readings(f, p, raw)
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


@compiled
def first_backwards(events: Any, newest_ns: int) -> int:
    """Index of the first event whose kernel time is before the one before it (the first: before `newest_ns`),
    or −1.
    """
    before = newest_ns
    for i in range(len(events)):
        time_ns = events[i].time_received_ns
        if time_ns < before:
            return i
        before = time_ns
    return -1


@compiled
def replay(
    events: Any,
    start: int,
    first_ns: int,
    interval_ns: int,
    state: Any,
    parameters: Any,
    scales: Any,
    shapes: Any,
    features: Any,
    raw: Any,
    times: Any,
    mids: Any,
    scores: Any,
    warms: Any,
) -> int:
    """Scores at first_ns, first_ns + interval_ns, … into the rows of the four output arrays; returns the
    index reached.
    """
    i = start
    for row in range(len(times)):
        time_ns = first_ns + row * interval_ns
        i = consume(events, i, time_ns, state, parameters, scales, shapes, features, raw, False)
        warms[row] = score(time_ns, state, parameters, scales, shapes, features, raw, scores[row])
        times[row] = time_ns
        mids[row] = features[0].mid
    return i
