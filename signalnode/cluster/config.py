"""What `cluster up` reads on one machine and every shard runs on another: one object, and nodes made of it.

A made node is one file, replaced whole with each Assign: which markets it runs, and by which grants. So there
is never a market's file that somebody left behind. It is JSON, which `settings.load_node` takes as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signalnode.cluster.messages import Handed, Wanted
from signalnode.errors import ClusterError
from signalnode.settings import AlertSettings, NodeSettings, PanelSettings, RecordSettings, ShardSettings
from signalnode.settings.arguments import as_table
from signalnode.settings.loading import restore
from signalnode.settings.reading import ConfigFaults

CONFIG_BYTES_MAX = 33_554_432  # of all markets; one is below 1 kB
DIGEST_CHARS = 16
OF_SHARDS = ("engine", "supervisor", "venues", "aggregator", "record")  # tables; the others are Layer 5's
NO_STRATEGY = {"threshold": {"enabled": False}}  # no table at all would be every strategy


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterConfig:
    """The whole config as it was read, and what has to reach every host besides: CURVE keys, by file."""

    node: NodeSettings
    version: str  # of the code it was read by
    keys: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def build(self) -> str:
        """What a shard runs besides its markets: code and the node's tables. Another one is rolled out."""
        table = as_table(self.node)
        own = {key: table.get(key) for key in OF_SHARDS} | {"keys": dict(self.keys)}
        return f"{self.version}+{_digest(own)}"

    def wanted(self) -> dict[str, Wanted]:
        """Every market, for the coordinator."""
        tables = as_table(self.node)["markets"]
        return {
            name: Wanted(
                digest=_digest(tables[name][1]),
                venue=market.feed.venue if market.feed.kind == "live" else "",
                has_own_gateway=market.feed.gateway == "own",
            )
            for name, market in self.node.markets.items()
        }

    def encoded(self) -> bytes:
        """Raises ClusterError where it is too large."""
        table = {"node": as_table(self.node), "version": self.version, "keys": dict(self.keys)}
        content = json.dumps(table).encode()
        if len(content) > CONFIG_BYTES_MAX:
            raise ClusterError(f"the config has {len(content)} bytes, and {CONFIG_BYTES_MAX} is the most")
        return content

    @classmethod
    def decoded(cls, content: bytes) -> ClusterConfig:
        """Raises ClusterError for what another version wrote that this one cannot read."""
        faults = ConfigFaults()
        try:
            table = json.loads(content)
            node = restore(table["node"], Path("cluster"), faults)
            version, keys = table["version"], table["keys"]
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(f"the cluster's config cannot be read ({error}); run: cluster up") from None
        if node is None:
            raise ClusterError(f"the cluster's config is of another version: {'; '.join(faults.lines)}")
        return cls(node, version, keys)


def _digest(table: Mapping[str, Any]) -> str:
    text = json.dumps(table, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARS]


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """The directories of one start of a shard. `base` is the host's; what is there is of no other start."""

    base: Path
    shard: str
    start: int

    @property
    def root(self) -> Path:
        """All of it; other starts of the shard lie beside it."""
        return self.base / self.shard / str(self.start)

    @property
    def config(self) -> Path:
        """What the node runs on."""
        return self.root / "node.json"

    @property
    def keys(self) -> Path:
        """CURVE keys, the cluster's own."""
        return self.root / "keys"

    @property
    def sources(self) -> Path:
        """Of Layer 5: which aggregators it hears."""
        return self.root / "sources"

    @property
    def overview(self) -> Path:
        """Of Layer 5: how the whole cluster stands."""
        return self.root / "overview"

    @property
    def kept(self) -> Path:
        """Of Layer 5: what it has learnt and decided. It lies beside its starts, for the next one here."""
        return self.base / f"{self.shard}.state"

    @property
    def fencing(self) -> Path:
        """What this start may run no more."""
        return self.root / "fencing"


def shard_node(
    config: ClusterConfig, home: Home, endpoint: str, handed: Mapping[str, Handed]
) -> NodeSettings:
    """The node of one start of a shard: the cluster's settings, its own markets, and nothing of Layer 5.

    A market that the config no longer has is left out. Paths are absolute.
    """
    markets = {
        name: dataclasses.replace(config.node.markets[name], grant=each.grant)
        for name, each in sorted(handed.items())
        if name in config.node.markets
    }
    folder = config.node.record.folder or home.base / "recordings" / home.shard
    return _made(
        config,
        home,
        endpoint,
        markets=markets,
        strategies=dict(NO_STRATEGY),
        record=dataclasses.replace(config.node.record, folder=folder),
        panel=PanelSettings(endpoint=""),
        alerts=AlertSettings(),
    )


def layer5_node(config: ClusterConfig, home: Home, endpoint: str) -> NodeSettings:
    """The node of Layer 5: no market, and all that looks at markets: strategies, panel, alerts.

    What it has learnt and decided is there for the next one on this host; `learnt` brings it to others.
    """
    made = _made(config, home, endpoint, markets={}, record=RecordSettings())
    aggregator = dataclasses.replace(made.aggregator, sources=(), sources_file=home.sources)
    shard = ShardSettings(name=home.shard, grant=home.start, overview=home.overview)
    return dataclasses.replace(made, state_dir=home.kept, aggregator=aggregator, shard=shard)


def _made(config: ClusterConfig, home: Home, endpoint: str, **own: Any) -> NodeSettings:
    return dataclasses.replace(
        config.node,
        runtime_dir=home.root / "run",
        state_dir=home.root / "state",
        markets_dir=home.root,
        aggregator=dataclasses.replace(config.node.aggregator, endpoint=endpoint, keys_dir=home.keys),
        shard=ShardSettings(name=home.shard, grant=home.start),
        cluster=None,
        path=home.config,
        **own,
    )


def node_text(node: NodeSettings) -> bytes:
    """The file that `signalnode run --config` reads."""
    return json.dumps(as_table(node)).encode()
