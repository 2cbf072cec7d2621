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
        self.ended: set[int] = set()
        self.missed = 0

    def take(self, kind: str, epoch: int, seq: int) -> int:
        newest = max(self.known, default=None)
        if newest is not None and epoch < newest:
            return DROP
        before = self.known.get(epoch)
        if before is not None:
            is_old = seq <= before if kind == "score" else seq < before
            if is_old or (kind != "score" and epoch in self.ended):
                return DROP
        sent_until = seq - 1 if kind == "score" else seq
        joined = newest is None
        missing = 0 if joined else max(sent_until - (before or 0), 0)
        self.known[epoch] = seq
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
