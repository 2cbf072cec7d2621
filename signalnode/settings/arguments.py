"""What a child process is called with: a link to its supervisor, and settings that were checked.

So a file that is broken later stops no restart.

An engine's hold its own settings: a spec then differs just when they differ, which is what `reload` compares.
The aggregator knows every market, so it gets the path of a snapshot, which each `reload` replaces.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from signalnode.errors import ConfigError
from signalnode.files import replace_file
from signalnode.settings.loading import load_node, restore
from signalnode.settings.model import AggregatorSettings, MarketRecordSettings, NodeSettings, RecordSettings
from signalnode.settings.reading import ConfigFaults

ENGINES_OWN = ("runtime_dir", "state_dir", "markets_dir", "engine", "record", "markets", "path")


class Link(Protocol):
    """What the supervisor gives a child, to be heard by. `relieves`: pid of the process that goes on until
    this one is ready, None where there is none.
    """

    relieves: int | None

    def ready(self, **facts: Any) -> None:
        """Once: it is up. Facts are shown in `status`."""

    def beat(self, **facts: Any) -> None:
        """From the work loop, at least every heartbeat interval; never blocks, never raises."""


def engine_args(node: NodeSettings, market: str) -> dict[str, Any]:
    """Arguments of one engine: `config`, `market`, and `settings` with this market alone. JSON-able.

    The tables that are not an engine's own are left out: when they change, it does not, and it need not read
    their defaults either.
    """
    kinds = node.recorded_kinds(market)
    alone = NodeSettings(
        runtime_dir=node.runtime_dir,
        state_dir=node.state_dir,
        markets_dir=node.markets_dir,
        engine=node.engine,
        record=RecordSettings(
            raw="raw" in kinds, events="events" in kinds, pipe_bytes_max=node.record.pipe_bytes_max
        ),
        markets={market: dataclasses.replace(node.markets[market], record=MarketRecordSettings())},
        path=node.path,
    )
    table = as_table(alone)
    return {"config": str(node.path), "market": market, "settings": {key: table[key] for key in ENGINES_OWN}}


def gateway_args(
    node: NodeSettings, gateway: str, venue: str, *, ws_url: str, rest_url: str
) -> dict[str, Any]:
    """Arguments of a gateway, with the addresses of its venue. JSON-able; no market is among them."""
    urls = {"ws_url": ws_url, "rest_url": rest_url}
    return {"gateway": gateway, "venue": venue, **urls, "runtime_dir": str(node.runtime_dir)}


def aggregator_args(node: NodeSettings) -> dict[str, Any]:
    """Arguments of the aggregator: `config` names the snapshot, to be read again at SIGHUP. JSON-able.

    Its sources are not among them: it takes others without being restarted.
    """
    aggregator = dataclasses.replace(node.aggregator, sources=(), sources_file=None)
    unchanging = dataclasses.replace(node, markets={}, aggregator=aggregator)
    return {"config": str(snapshot_path(node)), "aggregator": as_table(unchanging)["aggregator"]}


def recorder_args(node: NodeSettings) -> dict[str, Any]:
    """Arguments of the recorder: `config`, and `settings` with its own and where the node is. JSON-able; no
    market is among them.
    """
    alone = NodeSettings(
        runtime_dir=node.runtime_dir,
        state_dir=node.state_dir,
        markets_dir=node.markets_dir,
        record=node.record,
        path=node.path,
    )
    return {"config": str(node.path), "settings": as_table(alone)}


def panel_args(node: NodeSettings) -> dict[str, Any]:
    """Arguments of the panel: `config`, and `settings` with its own and where the node is. JSON-able."""
    return _listener_args(node, panel=node.panel)


def alerts_args(node: NodeSettings) -> dict[str, Any]:
    """Arguments of the process that sends alerts, as those of the panel. JSON-able."""
    return _listener_args(node, alerts=node.alerts)


def _listener_args(node: NodeSettings, **own: Any) -> dict[str, Any]:
    """Of a process that listens to the node: its own table, and where the node is."""
    alone = NodeSettings(
        runtime_dir=node.runtime_dir,
        state_dir=node.state_dir,
        markets_dir=node.markets_dir,
        aggregator=AggregatorSettings(endpoint=node.aggregator.endpoint, keys_dir=node.aggregator.keys_dir),
        path=node.path,
        **own,
    )
    return {"config": str(node.path), "settings": as_table(alone)}


def node_of(args: Mapping[str, Any]) -> NodeSettings:
    """The settings a child was given: `args["settings"]` where there is one, else read from `args["config"]`.

    Raises ConfigError.
    """
    if "settings" not in args:
        return load_node(Path(args["config"]))
    faults = ConfigFaults()
    node = restore(dict(args["settings"]), Path(args["config"]), faults)
    if node is None:
        raise ConfigError(faults.lines)
    return node


def snapshot_path(node: NodeSettings) -> Path:
    """Where the settings that the node runs on are written down."""
    return node.runtime_dir / "settings.json"


def write_snapshot(node: NodeSettings) -> Path:
    """Write all settings to `runtime_dir/settings.json`, whole or not at all, mode 0600; return the path."""
    path = snapshot_path(node)
    replace_file(path, json.dumps(as_table(node)).encode())
    return path


def as_table(node: NodeSettings) -> dict[str, Any]:
    """Settings as JSON-able tables, the form `node_of` and `load_node` read back."""
    table = _plain(node)
    markets = {
        name: [str(market.path) if market.path else None, _plain(market)]
        for name, market in node.markets.items()
    }
    return {**table, "markets": markets, "path": str(node.path) if node.path else None}


def _plain(settings: Any) -> dict[str, Any]:
    """Fields of one dataclass by name; what is unset (None) is left out, as in TOML."""
    table: dict[str, Any] = {}
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        if each.name in ("markets", "path") or value is None:
            continue
        if dataclasses.is_dataclass(value):
            table[each.name] = _plain(value)
        elif isinstance(value, tuple):
            table[each.name] = [str(item) if isinstance(item, Path) else item for item in value]
        else:
            table[each.name] = str(value) if isinstance(value, Path) else value
    return table
