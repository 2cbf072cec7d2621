"""Layer 5 of a cluster: it hears the shards that there are, and follows the config."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalnode import logs
from signalnode.bus.supervision import Overview
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.cluster.agent import Host
from signalnode.cluster.config import ClusterConfig, Home
from signalnode.cluster.keys import cluster_keys
from signalnode.cluster.layer5 import DEAF_S, Layer5, Ways, endpoint_of, sources_of
from signalnode.cluster.learnt import NAME
from signalnode.cluster.overview import Layer5Row, ShardRow, Status, told
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError
from signalnode.panels.cluster import trouble_lines
from signalnode.settings import NodeSettings, load_node

START = 1_764_230_400
A, B = "tcp://10.0.0.2:41000 " + "k" * 40, "tcp://10.0.0.3:41002 " + "k" * 40


def shard(name: str, endpoint: str, state: str = "up", version: str = "") -> ShardRow:
    return ShardRow(name, "h", state, START, 0.1, {}, endpoint=endpoint, version=version)


def standing(*shards: ShardRow) -> Status:
    return Status(1, "at work", (), shards, {}, ())


class Run:
    """One start of Layer 5, with a node that only remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        (folder / "markets").mkdir()
        (folder / "markets" / "A-USD.toml").write_text('market = "A-USD"\n[feed]\nkind = "synthetic"\n')
        path = folder / "signalnode.toml"
        path.write_text('[cluster]\nhead = "10.0.0.1:6379"\ncheckpoints = "s3://b"\n')
        self.config = ClusterConfig(load_node(path), "1.0", cluster_keys(folder / "keys"))
        self.home = Home(folder / "shards", NAME, START)
        self.status: Callable[[], Status] = standing
        self.asked: list[str] = []
        self.told: list[Layer5Row] = []
        self.has_ended = False
        self.heard, self.state = 9, "up"
        host = Host("h", "10.0.0.2", endpoint_of(self.config, "10.0.0.2"))
        ways = Ways(lambda: self.config, self._status, self.told.append, self.asked.append)
        self.store = CheckpointStore(f"file://{folder}/store")
        self.layer5 = Layer5(self.home, host, ways, lambda _made: self, store=self.store, log=logs.logger())
        self.layer5._begin()

    def _status(self) -> Status:
        return self.status()

    def start(self) -> None:
        self.asked.append("start")

    def reload(self) -> None:
        self.asked.append("reload")

    def end(self) -> None:
        self.asked.append("end")

    def children(self) -> list[dict[str, Any]]:
        return [{"name": "aggregator", "state": self.state, "sources": self.heard}]

    def node(self) -> NodeSettings:
        return load_node(self.home.config)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_it_is_a_node_without_a_market_that_decides_for_all(run: Run) -> None:
    node = run.node()
    assert (node.markets, node.aggregator.endpoint) == ({}, "tcp://10.0.0.2:7450")
    assert node.aggregator.sources_file == run.home.sources
    assert node.strategies == run.config.node.strategies
    assert node.shard is not None
    assert (node.shard.name, node.shard.grant) == (NAME, START)
    assert (run.home.sources.read_text(), run.asked) == ("", ["start"])


def test_it_hears_each_shard_that_is_up(run: Run) -> None:
    run.status = lambda: standing(shard("s2", B), shard("s1", A), shard("s3", A, "lost"), shard("s4", ""))
    run.layer5.look()
    assert run.home.sources.read_text() == f"{A}\n{B}\n"
    assert run.told[-1] == Layer5Row("h", "tcp://10.0.0.2:7450", "up", 0.0, 2)
    assert sources_of(standing(shard("s5", A, "asked"))) == []


def test_while_the_head_is_away_it_hears_those_it_knew(run: Run) -> None:
    run.status = lambda: standing(shard("s1", A))
    run.layer5.look()

    def away() -> Status:
        raise ClusterError("the coordinator gives no answer")

    run.status = away
    run.layer5.look()
    assert run.home.sources.read_text() == f"{A}\n"


def test_it_keeps_how_all_of_it_stands_for_its_views_and_while_the_head_is_away_what_was_told(
    run: Run,
) -> None:
    overview = Overview(run.home.overview)
    assert overview.news() is None
    run.status = lambda: standing(shard("s1", A))
    run.layer5.look()
    first = overview.news()
    assert first is not None
    assert (list(first.cluster.shards), first.monotonic_ns <= monotonic_ns()) == (["s1"], True)

    def away() -> Status:
        raise ClusterError("the coordinator gives no answer")

    run.status = away
    run.layer5.look()
    assert overview.news() is None
    shard_settings = run.node().shard
    assert shard_settings is not None
    assert shard_settings.overview == run.home.overview


def test_other_strategies_are_taken_over_without_another_start(run: Run) -> None:
    strategies = {"ranking": {"enabled": False}}
    run.config = dataclasses.replace(
        run.config, node=dataclasses.replace(run.config.node, strategies=strategies)
    )
    run.layer5.look()
    assert run.asked == ["start", "reload"]
    assert run.node().strategies == strategies
    run.layer5.look()
    assert run.asked == ["start", "reload"]


def test_it_changes_its_keys_when_every_shard_has(run: Run, tmp_path: Path) -> None:
    old = run.config.build
    run.config = dataclasses.replace(run.config, keys=cluster_keys(tmp_path / "keys", anew=True))
    run.status = lambda: standing(shard("s1", A, version=run.config.build), shard("s2", B, version=old))
    run.layer5.look()
    assert run.asked == ["start"]
    run.status = lambda: standing(shard("s1", A, version=run.config.build))
    run.layer5.look()
    assert run.asked == ["start", "another pair of keys, which all shards have by now"]


def test_a_node_that_has_ended_is_begun_anew(run: Run) -> None:
    run.has_ended = True
    run.layer5.look()
    assert run.asked == ["start", "its node has ended"]
    assert run.told == []


def test_what_it_has_learnt_is_shipped_at_its_end_and_told_where_it_cannot_be(
    run: Run, tmp_path: Path
) -> None:
    outcomes = run.node().state_dir / "aggregator" / "outcomes.msgpack"
    outcomes.parent.mkdir(parents=True)
    outcomes.write_bytes(b"much")
    (tmp_path / "store").write_text("no directory")
    run.layer5.end()
    run.layer5.look()
    assert "cannot be written" in run.told[-1].unshipped
    status = dataclasses.replace(standing(shard("s1", A)), layer5=run.told[-1])
    assert list(told(status).unshipped.values()) == [["layer 5"]]
    (tmp_path / "store").unlink()
    run.layer5.end()
    run.layer5.look()
    assert (run.told[-1].unshipped, len(run.store.names())) == ("", 1)


def test_shards_that_it_does_not_hear_for_long_are_counted_and_told(run: Run) -> None:
    run.status, run.heard = lambda: standing(shard("s1", A), shard("s2", B)), 1
    run.layer5.look()
    assert run.told[-1].deaf_to == 0  # it may have come up just now
    run.layer5._heard_all_ns -= int((DEAF_S + 1.0) * NS_PER_S)
    run.layer5.look()
    assert run.told[-1].deaf_to == 1
    status = dataclasses.replace(standing(), layer5=run.told[-1])
    (line,) = trouble_lines(told(status))
    assert line.startswith("layer 5 on h does not hear 1 of 2 shards that are up: leave all ports open")
    run.state = "starting"  # it compiles: nobody can be heard yet
    run.layer5.look()
    assert run.told[-1].deaf_to == 0
    run.heard, run.state = 2, "up"
    run.layer5.look()
    assert run.told[-1].deaf_to == 0
