"""The subscriber's decisions, without sockets: what is handed out, in which order, and what is counted."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from signalnode.bus.reader import (
    GAPS_MAX,
    HELD_MAX,
    MARKETS_MAX,
    REPAIR_TIMEOUT_S,
    REPAIRS_MAX,
    Reader,
)
from signalnode.bus.snapshot import Ring
from signalnode.bus.wire import SILENT_AFTER_S, Heartbeat, Message, encode
from tests.aggregator.test_journal import decision, view
from tests.bus.messages import end, heartbeat, score
from tests.effort import drawn

MS = 1_000_000
WALL = 1_700_000_000_000_000_000
ALL = ("score", "heartbeat", "end")


def fed(reader: Reader, *messages: Message, now_ns: int = 0, wall_ns: int = WALL) -> None:
    for message in messages:
        reader.frames(encode(message), now_ns, wall_ns)


def seqs(reader: Reader) -> list[int]:
    return [message.seq for message in taken(reader)]


def taken(reader: Reader) -> list[Any]:
    found = []
    while (message := reader.take(WALL)) is not None:
        found.append(message)
    return found


def answered(reader: Reader, ring: Ring, now_ns: int = 0) -> None:
    while reader.requests:
        reader.reply(ring.answer(reader.requests.popleft()), now_ns, WALL)


def ring_of(*messages: Any, size: int = 100) -> Ring:
    ring = Ring(size)
    for message in messages:
        ring.add(message.market, message.epoch, message.seq, tuple(encode(message)))  # type: ignore[arg-type]
    return ring


def fresh(seq: int, **changes: Any) -> Any:
    return score(seq=seq, time_published_ns=WALL - MS, **changes)


def test_a_gap_is_filled_from_the_ring_before_anything_later_is_handed_out() -> None:
    reader = Reader()
    fed(reader, fresh(1), fresh(2), fresh(5), fresh(6))
    assert seqs(reader) == [1, 2]
    assert reader.state("A", 0) == "repairing"
    answered(reader, ring_of(*(fresh(n) for n in range(1, 7))))
    assert seqs(reader) == [3, 4, 5, 6]
    counts = reader.counts()["A"]
    assert (counts.received, counts.missed, counts.recovered) == (6, 0, 2)


def test_a_lost_tail_that_a_heartbeat_tells_of_is_repaired_too() -> None:
    reader = Reader(kinds=ALL)
    fed(reader, fresh(1), heartbeat(seq=3, time_published_ns=WALL))
    answered(reader, ring_of(*(fresh(n) for n in range(1, 4))))
    assert [(type(m).__name__, m.seq) for m in taken(reader)] == [
        ("Score", 1),
        ("Score", 2),
        ("Score", 3),
        ("Heartbeat", 3),
    ]


def test_gaps_of_many_markets_at_once_are_all_repaired_a_bounded_number_at_a_time() -> None:
    names = [f"M{number}" for number in range(5 * REPAIRS_MAX)]
    reader = Reader()
    ring = ring_of(*(fresh(seq, market=name) for seq in range(1, 5) for name in names))
    fed(reader, *(fresh(seq, market=name) for seq in (1, 4) for name in names))
    while True:
        sent = []
        while (request := reader.next_request()) is not None:
            sent.append(request)
        if not sent:
            break
        assert len(sent) <= REPAIRS_MAX
        for request in sent:
            reader.reply(ring.answer(request), 0, WALL)
    counts = reader.counts()
    assert {(counts[name].recovered, counts[name].missed) for name in names} == {(2, 0)}


def test_gaps_whose_time_was_over_are_not_asked_after_and_hold_up_no_later_ones() -> None:
    names = [f"M{number}" for number in range(REPAIRS_MAX + 1)]
    reader = Reader()
    fed(reader, *(fresh(seq, market=name) for seq in (1, 4) for name in names))
    while reader.next_request() is not None:
        pass  # sent, and nobody answers
    reader.expire(int(REPAIR_TIMEOUT_S * 1e9), WALL)
    fed(reader, fresh(6, market="M0"))
    request = reader.next_request()
    assert request is not None
    assert request.ask == "missed"
    assert (request.markets, request.after) == (["M0"], (1, 4))


def test_of_a_gap_that_is_filled_in_part_only_the_rest_never_reached_the_aggregator() -> None:
    reader = Reader()
    fed(reader, fresh(1), fresh(6))
    answered(reader, ring_of(*(fresh(seq) for seq in (1, 3, 4, 6))))
    counts = reader.counts()["A"]
    assert (counts.recovered, counts.missed, counts.upstream) == (2, 2, 2)


def test_over_two_epochs_nobody_knows_how_many_never_reached_the_aggregator() -> None:
    reader = Reader()
    fed(reader, fresh(1), fresh(3, epoch=2))
    answered(reader, ring_of(fresh(1), fresh(2), fresh(3, epoch=2)))
    assert reader.counts()["A"].upstream == 0


def test_what_waits_to_be_asked_is_bounded() -> None:
    reader = Reader()
    for name in "ABCDE":
        fed(reader, *(fresh(2 * step, market=name) for step in range(1, HELD_MAX)))
    assert len(reader.requests) == GAPS_MAX


def test_without_an_answer_the_rest_is_handed_out_when_the_time_is_over_and_the_gap_is_counted() -> None:
    reader = Reader()
    fed(reader, fresh(1), fresh(4))
    deadline = reader.deadline_ns()
    assert deadline == int(REPAIR_TIMEOUT_S * 1e9)
    reader.expire(deadline - 1, WALL)
    assert seqs(reader) == [1]
    reader.expire(deadline, WALL)
    assert seqs(reader) == [4]
    assert reader.counts()["A"].missed == 2
    assert reader.deadline_ns() is None


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    reader = Reader()
    fed(reader, fresh(1), fresh(4))
    request = reader.requests.popleft()
    reader.expire(int(REPAIR_TIMEOUT_S * 1e9), WALL)
    reader.reply(ring_of(*(fresh(n) for n in range(1, 5))).answer(request), 0, WALL)
    assert seqs(reader) == [1, 4]


def test_what_the_aggregator_never_had_is_told_from_what_we_were_too_slow_for() -> None:
    upstream, slow = Reader(), Reader()
    for reader in (upstream, slow):
        fed(reader, fresh(1), fresh(5))
    answered(upstream, ring_of(fresh(1), fresh(5)))
    answered(slow, ring_of(*(fresh(n) for n in range(1, 6)), size=1))
    assert (upstream.counts()["A"].missed, upstream.counts()["A"].upstream) == (3, 3)
    assert (slow.counts()["A"].missed, slow.counts()["A"].upstream) == (3, 0)


def test_the_end_of_a_dead_epoch_is_recovered_with_the_beginning_of_the_next() -> None:
    reader = Reader()
    fed(reader, fresh(1), fresh(2, epoch=2))
    answered(reader, ring_of(fresh(1), fresh(2), fresh(3), fresh(1, epoch=2), fresh(2, epoch=2)))
    assert [(m.epoch, m.seq) for m in taken(reader)] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    counts = reader.counts()["A"]
    assert (counts.missed, counts.recovered, counts.crashes) == (0, 3, 1)


def test_older_epochs_and_duplicates_are_counted_and_dropped() -> None:
    reader = Reader()
    fed(reader, fresh(1, epoch=2), fresh(1, epoch=2), fresh(9, epoch=1))
    assert seqs(reader) == [1]
    counts = reader.counts()["A"]
    assert (counts.duplicates, counts.older) == (1, 1)


def test_a_score_past_its_age_is_never_handed_out_as_fresh() -> None:
    reader = Reader(max_age_s=5.0)
    fed(
        reader,
        score(seq=1, time_published_ns=WALL - 5_001 * MS),
        score(seq=2, time_published_ns=WALL - 4_999 * MS),
    )
    assert seqs(reader) == [2]
    assert reader.counts()["A"].overdue == 1
    assert reader.newest("A", WALL) is not None
    assert reader.newest("A", WALL + 2 * MS) is None


def test_a_score_that_grew_old_while_the_user_was_busy_is_not_handed_out_either() -> None:
    reader = Reader(kinds=ALL, max_age_s=5.0)
    fed(reader, fresh(1), fresh(2), heartbeat(seq=2, time_published_ns=WALL))
    assert reader.take(WALL).seq == 1  # type: ignore[union-attr]
    assert isinstance(reader.take(WALL + 5_000 * MS), Heartbeat)
    counts = reader.counts()["A"]
    assert (counts.received, counts.overdue) == (1, 1)


def test_a_planned_stop_a_crash_and_silence_are_three_different_things() -> None:
    reader = Reader(kinds=ALL)
    fed(reader, fresh(1), end(seq=1, time_published_ns=WALL))
    assert reader.state("A", 0) == "ended"
    assert reader.counts()["A"].planned_stops == 1
    fed(reader, score("B", time_published_ns=WALL))
    assert reader.state("B", 0) == "live"
    assert reader.state("B", int(SILENT_AFTER_S * 1e9) + 1) == "silent"
    assert reader.state("C", 0) == "unheard"


def test_zeromq_s_prefix_matching_brings_nobody_a_market_he_did_not_ask_for() -> None:
    reader = Reader(markets=["BTC-USD"])
    fed(reader, score("BTC-USDT", time_published_ns=WALL), score("BTC-USD", time_published_ns=WALL))
    assert [m.market for m in taken(reader)] == ["BTC-USD"]
    assert list(reader.counts()) == ["BTC-USD"]


def test_what_is_not_of_the_contract_is_counted_by_reason() -> None:
    reader = Reader()
    reader.frames([b"score.A"], 0, WALL)
    reader.frames([b"score.A", b"\xc1"], 0, WALL)
    reader.reply([b"junk"], 0, WALL)
    assert reader.rejected == {"frames": 1, "malformed": 2}
    assert reader.take(WALL) is None


def test_tables_are_bounded_against_a_publisher_of_endless_markets(monkeypatch: pytest.MonkeyPatch) -> None:
    most = drawn(1_000, MARKETS_MAX)
    monkeypatch.setattr("signalnode.bus.reader.MARKETS_MAX", most)
    reader = Reader()
    for number in range(most + 10):
        fed(reader, score(f"M{number}"))
    assert len(reader.counts()) == most
    assert reader.rejected == {"market": 10}


def test_what_waits_for_a_repair_is_bounded() -> None:
    reader = Reader()
    fed(reader, fresh(1), *(fresh(n) for n in range(3, 3 + HELD_MAX)))
    assert len(taken(reader)) == HELD_MAX + 1


def test_a_late_joiner_asks_for_the_newest_first() -> None:
    reader = Reader(markets=["A"])
    reader.connected()
    answered(reader, ring_of(fresh(7), score("B", time_published_ns=WALL)))
    fed(reader, fresh(7), fresh(8))
    assert seqs(reader) == [7, 8]
    assert reader.counts()["A"].duplicates == 1


def test_a_market_that_nobody_has_is_told_from_a_node_that_does_not_answer() -> None:
    reader = Reader(markets=["NOPE"])
    reader.connected()
    assert not reader.answered
    reader.reply([b"no answer"], 0, WALL)
    assert not reader.answered
    answered(reader, ring_of(fresh(7)))
    assert reader.answered
    assert not taken(reader)


def test_a_view_that_comes_again_for_a_late_joiner_is_handed_out_once() -> None:
    reader = Reader(kinds=("view", "decision"))
    views = [view(1), view(2), view(2), view(1), decision(1), decision(1), decision(2), view(3)]
    fed(reader, *views, msgspec.structs.replace(view(1), epoch=2), view(4))
    assert [(m.epoch, m.seq) for m in taken(reader)] == [(1, 1), (1, 2), (1, 1), (1, 2), (1, 3), (2, 1)]


def test_whatever_is_lost_every_score_is_handed_out_or_counted_once_and_in_order() -> None:
    for seed in range(300):
        draw = random.Random(seed)
        reader, ring = Reader(max_age_s=None), Ring(draw.choice((4, 64)))
        sent = 0
        for epoch in range(1, draw.randrange(2, 4)):
            for seq in range(1, draw.randrange(2, 30)):
                sent += 1
                message = fresh(seq, epoch=epoch)
                if draw.random() < 0.9:
                    ring.add("A", epoch, seq, tuple(encode(message)))  # type: ignore[arg-type]
                    for _ in range(draw.choice((0, 1, 1, 1, 1, 2))):
                        fed(reader, message)
                if draw.random() < 0.4:
                    answered(reader, ring)
            if draw.random() < 0.5:
                fed(reader, heartbeat(seq=seq, epoch=epoch, time_published_ns=WALL))
        answered(reader, ring)
        reader.expire(2**62, WALL)
        places = [(m.epoch, m.seq) for m in taken(reader)]
        assert places == sorted(set(places)), seed
        counts = reader.counts()
        if counts:
            assert counts["A"].received == len(places)
            assert len(places) + counts["A"].missed <= sent, seed
            assert counts["A"].missed >= 0, seed


def test_a_lost_end_is_asked_after_when_the_market_falls_silent() -> None:
    reader, ring = Reader(kinds=ALL), ring_of(fresh(1), fresh(2))
    ring.ended("A", encode(end(seq=2, time_published_ns=WALL)))
    fed(reader, fresh(1))
    reader.expire(int(SILENT_AFTER_S * 1e9), WALL)
    assert not reader.requests
    late_ns = int(SILENT_AFTER_S * 1e9) + 1
    reader.expire(2 * late_ns, WALL)
    answered(reader, ring, 2 * late_ns)
    answered(reader, ring, 2 * late_ns)
    assert [(type(m).__name__, m.seq) for m in taken(reader)] == [("Score", 1), ("Score", 2), ("End", 2)]
    assert reader.state("A", 2 * late_ns) == "ended"


def test_a_reader_of_the_newest_is_never_late_and_what_it_skipped_is_counted() -> None:
    reader = Reader(newest=True)
    for seq in range(1, 101):
        fed(reader, fresh(seq), fresh(seq, market="B"))
    assert reader.has_room()
    assert [(each.market, each.seq) for each in taken(reader)] == [("A", 100), ("B", 100)]
    counts = reader.counts()["A"]
    assert (counts.received, counts.skipped, counts.missed) == (1, 99, 0)


def test_a_reader_of_the_newest_asks_for_no_score_that_is_older_than_the_one_it_has() -> None:
    reader = Reader(newest=True)
    fed(reader, fresh(1), fresh(5))
    assert not reader.requests
    assert seqs(reader) == [5]
    assert reader.counts()["A"].missed == 3


def test_a_reader_of_the_newest_asks_for_a_lost_tail_until_a_newer_score_is_here() -> None:
    reader = Reader(newest=True)
    fed(reader, fresh(1), heartbeat(seq=3, time_published_ns=WALL))
    answered(reader, ring_of(*(fresh(n) for n in range(1, 4))))
    assert seqs(reader) == [3]
    fed(reader, heartbeat(seq=5, time_published_ns=WALL), fresh(6))
    assert seqs(reader) == [6]
    counts = reader.counts()["A"]
    assert (counts.received, counts.skipped, counts.recovered, counts.missed) == (2, 2, 2, 2)


def test_a_reader_of_the_newest_that_takes_no_events_stops_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalnode.bus.reader.WAITING_MAX", 500)
    reader = Reader(kinds=("score", "decision"), newest=True)
    for seq in range(1, 501):
        assert reader.has_room()
        fed(reader, decision(seq))
    assert not reader.has_room()
    assert len(taken(reader)) == 500


def test_a_newest_score_that_is_sent_again_is_handed_out_once_however_it_came() -> None:
    told, late = heartbeat(seq=2, time_published_ns=WALL), fresh(2)
    for answer_holds, answer_first in ((True, True), (True, False), (False, True), (False, False)):
        reader, ring = Reader(), ring_of(fresh(1), *([late] if answer_holds else []))
        fed(reader, fresh(1), told)
        if answer_first:
            answered(reader, ring)
        fed(reader, late)
        answered(reader, ring)
        fed(reader, late, told)
        assert seqs(reader) == [1, 2]
        counts = reader.counts()["A"]
        assert (counts.received, counts.missed, counts.upstream) == (2, 0, 0)


def test_one_who_joins_a_still_market_by_its_heartbeat_is_given_the_score_behind_it() -> None:
    reader = Reader(repair=False)
    fed(reader, heartbeat(seq=9, time_published_ns=WALL), fresh(9), fresh(9))
    assert seqs(reader) == [9]
    assert reader.counts()["A"].missed == 0


def test_a_score_of_the_future_is_of_unknown_age_and_not_handed_out() -> None:
    reader = Reader(max_age_s=5.0)
    hour_ns = 3_600_000 * MS
    fed(
        reader,
        score(seq=1, time_published_ns=WALL + hour_ns),
        score(seq=2, time_published_ns=WALL + 4_000 * MS),
    )
    assert seqs(reader) == [2]
    assert (reader.counts()["A"].overdue, reader.newest("A", WALL - hour_ns)) == (1, None)
