"""What every shard runs, made of the config that `cluster up` read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from signalnode.cluster.config import ClusterConfig, Home, node_text, shard_node
from signalnode.cluster.messages import Handed
from signalnode.errors import ClusterError
from signalnode.settings import NodeSettings, load_node
from signalnode.strategies import STRATEGIES
from signalnode.strategies.loading import load_strategies

START, GRANT = 1_764_230_400, 1_764_230_410


@pytest.fixture
def node(tmp_path: Path) -> NodeSettings:
    (tmp_path / "markets").mkdir()
    for name in ("A-USD", "B-USD"):
        (tmp_path / "markets" / f"{name}.toml").write_text(f'market = "{name}"\n[feed]\nkind = "synthetic"\n')
    live = 'market = "C-USD"\n[feed]\nkind = "live"\nvenue = "dydx"\ngateway = "own"\n'
    (tmp_path / "markets" / "C-USD.toml").write_text(live)
    path = tmp_path / "signalnode.toml"
    path.write_text(
        '[cluster]\nhead = "10.0.0.1:6379"\ncheckpoints = "s3://b"\n[panel]\nendpoint = "127.0.0.1:1"\n'
    )
    return load_node(path)


@pytest.fixture
def config(node: NodeSettings) -> ClusterConfig:
    return ClusterConfig(node, "1.0", {"node.key_secret": "secret"})


def test_what_is_read_on_one_machine_is_had_on_another(config: ClusterConfig) -> None:
    again = ClusterConfig.decoded(config.encoded())
    assert again == config
    assert (again.build, again.wanted()) == (config.build, config.wanted())


def test_a_config_of_another_version_is_one_line() -> None:
    for content in (b"{}", b"no", b'{"node": {"x": 1}, "version": "2", "keys": {}}'):
        with pytest.raises(ClusterError) as raised:
            ClusterConfig.decoded(content)
        assert len(str(raised.value).splitlines()) == 1


def test_placement_is_told_of_venues_and_gateways(config: ClusterConfig) -> None:
    wanted = config.wanted()
    assert (wanted["A-USD"].venue, wanted["C-USD"].venue) == ("", "dydx")
    assert [name for name, each in wanted.items() if each.has_own_gateway] == ["C-USD"]


def test_a_markets_file_changes_its_own_digest_alone(config: ClusterConfig, node: NodeSettings) -> None:
    market = dataclasses.replace(node.markets["A-USD"], asset="X")
    changed = ClusterConfig(
        dataclasses.replace(node, markets=node.markets | {"A-USD": market}), "1.0", config.keys
    )
    before, after = config.wanted(), changed.wanted()
    assert [name for name in before if before[name] != after[name]] == ["A-USD"]
    assert changed.build == config.build


def test_shards_are_rolled_for_what_they_run_and_not_for_what_layer_5_does(
    config: ClusterConfig, node: NodeSettings
) -> None:
    engine = dataclasses.replace(node.engine, publish_interval_ms=200)
    for other in (
        dataclasses.replace(config, version="1.1"),
        dataclasses.replace(config, keys={"node.key_secret": "another"}),
        dataclasses.replace(config, node=dataclasses.replace(node, engine=engine)),
    ):
        assert other.build != config.build
    strategies = dataclasses.replace(node, strategies={"ranking": {"enabled": False}})
    assert dataclasses.replace(config, node=strategies).build == config.build


def test_a_shards_node_runs_what_it_was_handed_and_decides_nothing(
    config: ClusterConfig, tmp_path: Path
) -> None:
    home = Home(tmp_path / "shards", "shard-0001", START)
    handed = {"B-USD": Handed(GRANT, "x"), "GONE-USD": Handed(GRANT, "y")}
    made = shard_node(config, home, "tcp://10.0.0.2:7450", handed)
    home.root.mkdir(parents=True)
    home.config.write_bytes(node_text(made))
    node = load_node(home.config)
    assert {name: market.grant for name, market in node.markets.items()} == {"B-USD": GRANT}
    assert node.shard is not None
    assert (node.shard.name, node.shard.grant, node.cluster) == ("shard-0001", START, None)
    assert (node.panel.endpoint, node.aggregator.endpoint) == ("", "tcp://10.0.0.2:7450")
    assert load_strategies(node.strategies, home.config, STRATEGIES) == {}
    assert node.runtime_dir.is_relative_to(home.root)


def test_a_standby_has_no_market_yet(config: ClusterConfig, tmp_path: Path) -> None:
    made = shard_node(config, Home(tmp_path, "shard-0002", START), "tcp://10.0.0.2:7452", {})
    assert made.markets == {}
