"""What a cluster says of itself, as lines."""

from __future__ import annotations

import msgspec

from signalnode.bus.cluster import ClusterState, HostState, PlaceState, ShardState, aged
from signalnode.panels.cluster import (
    HEAD_SILENT_S,
    advice_lines,
    cluster_lines,
    is_troubled,
    trouble_lines,
    whole_line,
)

AT_WORK = ClusterState(
    phase="at work",
    age_s=0.2,
    wanted=3,
    ready=2,
    hosts=[
        HostState(address="10.0.0.2", name="aaaaaaaa", state="up", age_s=61.0, shards=["s1"], markets=3),
        HostState(address="10.0.0.3", name="bbbbbbbb", state="lost", age_s=4.0),
    ],
    shards={
        "s1": ShardState(
            host="10.0.0.2", state="up", start=100, age_s=0.3, markets=3, ready=2, grants=[101, 105]
        ),
        "s2": ShardState(host="", state="asked", start=0),
    },
    layer5=PlaceState(host="10.0.0.2", endpoint="tcp://10.0.0.2:7450", state="up", age_s=0.4, sources=1),
)
LISTENING = ClusterState(phase="listening")


def test_hosts_shards_grants_and_ages_have_their_rows() -> None:
    whole, layer5, _, hosts, up, lost, _, shards, first, second = cluster_lines(AT_WORK, coloured=False)
    assert whole == "cluster up, 1 host, 1 of 2 shards up, 2 of 3 markets ready"
    assert layer5 == "layer 5 at tcp://10.0.0.2:7450 on 10.0.0.2, 1 shard in it, heard 0.4s ago"
    assert hosts.split() == ["host", "name", "state", "for", "shards", "markets"]
    assert up.split() == ["10.0.0.2", "aaaaaaaa", "up", "1m", "01s", "s1", "3"]
    assert lost.split() == ["10.0.0.3", "bbbbbbbb", "lost", "4.0s", "-", "0"]
    assert shards.split()[:4] == ["shard", "host", "state", "start"]
    assert first.split() == ["s1", "10.0.0.2", "up", "100", "0.3s", "3", "2", "101", "to", "105", "-"]
    assert second.split() == ["s2", "-", "asked", "-", "-", "0", "0", "-", "-"]


def test_a_cluster_of_nothing_is_one_line() -> None:
    assert cluster_lines(LISTENING, coloured=True) == [
        "cluster listening, 0 hosts, 0 of 0 shards up, 0 of 0 markets ready"
    ]


def test_a_lost_host_is_red_on_a_terminal() -> None:
    assert any(line.startswith("\x1b[31;1m10.0.0.3") for line in cluster_lines(AT_WORK, coloured=True))


def test_a_store_that_is_away_is_said_once_for_all_its_shards() -> None:
    away = ClusterState(phase="at work", unshipped={"s3://b cannot be written": ["s1", "s2"]})
    (line,) = trouble_lines(away)
    assert line == (
        "checkpoints not shipped by s1, s2: s3://b cannot be written; markets run on, moves start cold"
    )


def test_what_finds_no_place_and_what_moves_is_named_and_the_rest_is_counted() -> None:
    many = ClusterState(
        phase="at work", unplaced={"M1": "every shard is full"}, unplaced_more=3, moving=["A"], moving_more=2
    )
    assert trouble_lines(many) == [
        "M1 has no place: every shard is full",
        "and 3 more without a place",
        "moving: A and 2 more",
    ]
    assert whole_line(many).endswith(", 3 moving")


def test_a_head_that_is_silent_is_told_and_everything_grows_older_with_it() -> None:
    later = aged(AT_WORK, HEAD_SILENT_S + 90.0)
    (line,) = trouble_lines(later)
    assert line.startswith("the head has said nothing for 1m 35s, and this before")
    assert later.layer5 is not None
    ages = (later.hosts[0].age_s, later.shards["s1"].age_s, later.shards["s2"].age_s, later.layer5.age_s)
    assert ages == (156.0, 95.3, None, 95.4)


def test_a_lost_host_is_a_trouble_and_a_move_is_none() -> None:
    assert is_troubled(AT_WORK)
    assert not is_troubled(ClusterState(phase="at work", moving=["A"]))
    assert is_troubled(ClusterState(phase="at work", moving=["A"], unplaced={"B": "no shard is up"}))


def standing(*markets: int, state: str = "up") -> ClusterState:
    """Hosts with so many markets each; the last one is in that state."""
    hosts = [
        HostState(address=f"10.0.0.{i}", name="a", state="up", age_s=1.0, shards=["s"], markets=count)
        for i, count in enumerate(markets, 2)
    ]
    hosts[-1] = msgspec.structs.replace(hosts[-1], state=state)
    return ClusterState(phase="at work", hosts=hosts)


def test_markets_that_stand_unevenly_are_advised_and_are_no_trouble() -> None:
    uneven = standing(6, 0)
    (line,) = advice_lines(uneven)
    assert line == (
        "markets stand unevenly, 6 on 10.0.0.2 and 0 on 10.0.0.3: none moves by itself; "
        "`signalnode cluster rebalance` evens them"
    )
    assert line in cluster_lines(uneven, coloured=False)
    assert not is_troubled(uneven)


def test_what_cannot_be_evened_or_is_even_enough_is_not_advised() -> None:
    moving = msgspec.structs.replace(standing(6, 0), moving=["A"])
    for each in (standing(6), standing(1, 0), standing(4, 2), standing(6, 0, state="draining"), moving):
        assert advice_lines(each) == []


def test_a_cluster_that_waits_for_hosts_says_for_how_many() -> None:
    waiting = msgspec.structs.replace(standing(0), hosts_wanted=2, wanted=6)
    assert whole_line(waiting) == (
        "cluster waits for `cluster join`: 1 of 2 hosts (hosts_min) there; 6 markets wait with it"
    )
