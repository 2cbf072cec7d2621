"""What no market can have sent is kept out here, by one compiled pass over the rows of every kind of feed.

The rules, in order; the first that applies names the fault.

- `kind_unknown`: kind is not trade, quote or depth. Left out.
- `time_absurd`: received before 1990 or after 2100. Left out.
- `time_jump`: received over a day after the newest row, and the row before did not say so too; or over a
  second after it, and the next two rows were not. Left out: it would make all that follow run backwards.
- `time_backwards`: received over a second before the newest row: files overlap or are out of order. Left out.
- `time_clamped`: received up to a second before the newest row: a stepped clock. Kept, at that row's time.
- `value_absurd`: a price or size not finite, not above zero (a depth: below zero) or no market's. Left out.
- `quote_crossed`: the bid is not below the ask. Left out.
- `price_jump`: price over 10 times, or under a tenth of, the newest. Left out; the 20th in a row is believed.
- `event_time_absurd`: venue time before 1990 or after 2100. Kept, with the receive time in its place.

So kernel time never runs backwards in what passes, one wild row costs itself and nothing after it, and a row
that passes can be divided by. What its kind does not use is 0, whatever stood there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.compiled import compiled, entry
from signalnode.events import EVENT, TIME_MAX_NS, TIME_MIN_NS, Events, time_fault

TIME_JUMP_MAX_NS = 86_400_000_000_000  # longest pause believed without a second witness: a day
TIME_CLAMP_MAX_NS = 1_000_000_000  # furthest back that is put down to a clock: a second
VALUE_MIN, VALUE_MAX = 1e-15, 1e15  # prices and sizes of anything traded, in any unit
PRICE_JUMP_MAX = 10.0  # factor between two neighbouring prices
PRICE_JUMP_RUN_MAX = 20  # so many in a row are no slip but the new price

NAMES = (
    "",
    "kind_unknown",
    "time_absurd",
    "time_jump",
    "time_backwards",
    "time_clamped",
    "value_absurd",
    "quote_crossed",
    "price_jump",
    "event_time_absurd",
)
KIND_UNKNOWN, TIME_ABSURD, TIME_JUMP, TIME_BACKWARDS, TIME_CLAMPED = 1, 2, 3, 4, 5
VALUE_ABSURD, QUOTE_CROSSED, PRICE_JUMP, EVENT_TIME_ABSURD = 6, 7, 8, 9

_VALUES = (EVENT.names or ())[4:]
State = npt.NDArray[np.void]
STATE = np.dtype([("time_ns", "<i8"), ("suspect_ns", "<i8"), ("price", "<f8"), ("price_run", "<i8")])


def new_state() -> State:
    """The sieve's memory before the first row, shape (1,)."""
    return np.zeros(1, STATE)


def kernel_ns(time_ns: int, state: State) -> int:
    """Receive time `time_ns` of a frame that gives no row, as kernel time: not before the newest row, which
    stands in for a time that could not be a row's.
    """
    newest_ns = int(state["time_ns"][0])
    is_sound = TIME_MIN_NS <= time_ns <= min(TIME_MAX_NS, (newest_ns or time_ns) + TIME_JUMP_MAX_NS)
    return max(time_ns, newest_ns) if is_sound else newest_ns


def describe(row: Sequence[Any], code: int = 0) -> str:
    """One row in a few words, for the line that names its fault `code`, an index into NAMES.

    `row` holds the fields of EVENT in order.
    """
    time_event_ns, time_received_ns, kind, side, *values = row
    if code == TIME_ABSURD:
        return time_fault(int(time_received_ns))
    shown = " ".join(f"{name}={value:g}" for name, value in zip(_VALUES, values, strict=True) if value)
    return f"kind {kind} side {side} received {time_received_ns} event {time_event_ns} {shown}"


