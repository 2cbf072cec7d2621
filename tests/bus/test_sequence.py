from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signalnode.bus.sequence import DROP, SequenceTracker

ARRIVALS = st.lists(
    st.tuples(st.sampled_from(["score", "heartbeat", "end"]), st.integers(1, 3), st.integers(0, 6)),
    max_size=40,
)


class Model:
    """The same rules told differently: remember everything, decide from all of it."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {}  # last seq by epoch
        self.had: set[tuple[int, int]] = set()
        self.told: set[tuple[int, int]] = set()  # counted as missed, of those that only a heartbeat told of
        self.ended: set[int] = set()
        self.missed = 0

    def take(self, kind: str, epoch: int, seq: int) -> int:
        newest = max(self.known, default=None)
        if newest is not None and epoch < newest:
            return DROP
        before = self.known.get(epoch)
        if kind == "score" and before == seq and (epoch, seq) not in self.had:
            self.had.add((epoch, seq))
            late = -((epoch, seq) in self.told)
            self.missed += late
            return late
        if before is not None:
            is_old = seq <= before if kind == "score" else seq < before
            if is_old or (kind != "score" and epoch in self.ended):
                return DROP
        sent_until = seq - 1 if kind == "score" else seq
        joined = newest is None
        missing = 0 if joined else max(sent_until - (before or 0), 0)
        self.known[epoch] = seq
        if kind == "score":
            self.had.add((epoch, seq))
        elif missing:
            self.told.add((epoch, seq))
        if kind == "end":
            self.ended.add(epoch)
        self.missed += missing
        return missing


@given(ARRIVALS)
def test_any_order_of_arrivals_is_judged_as_by_a_model_that_remembers_everything(
    arrivals: list[tuple[str, int, int]],
) -> None:
    sequence, model = SequenceTracker(), Model()
    for kind, epoch, seq in arrivals:
        number = max(seq, 1) if kind == "score" else seq
        if kind == "score":
            judged = sequence.score(epoch, number)
        else:
            judged = sequence.last(epoch, number, kind == "end")
        assert judged == model.take(kind, epoch, number)
    assert sequence.missed == model.missed


@given(ARRIVALS)
def test_epoch_and_seq_never_fall(arrivals: list[tuple[str, int, int]]) -> None:
    sequence, place = SequenceTracker(), (-1, 0)
    for kind, epoch, seq in arrivals:
        if kind == "score":
            sequence.score(epoch, max(seq, 1))
        else:
            sequence.last(epoch, seq, kind == "end")
        assert (sequence.epoch, sequence.seq) >= place
        place = (sequence.epoch, sequence.seq)


def test_a_crash_and_a_planned_stop_are_told_apart() -> None:
    crashed, planned = SequenceTracker(), SequenceTracker()
    for sequence in (crashed, planned):
        sequence.score(1, 1)
    planned.last(1, 1, ended=True)
    for sequence in (crashed, planned):
        sequence.score(2, 1)
    assert (crashed.crashes, planned.crashes) == (1, 0)
    assert planned.ended is False


def test_what_was_sent_before_the_first_message_is_not_missed() -> None:
    sequence = SequenceTracker()
    assert sequence.score(7, 500) == 0
    assert sequence.score(7, 503) == 2
    assert sequence.missed == 2


def test_a_lost_tail_shows_in_the_next_heartbeat() -> None:
    sequence = SequenceTracker()
    sequence.score(1, 10)
    assert sequence.last(1, 13, ended=False) == 3


def test_a_score_that_a_heartbeat_told_of_is_taken_when_it_comes_and_no_longer_missed() -> None:
    sequence = SequenceTracker()
    sequence.score(1, 10)
    assert (sequence.last(1, 13, ended=False), sequence.has_newest) == (3, False)
    assert (sequence.score(1, 13), sequence.has_newest) == (-1, True)
    assert (sequence.score(1, 13), sequence.missed, sequence.duplicates) == (DROP, 2, 1)


def test_the_first_score_of_an_epoch_whose_heartbeat_came_first_is_taken_when_it_comes() -> None:
    known, newcomer = SequenceTracker(), SequenceTracker()
    known.score(1, 10)
    assert [each.last(2, 1, ended=False) for each in (known, newcomer)] == [1, 0]
    assert [each.score(2, 1) for each in (known, newcomer)] == [-1, 0]
    assert (known.missed, newcomer.missed) == (0, 0)


def test_a_score_that_was_found_another_way_is_a_duplicate_when_it_comes() -> None:
    sequence = SequenceTracker()
    sequence.last(1, 3, ended=False)
    sequence.found(1, 2)
    assert not sequence.has_newest
    sequence.found(1, 3)
    assert sequence.score(1, 3) == DROP
