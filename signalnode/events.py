"""EVENT: what a market event is. One row of a structured array; all that is downstream takes these alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.clock import NS_PER_S, utc_text

TRADE = 1
QUOTE = 2
DEPTH = 3

TIME_MIN_NS = 631_152_000 * NS_PER_S  # 1990-01-01 UTC: before it, a time is of another unit, or none
TIME_MAX_NS = 4_102_444_800 * NS_PER_S  # 2100-01-01 UTC
NO_TIME_NS = -(2**63)  # what pandas and numpy write for "not a time" (NaT)
UNIT_NS = {"s": NS_PER_S, "ms": 1_000_000, "us": 1_000, "ns": 1}  # the units that times are counted in

# Packed: numpy packs what it concatenates, and a layout of our own would cost a conversion after each.
EVENT = np.dtype(
    [
        ("time_event_ns", "<i8"),  # at the venue; the receive time where the venue sends none
        ("time_received_ns", "<i8"),  # here; kernel time, never runs backwards
        ("kind", "u1"),  # TRADE, QUOTE or DEPTH
        ("aggressor_side", "i1"),  # trade: +1 the buyer, −1 the seller, 0 unknown
        ("price", "<f8"),  # trade: quote currency per base unit
        ("size", "<f8"),  # trade: base units
        ("bid", "<f8"),
        ("bid_size", "<f8"),  # quote: base units at the best bid
        ("ask", "<f8"),
        ("ask_size", "<f8"),
        ("bid_depth", "<f8"),  # depth: base units within depth_bps of the mid
        ("ask_depth", "<f8"),
    ]
)

Events = npt.NDArray[Any]  # of dtype EVENT, shape (n,)


def as_events(events: Events) -> Events:
    """Return `events` as a contiguous array of dtype EVENT, converting an aligned or reordered layout by
    field name.

    Raises TypeError where a field is missing.
    """
    if not isinstance(events, np.ndarray):
        kind = type(events).__name__
        raise TypeError(f"{kind} is no array of events; make one with signalnode.events_from(trades=…)")
    if events.dtype is EVENT and events.ndim == 1 and events.flags.carray:
        return events
    if events.dtype == EVENT:
        return np.require(np.atleast_1d(events), EVENT, ["C", "W", "A"])
    names = EVENT.names
    assert names is not None
    missing = [name for name in names if name not in (events.dtype.names or ())]
    if missing:
        raise TypeError(
            f"events lack the fields {', '.join(missing)}: build them with dtype signalnode.EVENT"
        )
    out = np.zeros(np.atleast_1d(events).shape, EVENT)
    for name in names:
        out[name] = events[name]
    return out


def join_events(pieces: Sequence[Events]) -> Events:
    """All pieces in one array, shape (n,), dtype EVENT; of none, an empty one."""
    return join_rows([np.zeros(0, EVENT), *pieces])


def join_rows(tables: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Records of one dtype in one array, shape (n,); raises TypeError where they differ. As bytes: numpy
    copies records field by field, which takes six times as long.
    """
    kind = tables[0].dtype
    if any(table.dtype != kind for table in tables):
        raise TypeError("records of different dtypes make no array")
    whole = np.dtype((np.void, kind.itemsize))
    return np.concatenate([table.view(whole) for table in tables]).view(kind)


def unit_of(time: int) -> str:
    """The unit, a key of UNIT_NS, in which `time` since 1970 lies between 1990 and 2100, or ""."""
    for unit, unit_ns in UNIT_NS.items():
        if TIME_MIN_NS <= time * unit_ns <= TIME_MAX_NS:
            return unit
    return ""


def time_fault(time: int, unit: str = "ns") -> str:
    """What is wrong with `time`, counted in `unit` since 1970, with a guess at its unit; "" if nothing is."""
    if time == NO_TIME_NS:
        return "has no time (NaT)"
    time_ns = time * UNIT_NS[unit]
    if TIME_MIN_NS <= time_ns <= TIME_MAX_NS:
        return ""
    bound = "before 1990" if time_ns < TIME_MIN_NS else "after 2100"
    guess = unit_of(time)
    meant = f": is it {guess} ({utc_text(time * UNIT_NS[guess], 'seconds')})?" if guess else ""
    return f"is of {time} {unit}, {bound}{meant}"