@compiled
def _value_fault(row: Any, state: Any) -> int:  # noqa: PLR0911 - one a rule
    if row.kind == 1:
        if not (VALUE_MIN <= row.price <= VALUE_MAX and VALUE_MIN <= row.size <= VALUE_MAX):
            return VALUE_ABSURD
        price = row.price
    elif row.kind == 2:
        if not (VALUE_MIN <= row.bid <= VALUE_MAX and VALUE_MIN <= row.ask <= VALUE_MAX):
            return VALUE_ABSURD
        if not (VALUE_MIN <= row.bid_size <= VALUE_MAX and VALUE_MIN <= row.ask_size <= VALUE_MAX):
            return VALUE_ABSURD
        if row.bid >= row.ask:
            return QUOTE_CROSSED
        price = (row.bid + row.ask) / 2
    else:
        if not (0.0 <= row.bid_depth <= VALUE_MAX and 0.0 <= row.ask_depth <= VALUE_MAX):
            return VALUE_ABSURD
        return 0
    newest = state.price
    if newest > 0.0 and not (newest / PRICE_JUMP_MAX <= price <= newest * PRICE_JUMP_MAX):
        state.price_run += 1
        if state.price_run < PRICE_JUMP_RUN_MAX:
            return PRICE_JUMP
    state.price = price
    state.price_run = 0
    return 0


@compiled
def _time_fault(row: Any, state: Any) -> int:
    time_ns, newest_ns = row.time_received_ns, state.time_ns
    if not (TIME_MIN_NS <= time_ns <= TIME_MAX_NS):
        return TIME_ABSURD
    if newest_ns > 0 and time_ns - newest_ns > TIME_JUMP_MAX_NS:
        suspect_ns = state.suspect_ns
        state.suspect_ns = time_ns
        if suspect_ns == 0 or abs(time_ns - suspect_ns) > TIME_JUMP_MAX_NS:
            return TIME_JUMP
    if time_ns < newest_ns:
        return TIME_CLAMPED if newest_ns - time_ns <= TIME_CLAMP_MAX_NS else TIME_BACKWARDS
    return 0


@compiled
def _is_stray(rows: Any, i: int, newest_ns: int) -> bool:
    """Whether row i, over a second ahead, is followed by two that go on from where the newest row was."""
    time_ns = rows[i].time_received_ns
    early_ns = time_ns - TIME_CLAMP_MAX_NS
    if early_ns <= newest_ns or not (TIME_MIN_NS <= time_ns <= TIME_MAX_NS):
        return False
    while i < len(rows) and rows[i].time_received_ns == time_ns:  # all of one frame
        i += 1
    since_ns = max(newest_ns - TIME_CLAMP_MAX_NS, TIME_MIN_NS)
    return (
        i + 1 < len(rows)
        and since_ns <= rows[i].time_received_ns < early_ns
        and since_ns <= rows[i + 1].time_received_ns < early_ns
    )


@compiled
def _clear_unused(row: Any) -> None:
    if row.kind != 1:
        row.aggressor_side = 0
        row.price = row.size = 0.0
    if row.kind != 2:
        row.bid = row.bid_size = row.ask = row.ask_size = 0.0
    if row.kind != 3:
        row.bid_depth = row.ask_depth = 0.0


@entry(rows=EVENT, state=STATE, codes="u1")
def sift(rows: Events, state: State, codes: npt.NDArray[np.uint8]) -> int:
    """Move the sound rows to the front of `rows`, mended where the rules say so; return how many.

    `codes[i]`, shape (n,), becomes the fault of the row that came i-th (an index into NAMES, 0 for none).
    """
    kept = 0
    memory = state[0]
    for i in range(rows.shape[0]):
        row = rows[i]
        if row.kind < 1 or row.kind > 3:
            code = KIND_UNKNOWN
        elif _is_stray(rows, i, memory.time_ns):
            code = TIME_JUMP
        else:
            code = _time_fault(row, memory)
        if code == 0 or code == TIME_CLAMPED:  # noqa: PLR1714 - numba has no tuple test this quick
            fault = _value_fault(row, memory)
            code = fault if fault else code
        codes[i] = code
        if code == 0 or code == TIME_CLAMPED:  # noqa: PLR1714
            memory.time_ns = max(row.time_received_ns, memory.time_ns)
            memory.suspect_ns = 0
            row.time_received_ns = memory.time_ns
            if not (TIME_MIN_NS <= row.time_event_ns <= TIME_MAX_NS):
                row.time_event_ns = row.time_received_ns
                codes[i] = EVENT_TIME_ABSURD
            _clear_unused(row)
            if kept < i:
                rows[kept] = row
            kept += 1
    return kept
