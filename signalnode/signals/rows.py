"""A replay's rows: what events move goes on one by one, what is read off it is worked out ROWS at a time.

What a score is made of, weights, features and readings, depends on the state at its time and on nothing that
another score leaves behind. So each row of a replay, and each sample between two, leaves a copy of the state
in a block of columns; once that is full, four rows at once go through the formulas, and then, one sample
behind the other, through the scales. The operations are those of `kernel.score` in the same order, hence the
same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from signalnode.compiled import (
    Lane,
    apart,
    checked,
    compiled,
    entry,
    read_by,
    side_by_side,
    where,
    written,
)
from signalnode.events import EVENT
from signalnode.features import FEATURES, STATE
from signalnode.features.kernel import measure_rows, take
from signalnode.features.weights import WEIGHTS
from signalnode.signals import BUILT_IN_SCORES, SIGNALS
from signalnode.signals.base import Signal, strengths
from signalnode.signals.kernel import (
    ALL_NS,
    FIRSTS,
    SCORING,
    is_next,
    is_sample_due,
    is_told,
    pass_sample,
)
from signalnode.signals.scale import is_known, learn, score_rows, warmth

ROWS = 16  # some 20 kB, which the nearest cache holds; a multiple of LANES
LANES = 4  # that a vector has, or more
SAMPLE = -1  # in the place of a row's number: one that the scales learn


def _columns(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A record with a column of ROWS for each field of `dtype`."""
    return np.dtype([(name, dtype[name], (ROWS,)) for name in dtype.names or ()], align=True)


# What is asked of a row's state: the rest is left behind.
ASKED = [name for name in STATE.names or () if name in {"samples"} | read_by(measure_rows)]
COLUMNS = ("time_ns", "mid", *BUILT_IN_SCORES, "warm")  # of a replay's table; f8, but for the time's i8
_FIELDS = np.dtype(  # of a block
    [
        ("filled", "<i8"),
        ("times", "<i8", (ROWS,)),
        ("places", "<i8", (ROWS,)),  # row of the table, or SAMPLE
        ("state", _columns(np.dtype([(name, STATE[name]) for name in ASKED]))),
        ("weights", _columns(WEIGHTS)),
        ("features", _columns(FEATURES)),
        ("activities", "<f8", (len(SIGNALS), ROWS)),
        ("readings", "<f8", (len(BUILT_IN_SCORES), ROWS)),
        ("scores", "<f8", (len(BUILT_IN_SCORES), ROWS)),
    ],
    align=True,
)
_OFFSETS = {name: field[1] for name, field in (_FIELDS.fields or {}).items()}
BLOCK = np.dtype(  # these, and `weights` once more as the one column that they are in memory
    {
        "names": [*_OFFSETS, "all_weights"],
        "formats": [*(_FIELDS[name] for name in _OFFSETS), ("<f8", (len(WEIGHTS.names or ()) * ROWS,))],
        "offsets": [*_OFFSETS.values(), _OFFSETS["weights"]],
        "itemsize": _FIELDS.itemsize,
    },
    align=True,
)


def _read_rows_of(signals: Sequence[Signal]) -> Callable[..., None]:
    """As `kernel.read_all_of`, of the first `n` rows of a block `b`: a loop for each activity and reading."""
    lines: list[str] = []
    functions: dict[str, Callable[..., Any]] = {}
    activities: dict[Callable[..., Any], int] = {}
    told = 0
    for i, signal in enumerate(signals):
        functions[f"r{i}"] = checked(signal.reading)
        if signal.activity is not None and signal.activity not in activities:
            functions[f"a{i}"], activities[signal.activity] = checked(signal.activity), i
            lines += ["for k in range(n):", f" b.activities[{i}, k] = a{i}(Lane(b.features, k), p)"]
        lines += ["for k in range(n):", " f = Lane(b.features, k)"]
        lines += [f" x = where({is_told(signal, '&')}, r{i}(f, p), nan)"]
        names = [f"b.readings[{told + side}, k]" for side in range(len(signal.scores))]
        activity = f"b.activities[{activities[signal.activity]}, k]" if signal.activity else "0.0"
        lines += [f" {', '.join(names)} = {f'strengths(x, {activity})' if signal.two_sided else 'x'}"]
        told += len(names)
    return written("b, p, n", lines, nan=math.nan, Lane=Lane, where=where, strengths=strengths, **functions)


_read_rows = _read_rows_of(SIGNALS)
_copy = written("s, row", [f"row.{name} = s.{name}" for name in ASKED])


@side_by_side(scoring=SCORING, block=BLOCK)
def read(scoring: Any, block: Any, n: int) -> None:
    """Readings of the first `n` rows of the block, into it."""
    b, p = block[0], scoring[0].parameters
    measure_rows(b.state, p, b.times, b.weights, b.all_weights, b.features, n)
    _read_rows(b, p, n)


