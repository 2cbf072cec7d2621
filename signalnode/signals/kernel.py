"""The compiled path from events to scores: learn on event time, score at any time, replay a whole recording.

All of it works on one array of one record, `core` (dtype CORE): what a call into compiled code costs is
mostly its arguments. `state` and `scales` are what the engine knows, `parameters` and `shapes` what it was
told; `features`, `readings`, `scores` are scratch that the last question left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from signalnode.compiled import checked, compiled, entry, in_turn
from signalnode.events import EVENT
from signalnode.features import FEATURES, STATE
from signalnode.features.kernel import apply, measure
from signalnode.signals import PARAMETER_DTYPE, SCORE_NAMES, SIGNALS
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


def _reading_at(place: int, reading: Callable[[Any, Any], float]) -> Callable[[Any, Any, Any], None]:
    """A compiled function of (features, parameters, out) that leaves `reading` of the two in `out[place]`."""

    @compiled
    def read(f: Any, p: Any, out: Any) -> None:
        out[place] = reading(f, p)

    return read


# Every built-in reading of (features, parameters), in the order of SIGNALS, into the third argument, (n,).
_read_all = in_turn([_reading_at(i, checked(signal.reading)) for i, signal in enumerate(SIGNALS)])


@compiled
def _sample(k: Any) -> None:
    """Let every scale learn the readings as of `next_sample_ns`, and move that on by one step."""
    s, p, f = k.state, k.parameters, k.features
    measure(s, p, s.next_sample_ns, f)
    raw, scales, shapes = k.readings, k.scales, k.shapes
    _read_all(f, p, raw)
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
    _read_all(k.features, p, raw)
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
