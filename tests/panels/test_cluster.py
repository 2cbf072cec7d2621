"""What a cluster says of itself, as lines."""

from __future__ import annotations

from typing import Any

from signalnode.panels.cluster import MARKETS_TOLD_MAX, cluster_lines, trouble_lines, whole_line

ANSWER: dict[str, Any] = {
    "term": 1,
    "phase": "at work",
    "wanted": 3,
    "placed": 3,
    "ready": 2,
    "unplaced": {},
    "moving": [],
    "hosts": [
        {
            "host": "a" * 56,
            "address": "10.0.0.2",
            "state": "up",
            "age_s": 61.0,
            "shards": ["s1"],
            "markets": 3,
        },
        {"host": "b" * 56, "address": "10.0.0.3", "state": "lost", "age_s": 4.0, "shards": [], "markets": 0},
    ],
    "shards": [
        {
            "shard": "s1",
            "host": "a" * 56,
            "state": "up",
            "start": 100,
            "age_s": 0.3,
            "markets": {"A": 101, "B": 101, "C": 105},
            "ready": 2,
            "fault": "",
            "unshipped": "",
        },
        {"shard": "s2", "host": "", "state": "asked", "start": 0, "age_s": None, "markets": {}, "ready": 0},
    ],
    "layer5": {
        "host": "a" * 56,
        "endpoint": "tcp://10.0.0.2:7450",
        "state": "up",
        "age_s": 0.4,
        "sources": 1,
    },
}


def test_hosts_shards_grants_and_ages_have_their_rows() -> None:
    whole, layer5, _, hosts, up, lost, _, shards, first, second = cluster_lines(ANSWER, coloured=False)
    assert whole == "cluster up, 1 host, 1 of 2 shards up, 2 of 3 markets ready"
    assert layer5 == "layer 5 at tcp://10.0.0.2:7450 on 10.0.0.2, 1 shards in it, heard 0.4s ago"
    assert hosts.split() == ["host", "name", "state", "for", "shards", "markets"]
    assert up.split() == ["10.0.0.2", "aaaaaaaa", "up", "1m", "01s", "s1", "3"]
    assert lost.split() == ["10.0.0.3", "bbbbbbbb", "lost", "4.0s", "-", "0"]
    assert shards.split()[:4] == ["shard", "host", "state", "start"]
    assert first.split() == ["s1", "10.0.0.2", "up", "100", "0.3s", "3", "2", "101", "to", "105", "-"]
    assert second.split() == ["s2", "-", "asked", "-", "-", "0", "0", "-", "-"]


def test_a_cluster_of_nothing_is_one_line() -> None:
    assert cluster_lines({"phase": "listening"}, coloured=True) == [
        "cluster listening, 0 hosts, 0 of 0 shards up, 0 of 0 markets ready"
    ]


def test_a_lost_host_is_red_on_a_terminal() -> None:
    assert any(line.startswith("\x1b[31;1m10.0.0.3") for line in cluster_lines(ANSWER, coloured=True))


def test_a_store_that_is_away_is_said_once_for_all_its_shards() -> None:
    away = [
        {"shard": f"s{n}", "state": "up", "unshipped": "cluster.checkpoints: s3://b cannot be written"}
        for n in (1, 2)
    ]
    (line,) = trouble_lines({"shards": away})
    assert line == (
        "checkpoints not shipped by s1, s2: cluster.checkpoints: s3://b cannot be written;"
        " markets run on, moves start cold"
    )


def test_what_finds_no_place_and_what_moves_is_named_as_far_as_it_is_read() -> None:
    many = {f"M{n:03d}": "every shard is full" for n in range(MARKETS_TOLD_MAX + 3)}
    lines = trouble_lines({"unplaced": many, "moving": list(many)})
    assert lines[0] == "M000 has no place: every shard is full"
    assert lines[-2] == "and 3 more without a place"
    assert lines[-1].endswith("M019 and 3 more")
    assert whole_line({"phase": "at work", "moving": ["A"]}).endswith(", 1 moving")