@side_by_side(scoring=SCORING, block=BLOCK)
def rate(scoring: Any, block: Any, first: int, last: int) -> None:
    """Scores of the rows from `first` on and before `last`, between which no sample is, into the block, where
    other rows' are lost.
    """
    k, b = scoring[0], block[0]
    score_rows(k.scales, k.shapes, b.readings, k.parameters, first, last, b.scores)


@compiled
def _write(k: Any, b: Any, n: int, table: Any, times: Any, unknown: Any) -> None:
    """Put the scores of row `n` of the block where they belong."""
    place = b.places[n]
    out = table[place]
    times[place, 0] = b.times[n]
    out[1] = Lane(b.features, n).mid
    for j in range(len(b.scores)):
        out[2 + j] = b.scores[j, n]
    out[2 + len(b.scores)] = warmth(Lane(b.state, n).samples, k.parameters)
    bits = 0
    for i in range(len(FIRSTS)):
        if not is_known(k.scales[FIRSTS[i]], b.readings[FIRSTS[i], n]):
            bits |= 1 << i
    unknown[place] = bits


@compiled
def _learn(k: Any, b: Any, n: int) -> None:
    """Let the scales learn the readings of row `n` of the block."""
    for j in range(len(k.readings)):
        k.readings[j] = b.readings[j, n]
    learn(k.scales, k.shapes, k.readings, k.parameters)


@apart
def _flush(scoring: Any, block: Any, table: Any, times: Any, unknown: Any) -> None:
    """Read what the block holds, then learn and score in its order: all up to the next sample at once."""
    k, b = scoring[0], block[0]
    read(scoring, block, (b.filled + LANES - 1) // LANES * LANES)  # what is beyond, nobody looks at
    first = 0
    while first < b.filled:
        last = first
        while last < b.filled and b.places[last] != SAMPLE:
            last += 1
        if last > first:
            rate(scoring, block, first, last)
            for n in range(first, last):
                _write(k, b, n, table, times, unknown)
        if last < b.filled:
            _learn(k, b, last)
        first = last + 1
    b.filled = 0


@apart
def _push(scoring: Any, block: Any, time_ns: int, place: int, table: Any, times: Any, unknown: Any) -> None:
    """Put the state, as it stands at `time_ns`, into the block."""
    b = block[0]
    n = b.filled
    _copy(scoring[0].state, Lane(b.state, n))
    b.times[n] = time_ns
    b.places[n] = place
    b.filled = n + 1
    if b.filled == ROWS:
        _flush(scoring, block, table, times, unknown)


@compiled
def _take(
    scoring: Any,
    block: Any,
    events: Any,
    start: int,
    until_ns: int,
    table: Any,
    times: Any,
    unknown: Any,
) -> int:
    """As `kernel.consume`, with the samples on the way put into the block."""
    s, p = scoring[0].state, scoring[0].parameters
    i = start
    while i < len(events):
        e = events[i]
        if not is_next(s, p, e.time_received_ns, until_ns):
            break
        while is_sample_due(s, p, e.time_received_ns):
            _push(scoring, block, s.next_sample_ns, SAMPLE, table, times, unknown)
            pass_sample(s, p)
        take(s, p, e)
        i += 1
    return i


@entry(
    scoring=SCORING,
    events=EVENT,
    table=("<f8", len(COLUMNS)),
    times=("<i8", len(COLUMNS)),
    unknown="<i8",
    block=BLOCK,
)
def replay(
    scoring: Any,
    events: Any,
    first_ns: int,
    interval_ns: int,
    table: Any,
    times: Any,
    unknown: Any,
    block: Any,
) -> int:
    """Scores at first_ns, first_ns + interval_ns, … into the rows of `table`, then the rest of the events.

    The columns are COLUMNS; `times` is the same memory as `table`, for the first of them is of integers.
    `unknown` takes a row's signals without evidence, as bits; `block`, of one record, is scratch.
    Returns −1, or the index of an event that is of an earlier time than the one before it: all before it have
    been taken by then, for to look through the whole of a recording first costs a twentieth.
    """
    block[0].filled = 0
    i = row = 0
    while True:  # with `_take` in one place, for all that an event does becomes part of it
        is_end = row == len(table)
        time_ns = ALL_NS if is_end else first_ns + row * interval_ns
        i = _take(scoring, block, events, i, time_ns, table, times, unknown)
        if is_end or (i < len(events) and events[i].time_received_ns <= time_ns):
            break
        _push(scoring, block, time_ns, row, table, times, unknown)
        row += 1
    if is_end:
        _flush(scoring, block, table, times, unknown)
    return i if i < len(events) else -1
