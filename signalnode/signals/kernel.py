"""The compiled path from events to scores: learn on event time, score at any time, replay a whole recording.

Two clocks meet here. Events move the state, each at its own time. The scales learn on a grid of event time,
one step every `sample_s`, the first one step after the first event: before an event is applied, every grid
point that lies before it has been learnt from the state as it stood then. A question at time t measures the
state as of t, reads the scales, and writes into scratch alone. So what has been learnt by time t follows from
the events up to t and from nothing else, neither from how they were batched nor from who asked when (the laws
called partition, causal, resume and asking is free in `tests/laws/`).

All of it works on one array of one record, `scoring` (dtype SCORING), for what a call into compiled code
costs is mostly its arguments: 0.25 µs an array. `state` and `scales` are what the engine knows, `parameters`
and `shapes` what it was told; `features`, `readings`, `scores`, `unknown` are scratch that the last question
left. The letters in the code: k is the record of SCORING, s its state, p its parameters, f its features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from signalnode.compiled import apart, checked, compiled, entry, written
from signalnode.events import EVENT, TIME_MAX_NS, TIME_MIN_NS
from signalnode.features import FEATURES, STATE
from signalnode.features.kernel import apply, measure
from signalnode.features.weights import WEIGHTS
from signalnode.signals import BUILT_IN_SCORES, PARAMETER_DTYPE, SIGNALS
from signalnode.signals.base import Signal, heard, strengths
from signalnode.signals.scale import (
    CATCH_UP_MAX,
    SCALE,
    SHAPE,
    SILENCE_FACTOR,
    forgetting,
    is_known,
    learn,
    score_of,
    warmth,
)

SCORING = np.dtype(
    [
        ("state", STATE),
        ("parameters", PARAMETER_DTYPE),
        ("scales", SCALE, (len(BUILT_IN_SCORES),)),
        ("shapes", SHAPE, (len(BUILT_IN_SCORES),)),
        ("features", FEATURES),
        ("weights", WEIGHTS),
        ("readings", "<f8", (len(BUILT_IN_SCORES),)),
        ("scores", "<f8", (len(BUILT_IN_SCORES),)),
        ("unknown", "<i8"),  # bit i is set where signal i has no evidence: its scores say nothing
    ],
    align=True,
)
ALL_NS = 2**63 - 1  # a time after everything


FIRSTS = np.cumsum([0, *(len(signal.scores) for signal in SIGNALS)])[:-1]  # each signal's first score


def is_told(signal: Signal, both: str = "and") -> str:
    """Whether the market has the evidence that it needs, as code; `both` is between two of them."""
    return f" {both} ".join([f"(f.{heard(need)} > 0.0)" for need in signal.needs]) or "True"


def read_all_of(signals: Sequence[Signal]) -> Callable[..., None]:
    """Every score's reading of (features, parameters), in their order, into the third argument, (n,): NaN
    where the market lacks evidence that the signal needs. Activity that several signals share is asked once,
    and nothing is written before all is read, for a write could be to what is read next.
    """
    lines: list[str] = []
    functions: dict[str, Callable[..., Any]] = {}
    activities: dict[Callable[..., Any], str] = {}
    told: list[str] = []
    for i, signal in enumerate(signals):
        functions[f"r{i}"] = checked(signal.reading)
        if signal.activity is not None and signal.activity not in activities:
            name = f"a{len(activities)}"
            functions[name], activities[signal.activity] = checked(signal.activity), f"{name}_told"
            lines.append(f"{name}_told = {name}(f, p)")
        reading = f"r{i}(f, p) if {is_told(signal)} else nan"
        names = [f"x{len(told) + side}" for side in range(len(signal.scores))]
        if signal.two_sided:
            activity = activities[signal.activity] if signal.activity else "0.0"
            reading = f"strengths({reading}, {activity})"
        lines.append(f"{', '.join(names)} = {reading}")
        told += names
    lines += [f"out[{j}] = {name}" for j, name in enumerate(told)]
    return written("f, p, out", lines, nan=math.nan, strengths=strengths, **functions)


_read_all = read_all_of(SIGNALS)


@apart
def _sample(k: Any) -> None:
    """Let every scale learn the readings as of `next_sample_ns`, and move that on by one step."""
    s, p, f = k.state, k.parameters, k.features
    measure(s, p, s.next_sample_ns, k.weights, f)
    _read_all(f, p, k.readings)
    learn(k.scales, k.shapes, k.readings, p)
    pass_sample(s, p)


@compiled
def pass_sample(s: Any, p: Any) -> None:
    """Move the grid on by one step, whose readings the scales learn."""
    s.samples += 1
    s.next_sample_ns += int(p.sample_s * 1e9)
    _take_wait(s, forgetting(p))


@compiled
def _take_wait(s: Any, keep: float) -> None:
    """Take whether an event came since the last sample into the waits that this market is used to."""
    heard = s.events + s.refused
    s.waits *= keep
    s.wait_squares *= keep
    if heard == s.events_sampled:
        s.still += 1
        return
    wait = s.still + 1.0
    s.waits += wait
    s.wait_squares += wait * wait
    s.events_sampled, s.still = heard, 0


@compiled
def _is_outage(s: Any) -> bool:
    """Whether nothing has come for so long that it teaches no more: SILENCE_FACTOR of the waits that somebody
    who looks at a random moment finds, Σ wait² / Σ wait. As in `feeds/health.py`, and for the same reason.
    """
    usual = s.wait_squares / s.waits if s.waits > 0.0 else 1.0
    over: bool = s.still >= min(SILENCE_FACTOR * max(usual, 1.0), CATCH_UP_MAX)
    return over and s.events + s.refused == s.events_sampled


@compiled
def is_next(s: Any, p: Any, time_ns: int, until_ns: int) -> bool:
    """Whether an event of `time_ns` is not after `until_ns` and not before the newest; the first of all
    begins the grid.
    """
    first = s.events + s.refused == 0
    if time_ns > until_ns or (time_ns < s.time_ns and not first):
        return False
    if first:
        s.next_sample_ns = time_ns + int(p.sample_s * 1e9)
    return True


@compiled
def is_sample_due(s: Any, p: Any, time_ns: int) -> bool:
    """Whether a grid point before `time_ns` is to be learnt. An outage teaches nothing, nor does what comes
    before the first price; the grid then moves on by whole steps.
    """
    if s.next_sample_ns >= time_ns:
        return False
    if s.has_price == 0 or _is_outage(s):
        step = int(p.sample_s * 1e9)
        s.next_sample_ns += ((time_ns - 1 - s.next_sample_ns) // step + 1) * step
        return False
    return True


@entry(scoring=SCORING, events=EVENT)
def consume(scoring: Any, events: Any, start: int, until_ns: int, pause: int) -> int:
    """Take events[start:] with kernel time ≤ `until_ns` into the state, learning at the grid points between.

    Returns the index of the first event not taken: one that is later, or runs backwards. With `pause` 1,
    returns right after each grid point, so that signals from outside can learn there too; call again with the
    index returned until it stands still or at the end.
    """
    k = scoring[0]
    s, p = k.state, k.parameters
    n = len(events)
    i = start
    while i < n:
        e = events[i]
        if not is_next(s, p, e.time_received_ns, until_ns):
            break
        while is_sample_due(s, p, e.time_received_ns):
            _sample(k)
            if pause == 1:
                return i
        apply(s, p, e)
        i += 1
    return i


@entry(scoring=SCORING, events=EVENT)
def first_untimely(scoring: Any, events: Any) -> int:
    """Index of the first event whose kernel time cannot be, or is before the one before it (the first: before
    the newest taken), or −1. A grid from a time that cannot be to one that can would have no end.
    """
    s = scoring[0].state
    newest_ns = TIME_MIN_NS
    if s.events + s.refused > 0:
        newest_ns = max(newest_ns, s.time_ns)
    for i in range(len(events)):
        time_ns = events[i].time_received_ns
        if time_ns < newest_ns or time_ns > TIME_MAX_NS:
            return i
        newest_ns = time_ns
    return -1


@entry(scoring=SCORING, events=EVENT)
def ingest(scoring: Any, events: Any) -> int:
    """Take all events, or none where one is untimely: −1, or its index."""
    wrong = first_untimely(scoring, events)
    if wrong < 0:
        consume(scoring, events, 0, ALL_NS, 0)
    return wrong


@apart
def _score(k: Any, time_ns: int) -> float:
    s, p = k.state, k.parameters
    measure(s, p, time_ns, k.weights, k.features)
    _read_all(k.features, p, k.readings)
    score_readings(k)
    warm: float = warmth(s.samples, p)
    return warm


@compiled
def score_readings(k: Any) -> None:
    """Leave what `readings` score in `scores`, and which of them say nothing in `unknown`."""
    raw, scales, shapes, out, p = k.readings, k.scales, k.shapes, k.scores, k.parameters
    for i in range(len(raw)):
        out[i] = score_of(scales, shapes, raw, i, p)
    unknown = 0
    for i in range(len(FIRSTS)):
        if not is_known(scales[FIRSTS[i]], raw[FIRSTS[i]]):
            unknown |= 1 << i
    k.unknown = unknown


@entry(scoring=SCORING)
def score(scoring: Any, time_ns: int) -> float:
    """Leave the scores as of `time_ns` in `scores` (one a name, in order), which of them say nothing in
    `unknown`, and the features in `features`.

    Returns `warm`, or −1 for a time before the newest event. What the engine knows stays as it is.
    """
    k = scoring[0]
    if time_ns < k.state.time_ns and k.state.events + k.state.refused > 0:
        return -1.0
    return _score(k, time_ns)
