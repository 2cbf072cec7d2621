"""How a cluster stands, and which host is meant."""

from __future__ import annotations

import dataclasses
import json

import pytest

from signalnode.bus.cluster import NAMED_MAX
from signalnode.cluster import messages as m
from signalnode.cluster.coordinator import Coordinator, Policy
from signalnode.cluster.overview import (
    HOSTS_LOST_MAX,
    WHY_CHARS_MAX,
    HostRow,
    Layer5Row,
    ShardRow,
    Status,
    as_table,
    host_named,
    told,
)
from signalnode.cluster.placement import Limits
from signalnode.errors import RequestError
from signalnode.panels.cluster import trouble_lines

TERM = 1_764_230_400
S = 1_000_000_000


def host(name: str, address: str, state: str = "up") -> HostRow:
    return HostRow(name, address, state, 1.0, (), 0)


HOSTS = [host("abc1", "10.0.0.1"), host("abd2", "10.0.0.2"), host("fff3", "10.0.0.3", "lost")]


@pytest.mark.parametrize(("name", "meant"), [("10.0.0.2", "abd2"), ("abc1", "abc1"), ("abc", "abc1")])
def test_a_host_goes_by_its_address_its_name_or_the_beginning_of_that(name: str, meant: str) -> None:
    assert host_named(HOSTS, name) == meant


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("10.0.0.9", "no host is called '10.0.0.9'; there are: 10.0.0.1 (abc1), 10.0.0.2 (abd2)"),
        ("ab", "2 hosts are called 'ab'"),
        ("10.0.0.3", "no host is called"),
        ("", "no host is called ''"),
    ],
)
def test_what_names_no_host_or_two_says_which_there_are(name: str, told: str) -> None:
    with pytest.raises(RequestError) as raised:
        host_named(HOSTS, name)
    assert told in str(raised.value)
    with pytest.raises(RequestError, match="there are: none"):
        host_named([], name)


def at_work() -> Coordinator:
    coordinator = Coordinator(Policy(Limits(4), listen_s=0.0, standby_shards=0))
    coordinator.step(m.Begin(TERM, {"M": m.Wanted("a")}, hosts={"node-a": "ip-a"}), S)
    return coordinator


def test_a_lost_host_is_told_until_its_address_is_back() -> None:
    coordinator = at_work()
    coordinator.step(m.HostLost("node-a"), 2 * S)
    (row,) = coordinator.status(5 * S).hosts
    assert (row.host, row.address, row.state, row.age_s) == ("node-a", "ip-a", "lost", 3.0)
    coordinator.step(m.HostSeen("node-b", "ip-a"), 6 * S)
    assert [(row.host, row.state) for row in coordinator.status(6 * S).hosts] == [("node-b", "up")]


def test_no_more_lost_hosts_are_remembered_than_anybody_reads() -> None:
    coordinator = at_work()
    for number in range(HOSTS_LOST_MAX + 5):
        coordinator.step(m.HostSeen(f"n{number}", f"ip-{number}"), S)
        coordinator.step(m.HostLost(f"n{number}"), S)
    lost = [row.host for row in coordinator.status(S).hosts if row.state == "lost"]
    assert (len(lost), lost[-1]) == (HOSTS_LOST_MAX, f"n{HOSTS_LOST_MAX + 4}")


def test_what_a_shard_says_of_itself_is_told() -> None:
    coordinator = at_work()
    coordinator.step(m.Report("shard-0001", TERM + 1, "node-a"), S)
    coordinator.step(m.Granted(TERM + 2), S)
    standing = {"M": m.Standing(TERM + 2, is_ready=True)}
    report = m.Report(
        "shard-0001", TERM + 1, "node-a", markets=standing, unshipped="disk full", endpoint="tcp://ip-a:7450"
    )
    coordinator.step(report, S)
    status = coordinator.status(S)
    (row,) = status.shards
    assert (row.unshipped, row.endpoint, row.ready) == ("disk full", "tcp://ip-a:7450", 1)
    assert (status.wanted, status.placed, status.ready, status.is_settled) == (1, 1, 1, True)


