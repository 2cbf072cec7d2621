"""What a coordinator answers: one event, its commands."""

from __future__ import annotations

from typing import TypeVar

import pytest

from signalnode.clock import NS_PER_S
from signalnode.cluster import messages as m
from signalnode.cluster.coordinator import Coordinator, Policy
from signalnode.cluster.fencing import RENEW_RESTARTS
from signalnode.cluster.lifecycle import TABLE, ShardEvent, ShardState, after
from signalnode.cluster.placement import Limits

TERM = 1_764_230_400
START, GRANT = TERM + 1, TERM + 10
NONE = m.Revision()
C = TypeVar("C")


class Head:
    """A coordinator at work with one host and one shard, which has the market M."""

    def __init__(self) -> None:
        self.now_ns = 10**12
        self.coordinator = Coordinator(Policy(Limits(4), listen_s=0.0, standby_shards=0))
        self.give(m.Begin(TERM, {"M": m.Wanted("a")}, hosts={"node-a": "ip-a"}))
        self.report(START)
        self.give(m.Granted(GRANT))
        self.assigned = m.Revision(TERM, 2)

    def give(self, event: m.Event, after_s: float = 0.1) -> list[m.Command]:
        self.now_ns += int(after_s * NS_PER_S)
        return self.coordinator.step(event, self.now_ns)

    def report(
        self, start: int, revision: m.Revision = NONE, after_s: float = 0.1, **held: m.Standing
    ) -> list[m.Command]:
        report = m.Report("shard-0001", start, "node-a", revision=revision, markets=held)
        return self.give(report, after_s)


def of(kind: type[C], commands: list[m.Command]) -> list[C]:
    return [each for each in commands if isinstance(each, kind)]


@pytest.fixture
def head() -> Head:
    return Head()


def test_an_older_start_of_a_shard_is_fenced_and_its_word_counts_nothing(head: Head) -> None:
    head.report(START + 5)
    assert of(m.Fence, head.report(START, M=m.Standing(GRANT))) == [m.Fence("shard-0001", START)]
    assert head.coordinator.status(head.now_ns).shards[0].start == START + 5


def test_what_a_shard_obeyed_and_yet_does_not_run_is_handed_over_anew(head: Head) -> None:
    assert of(m.TakeGrant, head.report(START, head.assigned)) == [m.TakeGrant()]
    (assign,) = of(m.Assign, head.give(m.Granted(GRANT + 1)))
    assert assign.markets["M"].grant == GRANT + 1


def test_a_report_that_obeys_an_older_assign_is_answered_with_the_newest(head: Head) -> None:
    (assign,) = of(m.Assign, head.report(START, m.Revision(TERM, 1)))
    assert (assign.revision, list(assign.markets)) == (head.assigned, ["M"])
    assert of(m.Assign, head.report(START, head.assigned, M=m.Standing(GRANT))) == []


def test_a_shard_that_was_handed_a_market_and_has_not_begun_it_is_not_taken_for_idle(head: Head) -> None:
    head.give(m.DrainAsked("node-a"))
    for _ in range(2):
        assert of(m.EndShard, head.report(START, m.Revision(TERM, 1))) == []


def test_a_host_that_joins_gets_a_shard_and_no_market_moves(head: Head) -> None:
    head.report(START, head.assigned, M=m.Standing(GRANT, is_ready=True))
    commands = head.give(m.HostSeen("node-b", "ip-b"))
    assert of(m.StartShard, commands) == [m.StartShard("shard-0002", "node-b")]
    assert of(m.TakeGrant, commands) == []


def test_a_grant_that_has_borne_nearly_all_its_starts_is_replaced(head: Head) -> None:
    spent = m.Standing(GRANT, is_ready=True, restarts=RENEW_RESTARTS)
    assert of(m.TakeGrant, head.report(START, head.assigned, M=spent)) == [m.TakeGrant()]
    (assign,) = of(m.Assign, head.give(m.Granted(GRANT + 1)))
    assert assign.markets["M"].grant == GRANT + 1


def test_a_store_that_forgot_its_grants_hands_out_none_that_is_older(head: Head) -> None:
    head.report(START, head.assigned)
    assert of(m.Assign, head.give(m.Granted(GRANT))) == []
    assert of(m.TakeGrant, head.give(m.Tick())) == [m.TakeGrant()]


def test_a_store_that_gives_no_grant_is_asked_again_a_second_later(head: Head) -> None:
    head.report(START, head.assigned)
    assert of(m.TakeGrant, head.give(m.NotGranted(), after_s=0.1)) == []
    deadline_ns = head.coordinator.next_deadline_ns()
    assert deadline_ns is not None
    assert deadline_ns - head.now_ns == NS_PER_S
    assert of(m.TakeGrant, head.give(m.Tick(), after_s=1.0)) == [m.TakeGrant()]


def test_a_coordinator_that_hears_of_a_later_one_ends(head: Head) -> None:
    assert of(m.Finish, head.report(START, m.Revision(TERM + 99, 1)))


def test_a_shard_that_never_came_up_keeps_no_cluster_from_its_end(head: Head) -> None:
    head.give(m.HostSeen("node-b", "ip-b"))
    assert [each.shard for each in of(m.EndShard, head.give(m.DownAsked()))] == ["shard-0001", "shard-0002"]
    head.give(m.ShardDied("shard-0001", START))
    assert of(m.Finish, head.give(m.Tick())) == [m.Finish("down")]


def test_a_place_that_is_not_fit_gets_nothing_and_says_why(head: Head) -> None:
    fault = m.Report("shard-0001", START, "node-a", fault="no room on its disk")
    head.give(fault)
    (row,) = head.coordinator.status(head.now_ns).shards
    assert row.fault == "no room on its disk"


@pytest.mark.parametrize("state", ShardState)
@pytest.mark.parametrize("event", ShardEvent)
def test_what_is_not_in_the_table_changes_no_state(state: ShardState, event: ShardEvent) -> None:
    assert after(state, event) is TABLE.get((state, event), state)
