"""Work done in a process of its own, and how far it says it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalnode.errors import DataError, OutputError
from signalnode.forked import _draw, only_forward, run_forked

FRACTIONS = st.lists(st.floats(0.0, 1.0), max_size=20)


@given(FRACTIONS, FRACTIONS)
def test_progress_never_goes_back_and_is_not_whole_before_the_end(
    first: list[float], second: list[float]
) -> None:
    told = list(only_forward([*sorted(first), *sorted(second)]))
    assert told == sorted(told)
    assert all(0.0 <= fraction < 1.0 for fraction in told)


def test_a_second_pass_over_the_files_still_moves_forward() -> None:
    told = list(only_forward([0.5, 1.0, 0.1, 0.6, 1.0]))
    assert len(set(told)) == len(told)


def test_what_the_child_has_done_is_told_here() -> None:
    told = list(run_forked([0.25, 0.5]))  # the last may come with the end itself, and the first with the last
    assert set(told) <= {0.0, 0.25, 0.5}
    assert told == sorted(told)


def test_the_caller_gets_its_turn_while_nothing_moves() -> None:
    def stands_still() -> Iterator[float]:
        yield 0.5
        signal.pause()

    told = run_forked(stands_still(), poll_ms=1)
    assert [next(told) for _ in range(50)][-1] in (0.0, 0.5)
    told.close()  # type: ignore[attr-defined]


def test_what_goes_wrong_in_the_child_is_said_here() -> None:
    def fails() -> Iterator[float]:
        raise DataError("a.gz: no such capture")
        yield 0.0

    def is_killed() -> Iterator[float]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield 0.0

    with pytest.raises(DataError, match="no such capture"):
        list(run_forked(fails()))
    with pytest.raises(DataError, match="killed before its end"):
        list(run_forked(is_killed()))


def test_a_disk_that_is_full_in_the_child_is_said_here_as_that() -> None:
    def fills_up() -> Iterator[float]:
        yield 0.5
        raise OutputError("state: no room")

    with pytest.raises(OutputError, match="state: no room"):
        list(run_forked(fills_up()))


def test_a_copy_whose_parent_was_killed_ends_and_goes_no_further() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pid = os.fork()
    if not pid:
        try:
            _draw([0.5], writer)
        finally:
            os._exit(3)  # as its parent, with its parent's socket and lock to let go of
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
