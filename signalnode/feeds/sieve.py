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
- `price_jump`: further from the newest prices than this market moves (below), and no witness yet. Left out.
- `event_time_absurd`: venue time before 1990 or after 2100. Kept, with the receive time in its place.

So kernel time never runs backwards in what passes, one wild row costs itself and nothing after it, and a row
that passes can be divided by. What its kind does not use is 0, whatever stood there.

How far a market moves: a move is larger/smaller − 1 of two prices, the same up and down. That of a quote is
from the quote before, the side that moved more; that of a trade from the trade before, or from the nearer
side of the quote. One of eight deviations of the last MOVES rows is too far, but none of less than MOVE_MIN,
and each of more than MOVE_MAX; of the first KNOWN_FROM rows only these. What is too far is kept in mind: the
next quote or trade from there is a witness, and believed, unless one of its own kind has gone back in
between. So a true gap costs one row, and one wild row itself, the first of all among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.clock import utc_text
from signalnode.compiled import compiled, entry
from signalnode.events import EVENT, TIME_MAX_NS, TIME_MIN_NS, Events, time_fault

TIME_JUMP_MAX_NS = 86_400_000_000_000  # longest pause believed without a second witness: a day
TIME_CLAMP_MAX_NS = 1_000_000_000  # furthest back that is put down to a clock: a second
VALUE_MIN, VALUE_MAX = 1e-15, 1e15  # prices and sizes of anything traded, in any unit
MOVE_MIN, MOVE_MAX = 0.05, 1.0  # moves that need no witness, and that always do
MOVES = 256  # rows that tell how far a market moves
KNOWN_FROM = 16  # rows, before which nobody knows how far this market moves
MOVE_SQUARES_MAX = 64.0  # of the mean square of a move: eight deviations

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
_KINDS = {1: ("trade", _VALUES[:2]), 2: ("quote", _VALUES[2:6]), 3: ("depth", _VALUES[6:])}
State = npt.NDArray[np.void]
STATE = np.dtype(
    [
        ("time_ns", "<i8"),
        ("suspect_ns", "<i8"),
        ("bid", "<f8"),  # of the newest quote believed, 0 before; then of the newest trade
        ("ask", "<f8"),
        ("trade", "<f8"),
        ("suspect_bid", "<f8"),  # the same, of what no witness has borne out yet
        ("suspect_ask", "<f8"),
        ("suspect_trade", "<f8"),
        ("moves", "<i8"),  # of rows that were believed
        ("move_square", "<f8"),  # the mean square of a move
    ]
)


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
    time_event_ns, time_received_ns, kind, _, *values = row
    if code == TIME_ABSURD:
        return time_fault(int(time_received_ns))
    if code == EVENT_TIME_ABSURD:
        return f"at the venue {time_fault(int(time_event_ns))}"
    word, names = _KINDS.get(kind, (f"kind {kind}", ()))
    shown = ", ".join(f"{name} {values[_VALUES.index(name)]:.10g}" for name in names)
    return f"{word}{' of ' if shown else ''}{shown}, received {utc_text(int(time_received_ns))}"


@compiled
def _move(price: float, other: float) -> float:
    """larger/smaller − 1; +∞ where there is no other."""
    if other == 0.0:
        return math.inf
    return max(price / other, other / price) - 1.0


@compiled
def _move_of_quote(row: Any, bid: float, ask: float, trade: float) -> float:
    """How far a quote is from another; where there is none, its nearer side from a trade."""
    if bid == 0.0:
        return _move(min(max(trade, row.bid), row.ask), trade)
    return max(_move(row.bid, bid), _move(row.ask, ask))


@compiled
def _move_of_trade(row: Any, bid: float, ask: float, trade: float) -> float:
    """How far a trade is from another, or from the nearer side of a quote."""
    return min(_move(row.price, trade), _move(row.price, min(max(row.price, bid), ask)))


@compiled
def _move_of(row: Any, bid: float, ask: float, trade: float) -> float:
    if row.kind == 1:
        return _move_of_trade(row, bid, ask, trade)
    return _move_of_quote(row, bid, ask, trade)


@compiled
def _believe(row: Any, state: Any, is_witness: bool) -> None:
    """Make the row's the newest prices; what others of its kind said is settled, after a witness all is."""
    if row.kind == 1 or is_witness:
        state.trade = state.suspect_trade = 0.0
    if row.kind == 2 or is_witness:
        state.bid = state.ask = state.suspect_bid = state.suspect_ask = 0.0
    if row.kind == 1:
        state.trade = row.price
    else:
        state.bid, state.ask = row.bid, row.ask


@compiled
def _is_jump(row: Any, state: Any) -> bool:
    """Whether a trade or quote is further away than the market moves, with no witness yet."""
    is_first = state.bid == 0.0 and state.trade == 0.0
    move = 0.0 if is_first else _move_of(row, state.bid, state.ask, state.trade)
    most = MOVE_MAX * MOVE_MAX
    if state.moves >= KNOWN_FROM:
        most = min(max(MOVE_MIN * MOVE_MIN, MOVE_SQUARES_MAX * state.move_square), most)
    square, is_witness = move * move, False
    if square > most:
        again = _move_of(row, state.suspect_bid, state.suspect_ask, state.suspect_trade)
        is_witness = again * again <= most
        if not is_witness and row.kind == 1:
            state.suspect_trade = row.price
        elif not is_witness:
            state.suspect_bid, state.suspect_ask = row.bid, row.ask
        if not is_witness:
            return True
    _believe(row, state, is_witness)
    state.moves += 1
    state.move_square += (min(square, most) - state.move_square) / MOVES
    return False


@compiled
def _value_fault(row: Any, state: Any) -> int:  # noqa: PLR0911 - one a rule
    if row.kind == 1:
        if not (VALUE_MIN <= row.price <= VALUE_MAX and VALUE_MIN <= row.size <= VALUE_MAX):
            return VALUE_ABSURD
    elif row.kind == 2:
        if not (VALUE_MIN <= row.bid <= VALUE_MAX and VALUE_MIN <= row.ask <= VALUE_MAX):
            return VALUE_ABSURD
        if not (VALUE_MIN <= row.bid_size <= VALUE_MAX and VALUE_MIN <= row.ask_size <= VALUE_MAX):
            return VALUE_ABSURD
        if row.bid >= row.ask:
            return QUOTE_CROSSED
    else:
        if not (0.0 <= row.bid_depth <= VALUE_MAX and 0.0 <= row.ask_depth <= VALUE_MAX):
            return VALUE_ABSURD
        return 0
    return PRICE_JUMP if _is_jump(row, state) else 0


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