def test_what_has_no_place_and_says_why_keeps_nothing_unsettled() -> None:
    shard = ShardRow("s1", "h", "up", 1, 0.1, {})
    unplaced = Status(1, "at work", (), (shard,), {"M": "every shard is full"}, (), wanted=1)
    assert unplaced.is_settled
    assert not dataclasses.replace(unplaced, unplaced={}).is_settled
    coming = (shard, dataclasses.replace(shard, state="asked"))
    assert not dataclasses.replace(unplaced, shards=coming).is_settled, "one may take it yet"
    assert not dataclasses.replace(unplaced, shards=()).is_settled
    assert json.loads(json.dumps(as_table(unplaced)))["ready"] == 0


def test_what_people_are_shown_counts_markets_and_names_hosts_by_their_addresses() -> None:
    away = "cluster.checkpoints: cannot be written " + "x" * WHY_CHARS_MAX
    shards = (
        ShardRow("s1", "abc1", "up", 7, 0.1, {"A": 9, "B": 12, "C": 10}, unshipped=away, ready=2),
        ShardRow("s2", "gone", "asked", 0, None, {}, fault="disk full"),
    )
    full = {f"M{number:03d}": "every shard is full" for number in range(NAMED_MAX + 3)}
    layer5 = Layer5Row("abd2", "tcp://10.0.0.2:7450", "up", 0.4, 1)
    shown = told(Status(1, "at work", tuple(HOSTS), shards, full, tuple(full), wanted=30, layer5=layer5))
    first, second = shown.shards["s1"], shown.shards["s2"]
    assert (first.host, first.markets, first.ready, first.grants) == ("10.0.0.1", 3, 2, [9, 12])
    assert (second.host, second.age_s, second.grants, second.fault) == ("gone", None, [], "disk full")
    assert shown.unshipped == {away[:WHY_CHARS_MAX]: ["s1"]}
    assert (len(shown.unplaced), shown.unplaced_more, len(shown.moving), shown.moving_more) == (20, 3, 20, 3)
    assert (shown.wanted, shown.ready, shown.layer5.host if shown.layer5 else "") == (30, 2, "10.0.0.2")


def test_while_another_version_is_rolled_out_nothing_is_settled() -> None:
    old, new = (ShardRow(name, "h", "up", 7, 0.1, {}, version=name) for name in ("v1", "v2"))
    assert Status(1, "at work", (), (new,), {}, (), version="v2").is_settled
    assert not Status(1, "at work", (), (new, old), {}, (), version="v2").is_settled
    unfit = dataclasses.replace(old, fault="disk full")
    assert Status(1, "at work", (), (new, unfit), {}, (), version="v2").is_settled, "it is never emptied"


def test_a_host_with_another_signalnode_than_the_config_is_told() -> None:
    coordinator = at_work()
    coordinator.step(m.WantedChanged({"M": m.Wanted("a")}, "0.2.0+1234"), S)
    for name, release in (("shard-0001", "0.1.0"), ("shard-0002", "0.2.0")):
        report = m.Report(name, TERM + 1, "node-a", version="0.2.0+1234", release=release)
        coordinator.step(report, S)
    shown = told(coordinator.status(S))
    assert (shown.release, shown.strange) == ("0.2.0", {"0.1.0": ["shard-0001"]})
    assert any(
        line.startswith("signalnode 0.1.0 runs shard-0001, and the config is of 0.2.0")
        for line in trouble_lines(shown)
    )


def test_a_clock_that_is_far_off_is_told_by_its_host_and_a_slow_report_is_not() -> None:
    rows = [
        dataclasses.replace(ShardRow(name, host, "up", 1, 0.1, {}), ahead_s=ahead_s)
        for name, host, ahead_s in (("s1", "a", -602.0), ("s2", "a", -602.0), ("s3", "b", -1.5))
    ]
    hosts = (HostRow("a", "10.0.0.2", "up", 1.0, (), 0), HostRow("b", "10.0.0.3", "up", 1.0, (), 0))
    state = told(Status(1, "at work", hosts, tuple(rows), {}, ()))
    (line,) = trouble_lines(state)
    assert line == (
        "the clock of 10.0.0.2 is 10m 02s behind the head's, and subscribers drop what is late: "
        "have NTP keep both"
    )
