"""`[cluster]`, and what a cluster writes into the configs that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.errors import ConfigError
from signalnode.settings import engine_args, load_node, node_of
from signalnode.settings.arguments import as_table
from signalnode.settings.loading import restore
from signalnode.settings.reading import ConfigFaults

GRANT = 1_764_230_400


def written(folder: Path, node: str, market: str = "") -> Path:
    """A node's file, and one market's where there is one."""
    path = folder / "signalnode.toml"
    path.write_text(node)
    (folder / "markets").mkdir()
    if market:
        (folder / "markets" / "SOL-USD.toml").write_text(market)
    return path


def test_a_shard_may_wait_for_its_first_market(tmp_path: Path) -> None:
    node = load_node(written(tmp_path, f'[shard]\nname = "shard-0001"\ngrant = {GRANT}\n'))
    assert node.shard is not None
    assert (node.shard.grant, node.markets) == (GRANT, {})
    again = restore(as_table(node), tmp_path, ConfigFaults())
    assert again == node


def test_an_engine_is_told_its_own_grant(tmp_path: Path) -> None:
    market = f'market = "SOL-USD"\ngrant = {GRANT}\n[feed]\nkind = "synthetic"\n'
    node = load_node(written(tmp_path, "", market))
    assert node_of(engine_args(node, "SOL-USD")).markets["SOL-USD"].grant == GRANT


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('head = "a:1"', "cluster.checkpoints: is missing"),
        ('head = "10.0.0.1"\ncheckpoints = "s3://b"', "cluster.head: '10.0.0.1' is no host and port"),
        ('head = "a:1"\ncheckpoints = "file://here"', "cluster.checkpoints: 'file://here' is no place"),
        ('head = "a:1"\ncheckpoints = "s3://b"\nlost_after_s = 0.1', "cluster.lost_after_s: 0.1 is out of"),
    ],
)
def test_a_fault_of_the_cluster_names_its_key(tmp_path: Path, table: str, fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_node(written(tmp_path, f"[cluster]\n{table}\n"))
    assert any(fault in line for line in raised.value.faults)
