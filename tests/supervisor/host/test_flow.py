from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.host.flow import LINE_BYTES_MAX, LineFlow, Note

T0 = 10**12


def test_lines_come_whole_however_they_were_written() -> None:
    flow = LineFlow(10.0, 100)
    assert flow.feed(b"one\ntw", T0) == [Note("one")]
    assert flow.feed(b"o\n\nthree", T0) == [Note("two")]
    assert flow.finish(T0) == [Note("three")]


@given(st.lists(st.integers(1, 9), max_size=30))
def test_the_cut_of_the_pieces_changes_nothing(cuts: list[int]) -> None:
    text = b"".join(b"line %d\n" % i for i in range(20))
    flow = LineFlow(10.0, 100)
    notes = []
    for cut in cuts:
        notes += flow.feed(text[:cut], T0)
        text = text[cut:]
    notes += flow.feed(text, T0)
    assert notes == [Note(f"line {i}") for i in range(20)]


def test_over_the_rate_lines_are_counted_and_the_count_is_told() -> None:
    flow = LineFlow(10.0, 3)
    notes = flow.feed(b"".join(b"%d\n" % i for i in range(8)), T0)
    assert notes == [Note("0"), Note("1"), Note("2")]
    assert flow.exhausted
    assert flow.feed(b"later\n", T0 + NS_PER_S) == [Note("", 5), Note("later")]


def test_repeats_are_folded_and_counted() -> None:
    flow = LineFlow(10.0, 100)
    assert flow.feed(b"a\n" * 5 + b"b\n", T0) == [Note("a"), Note("a", 4, repeated=True), Note("b")]


def test_an_endless_repeat_is_still_mentioned_now_and_then() -> None:
    flow = LineFlow(10.0, 100)
    flow.feed(b"a\na\n", T0)
    assert flow.feed(b"a\n", T0 + 11 * NS_PER_S) == [Note("a", 2, repeated=True)]


def test_a_line_without_end_is_cut_and_takes_no_memory() -> None:
    flow = LineFlow(10.0, 100)
    (note,) = flow.feed(b"x" * (LINE_BYTES_MAX + 1), T0)
    assert len(note.line) == LINE_BYTES_MAX


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert LineFlow(10.0, 100).feed(b"\xff\n", T0) == [Note("\ufffd")]


def test_the_last_traceback_is_kept_whole() -> None:
    flow = LineFlow(10.0, 100)
    flow.feed(b"Traceback (most recent call last):\n  first\nEarly: 1\n", T0)
    flow.feed(b"between\nTraceback (most recent call last):\n  second\nLate: 2\n", T0)
    assert flow.last_traceback().splitlines() == ["Traceback (most recent call last):", "  second", "Late: 2"]
    assert LineFlow(1.0, 1).last_traceback() == ""
