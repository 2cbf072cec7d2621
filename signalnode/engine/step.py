"""What a live engine asks of machine code in one turn, in one call: to take events, and to say how it stands.

Each call into compiled code costs an engine whose turn it is more than the work does: twenty others have
pushed what Python needs for it out of the caches since the last.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from signalnode.compiled import compiled, entry
from signalnode.events import EVENT, TIME_MAX_NS, TIME_MIN_NS
from signalnode.feeds.base import first_after
from signalnode.feeds.health import CHANNELS, WAITS, hear, measure, silent_at
from signalnode.feeds.health import STATE as HEALTH
from signalnode.signals import BUILT_IN_SCORES
from signalnode.signals.kernel import SCORING, consume, score

STEP = np.dtype(
    [
        ("reached", "<i8"),
        ("next_ns", "<i8"),
        ("at_ns", "<i8"),
        ("time_ns", "<i8"),
        ("time_event_ns", "<i8"),
        ("silent", "<i8"),
        ("mid", "<f8"),
        ("spread_bps", "<f8"),
        ("warm", "<f8"),
        *WAITS,
        ("unknown", "<i8"),
        ("scores", "<f8", (len(BUILT_IN_SCORES),)),
    ]
)
WAITS_AT, UNKNOWN_AT = 9, 9 + 3 * len(CHANNELS)  # numbers before those
SCORED = slice(8 * UNKNOWN_AT, STEP.itemsize)  # the bytes that say what the scores are, and what is known
LAYOUT = struct.Struct(  # the same, as Python reads it: all in one go
    f"<6q3d{2 * len(CHANNELS)}q{len(CHANNELS)}dq{len(BUILT_IN_SCORES)}d"
)
read_head = struct.Struct("<4q").unpack_from  # what every turn asks of it


class Step(NamedTuple):
    """How a market stands after a step. Times in ns, 0 before the first event; `mid` NaN before a price."""

    reached: int  # the place in the block of the first event that was not taken
    next_ns: int  # its time; 0 where the block is at its end
    at_ns: int  # the kernel time that the rest is as of
    time_ns: int  # of the newest event
    time_event_ns: int  # the same at the venue
    silent: int  # the channels that are; see `feeds.health`
    mid: float
    spread_bps: float  # of the best bid and ask; below 0 before a quote
    warm: float
    waits: Sequence[Any]  # numbers of the channels, as in `feeds.health.WAITS`
    unknown: int  # the signals without evidence, as bits
    scores: Sequence[float]  # of the built-in signals, in their order


def read(row: memoryview) -> Step:
    """What is in the bytes of a row of STEP."""
    values = LAYOUT.unpack_from(row)
    waits, unknown, scores = values[WAITS_AT:UNKNOWN_AT], values[UNKNOWN_AT], values[UNKNOWN_AT + 1 :]
    return tuple.__new__(Step, (*values[:WAITS_AT], waits, unknown, scores))


@compiled
def _untimely(s: Any, block: Any, start: int, stop: int) -> int:
    """As `kernel.first_untimely`, of block[start:stop]."""
    newest_ns = max(TIME_MIN_NS, s.time_ns) if s.events + s.refused > 0 else TIME_MIN_NS
    for i in range(start, stop):
        time_ns = block[i].time_received_ns
        if time_ns < newest_ns or time_ns > TIME_MAX_NS:
            return i
        newest_ns = time_ns
    return -1


@entry(scoring=SCORING, block=EVENT, health=HEALTH, out=STEP)
def step(  # noqa: PLR0917 - compiled code takes no keywords
    scoring: Any,
    block: Any,
    health: Any,
    out: Any,
    start: int,
    count_max: int,
    take_ns: int,
    until_ns: int,
    since_ns: int,
) -> int:
    """Take from block[start:] what is at or before `take_ns`, `count_max` at most, into the state, and let
    `health` hear it; leave in `out` how all stands as of `until_ns`, or of the newest event where that is
    later, or where `count_max` have been taken. Nothing could come before `since_ns`.

    Returns −1, or the index of an event that is untimely: nothing was done then.
    """
    k, o = scoring[0], out[0]
    s = k.state
    reached = first_after(block, start, min(start + count_max, len(block)), take_ns)
    wrong = _untimely(s, block, start, reached)
    if wrong >= 0:
        return wrong
    whole = reached - start < count_max
    if reached > start:
        reached = consume(scoring, block, start, block[reached - 1].time_received_ns, 0)
    for i in range(start, reached):
        hear(block[i], health)
    at_ns = max(until_ns, s.time_ns) if whole else s.time_ns
    o.warm = score(scoring, at_ns)
    o.reached, o.next_ns = reached, block[reached].time_received_ns if reached < len(block) else 0
    o.at_ns, o.time_ns, o.time_event_ns = at_ns, s.time_ns, s.time_event_ns
    o.silent, o.unknown, o.mid = silent_at(health, at_ns, since_ns), k.unknown, k.features.mid
    o.spread_bps = 1e4 * (s.ask - s.bid) / o.mid if s.has_quote == 1 else -1.0
    measure(health, at_ns, o)
    for j in range(len(k.scores)):
        o.scores[j] = k.scores[j]
    return -1
