"""What the page's tab of hosts is told."""

from __future__ import annotations

import json

import msgspec

from signalnode.panels.web.board import Board
from signalnode.panels.web.hosts import cluster_facts
from tests.panels.test_cluster import AT_WORK, LISTENING
from tests.panels.web.made import market, view


def test_hosts_and_shards_are_rows_with_ages_and_grants() -> None:
    told = json.loads(json.dumps(cluster_facts(AT_WORK)))
    assert told["whole"] == "cluster up, 1 host, 1 of 2 shards up, 2 of 3 markets ready"
    assert [(row["address"], row["state"], row["age_s"]) for row in told["hosts"]] == [
        ("10.0.0.2", "up", 61.0),
        ("10.0.0.3", "lost", 4.0),
    ]
    first, second = told["shards"]
    assert (first["shard"], first["host"], first["ready"], first["grants"]) == (
        "s1",
        "10.0.0.2",
        2,
        "101 to 105",
    )
    assert (second["state"], second["grants"]) == ("asked", "-")
    assert told["layer5"]["endpoint"] == "tcp://10.0.0.2:7450"


def test_a_node_of_no_cluster_has_no_tab_and_a_troubled_cluster_is_marked() -> None:
    board, seen = Board(), []
    for cluster in (None, LISTENING, AT_WORK):
        board.take(msgspec.structs.replace(view(A=market()), cluster=cluster))
        seen.append(board.facts()["cluster"])
    assert seen == [None, False, True]
    assert cluster_facts(None)["whole"] == ""
