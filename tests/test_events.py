from __future__ import annotations

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.events import EVENT, UNIT_NS, as_events, join_events, join_rows, time_fault, unit_of
from signalnode.feeds.venues.base import ROW, quote_row, trade_row


def test_a_row_of_events_is_82_bytes_so_that_stored_events_stay_readable() -> None:
    assert EVENT.itemsize == 82
    assert EVENT.fields is not None
    offsets = [EVENT.fields[name][1] for name in ("time_event_ns", "kind", "aggressor_side", "price")]
    assert offsets == [0, 16, 17, 18]


def test_packed_rows_have_the_layout_of_event() -> None:
    rows = [trade_row(1, 2, -1, 3.5, 4.5), quote_row(5, 6, 7.0, 8.0, 9.0, 10.0)]
    packed = np.frombuffer(b"".join(ROW.pack(*row) for row in rows), EVENT)
    assert packed.tolist() == rows


def test_joined_events_have_the_layout_of_event_even_where_there_are_none() -> None:
    piece = np.zeros(2, EVENT)
    assert len(join_events([])) == 0
    assert [join_events(pieces).dtype for pieces in ([], [piece, piece])] == [EVENT, EVENT]
    assert len(join_events([piece, piece])) == 4


def test_records_are_joined_bit_by_bit_however_they_lie() -> None:
    rows = np.frombuffer(bytes(i % 251 for i in range(9 * EVENT.itemsize)), EVENT)  # read-only
    pieces = [rows[:2], rows[2:2], rows[::-2], rows[5:]]
    assert join_rows(pieces).tobytes() == b"".join(piece.tobytes() for piece in pieces)
    assert join_rows(pieces).dtype is EVENT
    with pytest.raises(TypeError, match="different dtypes"):
        join_rows([rows, np.zeros(1, [("time_ns", "<i8")])])


def test_events_in_another_layout_are_converted_by_field_name() -> None:
    names = EVENT.names
    assert names is not None
    other = np.zeros(2, [(name, EVENT[name]) for name in reversed(names)])
    other["price"] = [1.0, 2.0]
    assert as_events(other).dtype == EVENT
    assert as_events(other)["price"].tolist() == [1.0, 2.0]


def test_events_without_a_field_are_refused_by_its_name() -> None:
    with pytest.raises(TypeError, match="ask_depth"):
        as_events(np.zeros(1, [(name, "f8") for name in (EVENT.names or ())[:-1]]))


def test_what_is_no_array_of_events_is_told_how_to_become_one() -> None:
    for engine_takes in (as_events, SignalEngine("A").ingest, SignalEngine("A").replay):
        with pytest.raises(TypeError, match=r"dict is no array of events; make one with .*events_from"):
            engine_takes({"price": [1.0]})  # type: ignore[arg-type]


def test_the_unit_of_a_time_of_our_days_is_told_by_its_size() -> None:
    for unit, unit_ns in UNIT_NS.items():
        now = 1_723_161_254_000_000_000 // unit_ns
        assert unit_of(now) == unit
        assert time_fault(now, unit) == ""
        for other in set(UNIT_NS) - {unit}:
            assert time_fault(now, other).endswith(f": is it {unit} (2024-08-08T23:54:14Z)?")


def test_a_time_that_is_of_no_unit_is_told_without_a_guess() -> None:
    assert time_fault(17) == "is of 17 ns, before 1990"
    assert time_fault(2**70) == f"is of {2**70} ns, after 2100"
