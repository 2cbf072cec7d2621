"""What is worth a word, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from signalnode.bus.cluster import ClusterState, HostState
from signalnode.bus.wire import ProcessState, ViewMessage
from signalnode.panels.alerts.conditions import DARK_AFTER_S, FAILURES_MIN
from signalnode.panels.alerts.events import Event, Now
from signalnode.panels.alerts.incidents import BACK_S_MAX, Incidents
from signalnode.settings import AlertSettings
from tests.panels.web.made import LIVE_HEALTH, T0_NS, decision, market, view

LATE = msgspec.structs.replace(LIVE_HEALTH, reason="trades silent for 6.2 s, over 4.8")
AFTER_S = 15.0
UP = ProcessState(state="up", restarts=0, why="")


def at(time_s: float) -> Now:
    return Now(int(time_s * 1e9), T0_NS + int(time_s * 1e9))


class Node:
    """A node that is watched: a view and a look at the processes each quarter of a second."""

    def __init__(self, *, told: Mapping[str, str] | None = None, **settings: object) -> None:
        given = {"webhook": "https://x.example/", "after_s": AFTER_S, **settings}
        self.incidents = Incidents(AlertSettings(**given), at(0.0), told or {})  # type: ignore[arg-type]
        self.time_s = 0.0

    def pass_by(
        self, length_s: float, shown: ViewMessage | None, processes: Mapping[str, ProcessState] | None = None
    ) -> list[tuple[str, str]]:
        return [(each.kind, each.subject) for each in self.events(length_s, shown, processes)]

    def events(
        self, length_s: float, shown: ViewMessage | None, processes: Mapping[str, ProcessState] | None = None
    ) -> list[Event]:
        told: list[Event] = []
        for _ in range(int(length_s * 4)):
            self.time_s += 0.25
            now = at(self.time_s)
            if processes is not None:
                self.incidents.take_processes(processes, now)
            if shown is not None:
                self.incidents.take_view(shown, now)
            told += self.incidents.turn(now)
        return told


WELL = view(A=market(), B=market())
STALE = view(A=market("stale", health=LATE), B=market())


def test_a_state_is_told_once_when_it_has_lasted_and_again_when_it_is_over() -> None:
    node = Node()
    assert node.pass_by(10.0, WELL) == []
    assert node.pass_by(AFTER_S - 1.0, STALE) == []
    (told,) = node.events(3_600.0, STALE)
    assert told == Event("stale", "A", LATE.reason, at(10.25).wall_ns)
    (back,) = node.events(60.0, WELL)
    assert (back.kind, back.subject) == ("back", "A")
    assert back.why == "stale for 1h 00m"


def test_what_is_over_sooner_is_not_told() -> None:
    node = Node()
    for _ in range(10):
        assert node.pass_by(AFTER_S - 1.0, STALE) == []
        assert node.pass_by(1.0, WELL) == []


def test_what_comes_back_for_a_moment_is_not_back() -> None:
    node = Node()
    assert node.pass_by(20.0, STALE) == [("stale", "A")]
    for _ in range(10):
        assert node.pass_by(BACK_S_MAX - 1.0, WELL) == []
        assert node.pass_by(20.0, STALE) == []


@pytest.mark.parametrize("state", ["ended", "settling"])
def test_a_state_that_is_neither_opens_and_ends_nothing(state: str) -> None:
    node, neither = Node(), view(A=market(state), B=market())
    assert node.pass_by(60.0, neither) == []
    assert node.pass_by(60.0, STALE) == [("stale", "A")]
    assert node.pass_by(60.0, neither) == []
    assert node.pass_by(60.0, WELL) == [("back", "A")]


def test_another_state_of_the_same_market_is_told_too_and_one_end() -> None:
    node = Node()
    given_up = ProcessState(state="given_up", restarts=5, why="5 failures in a minute")
    assert node.pass_by(20.0, STALE) == [("stale", "A")]
    (told,) = node.events(20.0, view(A=market("down", process=given_up), B=market()))
    assert (told.kind, told.why) == ("given_up", "5 failures in a minute")
    assert node.pass_by(20.0, WELL) == [("back", "A")]


def test_a_state_that_was_not_asked_for_is_not_told() -> None:
    assert Node(states=("given_up",)).pass_by(60.0, STALE) == []


def test_a_market_that_was_stopped_or_has_ended_is_down_where_that_is_asked_for() -> None:
    node, stopped = Node(states=("down",)), ProcessState(state="down", restarts=0, why="stopped by request")
    (told,) = node.events(60.0, view(A=market("ended", process=stopped), B=market()))
    assert (told.kind, told.subject, told.why) == ("down", "A", "stopped by request")
    assert node.pass_by(60.0, WELL) == [("back", "A")]


@pytest.mark.parametrize("silent", ["A", "stale", "*", "[AB]"])
def test_what_is_silenced_by_name_is_not_told(silent: str) -> None:
    assert Node(silent=(silent,)).pass_by(60.0, STALE) == []
    assert Node(silent=("B", "degraded")).pass_by(60.0, STALE) == [("stale", "A")]


def test_a_process_that_was_started_again_is_told_at_once_and_is_back_when_it_was_heard_since() -> None:
    node = Node(after_s=0.0)
    processes = {"A": UP, "B": UP, "panel": UP}
    assert node.pass_by(5.0, WELL, processes) == []
    again = {**processes, "A": ProcessState(state="up", restarts=1, why="SIGKILL")}
    before = view(A=msgspec.structs.replace(market(), age_s=5.0), B=market())
    (told,) = node.events(1.0, before, again)
    assert (told.kind, told.subject, told.why) == ("restarted", "A", "SIGKILL, 1 time so far")
    assert node.pass_by(1.0, before, again) == []
    assert node.pass_by(1.0, WELL, again) == [("back", "A")]
    assert node.pass_by(60.0, WELL, again) == []


def test_a_supervisor_that_counts_from_zero_again_tells_nothing() -> None:
    node = Node(after_s=0.0)
    assert node.pass_by(5.0, WELL, {"panel": ProcessState(state="up", restarts=4, why="SIGKILL")}) == []
    assert node.pass_by(5.0, WELL, {"panel": UP}) == []


def test_a_process_that_is_no_market_is_told_too() -> None:
    node = Node()
    gone = ProcessState(state="given_up", restarts=5, why="exit 3")
    told = node.pass_by(60.0, WELL, {"A": UP, "B": UP, "recorder": gone})
    assert told == [("given_up", "recorder")]


def test_while_layer_5_is_dark_that_alone_is_told() -> None:
    node = Node()
    assert node.pass_by(10.0, STALE) == []
    assert node.pass_by(AFTER_S + DARK_AFTER_S - 1.0, None) == []
    (told,) = node.events(60.0, None)
    assert (told.kind, told.subject) == ("dark", "aggregator")
    assert node.pass_by(60.0, WELL) == [("back", "aggregator")]


def test_layer_5_that_never_speaks_is_dark_and_one_that_starts_is_not() -> None:
    assert Node().pass_by(60.0, None) == [("dark", "aggregator")]
    starting = {"aggregator": ProcessState(state="starting", restarts=0, why="")}
    assert Node().pass_by(60.0, None, starting) == []


def failing(failures: int) -> ViewMessage:
    state = {"decisions": 0, "failures": failures, "error": "KeyError: 'mid'"}
    return msgspec.structs.replace(WELL, strategies={"mine": state})


def test_a_strategy_that_loses_turn_after_turn_is_told() -> None:
    node = Node()
    assert node.pass_by(60.0, failing(FAILURES_MIN - 1)) == []
    (told,) = node.events(60.0, failing(9))
    assert (told.kind, told.subject) == ("failing", "mine")
    assert "KeyError" in told.why
    assert node.pass_by(60.0, failing(0)) == [("back", "mine")]


def test_decisions_that_are_withheld_are_told_as_their_number_grows() -> None:
    node = Node()
    assert WELL.layer5 is not None
    more = msgspec.structs.replace(WELL, layer5=msgspec.structs.replace(WELL.layer5, withheld=8))
    assert node.pass_by(5.0, WELL) == []
    assert node.pass_by(1.0, more) == [("withheld", "aggregator")]
    assert node.pass_by(60.0, more) == [("back", "aggregator")]


def test_decisions_of_the_strategies_chosen_are_told() -> None:
    node = Node(decisions=("thresh*",), silent=("TEST-*",))
    for each in (
        decision(1),
        decision(2, strategy="sniper"),
        msgspec.structs.replace(decision(3), markets=["TEST-1", "TEST-2"]),
        msgspec.structs.replace(decision(4), markets=["TEST-1", "BTC-USD"]),
    ):
        node.incidents.take_decision(each)
    told = node.incidents.turn(at(1.0))
    assert [each.decision.seq for each in told if each.decision is not None] == [1, 4]


def test_of_a_market_that_has_left_nothing_is_awaited() -> None:
    node, processes = Node(), {"A": UP, "B": UP}
    assert node.pass_by(20.0, STALE, processes) == [("stale", "A")]
    assert node.pass_by(20.0, view(B=market()), {"B": UP}) == [("gone", "A")]
    assert node.pass_by(20.0, WELL, processes) == []


def test_a_process_started_anew_tells_nothing_twice_and_does_not_forget_the_end() -> None:
    node = Node(told={"A": "stale"})
    assert node.pass_by(60.0, STALE) == []
    assert node.pass_by(60.0, WELL) == [("back", "A")]


def test_a_process_that_is_up_and_cannot_do_its_work_is_told() -> None:
    node, full = Node(), msgspec.structs.replace(UP, trouble="stopped: 1 MB free")
    assert node.pass_by(20.0, WELL, {"recorder": full}) == [("troubled", "recorder")]
    assert node.pass_by(20.0, WELL, {"recorder": UP}) == [("back", "recorder")]


def of_cluster(**changed: object) -> ViewMessage:
    return msgspec.structs.replace(WELL, cluster=msgspec.structs.replace(STANDING, **changed))


def host(address: str, state: str = "up") -> HostState:
    return HostState(address=address, name="a", state=state, age_s=1.0)


STANDING = ClusterState(phase="at work", hosts=[host("10.0.0.2"), host("10.0.0.3")])
PROCESSES = {"A": UP, "B": UP}


def test_a_lost_host_is_told_by_its_address_and_that_it_is_back() -> None:
    node = Node()
    lost = of_cluster(hosts=[host("10.0.0.2"), host("10.0.0.3", "lost")])
    assert node.pass_by(10.0, of_cluster(), PROCESSES) == []
    assert node.pass_by(AFTER_S + 1.0, lost, PROCESSES) == [("lost", "host.10.0.0.3")]
    assert node.pass_by(BACK_S_MAX + 1.0, of_cluster(), PROCESSES) == [("back", "host.10.0.0.3")]


def test_a_store_that_is_away_and_markets_without_a_place_are_told_with_why() -> None:
    node = Node()
    wrong = of_cluster(unshipped={"s3://b is away": ["s1", "s2"]}, unplaced={"M": "no room"}, unplaced_more=2)
    told = {(each.kind, each.subject): each.why for each in node.events(AFTER_S + 1.0, wrong, PROCESSES)}
    assert told == {
        ("unshipped", "cluster.checkpoints"): "s1, s2: s3://b is away",
        ("unplaced", "cluster.markets"): "3, M: no room",
    }
    back = node.pass_by(BACK_S_MAX + 1.0, of_cluster(), PROCESSES)
    assert set(back) == {("back", "cluster.checkpoints"), ("back", "cluster.markets")}


def test_a_silent_head_is_told_and_nothing_of_hosts_that_it_may_have_lost_since() -> None:
    node = Node()
    lost = [host("10.0.0.2"), host("10.0.0.3", "lost")]
    assert node.pass_by(AFTER_S - 5.0, of_cluster(hosts=lost), PROCESSES) == []
    assert node.pass_by(AFTER_S + 1.0, of_cluster(hosts=lost, age_s=60.0), PROCESSES) == [
        ("silent", "cluster.head")
    ]


def test_what_is_told_of_a_cluster_can_be_silenced_by_name() -> None:
    node = Node(silent=("host.*",))
    lost = of_cluster(hosts=[host("10.0.0.2", "lost")])
    assert node.pass_by(AFTER_S + 1.0, lost, PROCESSES) == []
