"""The node's file and its market files put together, and what only shows when they are seen together."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from signalnode.errors import ConfigError
from signalnode.files import begins_as_parquet
from signalnode.names import (
    AGGREGATOR,
    DEFAULT_ENDPOINT,
    DEFAULT_PANEL,
    GATEWAY_PREFIX,
    aggregator_endpoint_fault,
    is_local,
    market_name_fault,
    panel_endpoint_fault,
    socket_path_fault,
)
from signalnode.settings.addresses import check_alerts, check_cluster, check_sources, check_venues
from signalnode.settings.cluster import CLUSTER_MARKETS_MAX
from signalnode.settings.environment import config_path
from signalnode.settings.model import (
    FEED_KEYS,
    HORIZONS_MAX,
    LIVE_VENUES,
    MARKETS_MAX,
    VENUE_NAMES,
    FeedSettings,
    MarketSettings,
    NodeSettings,
    frames_of,
    is_live_venue,
)
from signalnode.settings.reading import ConfigFaults, read_bytes, read_table, read_toml, shown

_DIRECTORY_KEYS = ("runtime_dir", "state_dir", "markets_dir")
_BUS_KEYS = ("endpoint", "keys_dir")  # of the aggregator
_HEADING = re.compile(r"\s*\[([\w-]+)\]\s*(#.*)?$")


def load_node(path: Path | None = None, *, with_markets: bool = True) -> NodeSettings:
    """Read, check and return the whole config.

    `path` is the TOML file (None: SIGNALNODE_CONFIG, else config/signalnode.toml), or a `.json` snapshot that
    `write_snapshot` made of settings checked before. Without markets their files are not looked at, so that a
    faulty one does not hide the running node. Raises ConfigError with every fault, one line each.
    """
    path = config_path(path)
    faults = ConfigFaults()
    node = _snapshot(path, faults) if path.suffix == ".json" else _node(path, with_markets, faults)
    if node is None or faults.lines:
        raise ConfigError(faults.lines)
    return node


def find_node(path: Path | None = None, *, bus: bool = False, recordings: bool = False) -> NodeSettings:
    """Settings good for finding a running node: its directories as far as the file gives them, else defaults;
    with `bus` also where it publishes, and by which keys, with `recordings` where those are.

    A fault elsewhere in it, even one of TOML's grammar, must not lock its owner out of a node that runs.
    Raises ConfigError where there is no file to read, or one of what is looked for is given wrongly.
    """
    path = config_path(path)
    faults = ConfigFaults()
    data = read_bytes(path, faults)
    if data is None:
        raise ConfigError(faults.lines)
    text = data.decode(errors="replace")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        table = _readable_lines(text)
    given: dict[str, Any] = {key: table[key] for key in _DIRECTORY_KEYS if key in table}
    aggregator = table.get("aggregator")
    if bus and isinstance(aggregator, dict):
        given["aggregator"] = {key: aggregator[key] for key in _BUS_KEYS if key in aggregator}
    record = table.get("record")
    if recordings and isinstance(record, dict) and isinstance(record.get("folder"), str):
        given["record"] = {"folder": record["folder"]}
    panel = table.get("panel")
    if bus and isinstance(panel, dict) and isinstance(panel.get("endpoint"), str):
        given["panel"] = {"endpoint": panel["endpoint"]}
    node = read_table(NodeSettings, given, path, "", faults)
    if node is not None and bus:
        _check_endpoint(node, path, faults)
    if node is None or faults.lines:
        raise ConfigError(faults.lines)
    return dataclasses.replace(node, path=path)


def _readable_lines(text: str) -> dict[str, Any]:
    """The keys of the file and of its tables, line by line, without the lines that are no TOML."""
    whole: dict[str, Any] = {}
    table = whole
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading:
            found = whole.setdefault(heading[1], {})
            table = found if isinstance(found, dict) else {}
        elif line.lstrip().startswith("["):  # what it would be is not known: not what is above it
            table = {}
        else:
            with contextlib.suppress(tomllib.TOMLDecodeError):
                table |= tomllib.loads(line)
    return whole


def market_names_of(node: NodeSettings) -> list[str]:
    """Markets by their files, which are not read: a faulty one has a name as well."""
    try:
        names = [file.stem for file in _market_files(node)]
    except OSError:
        return []
    return [name for name in names if market_name_fault(name) is None]


def names_of(node: NodeSettings) -> list[str]:
    """Markets, then the node's own: the aggregator, and those gateways that run."""
    gateways: list[str] = []
    with contextlib.suppress(OSError):
        gateways = sorted(path.stem for path in node.runtime_dir.glob(f"{GATEWAY_PREFIX}*.lock"))
    return [*market_names_of(node), AGGREGATOR, *gateways]


def _node(path: Path, with_markets: bool, faults: ConfigFaults) -> NodeSettings | None:
    table = read_toml(path, faults)
    if table is None:
        return None
    node = read_table(NodeSettings, table, path, "", faults)
    if node is None:
        # The market files are checked all the same: one look shows all there is to mend.
        node = _directories_alone(table, path)
    _check_endpoint(node, path, faults)
    _check_panel(node, path, faults)
    check_venues(node, path, faults)
    check_alerts(node.alerts, path, faults)
    check_cluster(node.cluster, path, faults)
    if not 1 <= len(node.aggregator.outcome_horizons_s) <= HORIZONS_MAX:
        faults.add(path, "aggregator.outcome_horizons_s", f"give it 1 to {HORIZONS_MAX} times, in seconds")
    check_sources(node.aggregator, path, faults)
    _check_socket_path(node.control_path, path, "runtime_dir", faults)
    markets = _markets(node, path, faults) if with_markets else {}
    return dataclasses.replace(node, markets=markets, path=path)


def _directories_alone(table: dict[str, Any], path: Path) -> NodeSettings:
    """Settings with the three directories as far as they are given, and nothing else."""
    given = {key: table[key] for key in _DIRECTORY_KEYS if isinstance(table.get(key), str)}
    read = read_table(NodeSettings, given, path, "", ConfigFaults()) or read_table(
        NodeSettings, {}, path, "", ConfigFaults()
    )
    assert read is not None
    return read


def _snapshot(path: Path, faults: ConfigFaults) -> NodeSettings | None:
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        faults.add(path, "", f"is no snapshot of settings ({error}); name the TOML file instead")
        return None
    return restore(table, path, faults)


def restore(table: dict[str, Any], path: Path, faults: ConfigFaults) -> NodeSettings | None:
    """Settings from what `arguments.as_table` made of them; files are not looked at again."""
    markets: dict[str, MarketSettings] = {}
    for name, (file, market_table) in table.pop("markets", {}).items():
        market = read_table(MarketSettings, market_table, Path(file or path), f"{name}.", faults)
        if market is not None:
            markets[name] = dataclasses.replace(market, path=Path(file) if file else None)
    source = table.pop("path", None)
    node = read_table(NodeSettings, table, Path(source or path), "", faults)
    if node is None or faults.lines:
        return None
    return dataclasses.replace(node, path=Path(source) if source else None, markets=markets)


def _market_files(node: NodeSettings) -> list[Path]:
    """In the order of their names, without what editors leave (`.#A.toml`, `.A.toml.swp`, `A.toml~`).

    Raises OSError.
    """
    files = [
        file
        for file in node.markets_dir.iterdir()
        if file.suffix == ".toml" and not file.name.startswith((".", "#", "~"))
    ]
    return sorted(files, key=lambda file: file.stem)


def _markets(node: NodeSettings, path: Path, faults: ConfigFaults) -> dict[str, MarketSettings]:
    try:
        files = _market_files(node)
    except OSError as error:
        faults.add(
            path, "markets_dir", f"{shown(node.markets_dir)} cannot be read ({error.strerror}); create it"
        )
        return {}
    if not files and node.shard is None and not node.has_sources:  # a cluster's standby waits for some
        faults.add(
            path, "markets_dir", f"no market in {shown(node.markets_dir)}; add a file like BTC-USDT.toml"
        )
    most = MARKETS_MAX if node.cluster is None else CLUSTER_MARKETS_MAX
    if len(files) > most:
        of = "node" if node.cluster is None else "cluster"
        faults.add(path, "markets_dir", f"{len(files)} markets are too many; a {of} takes {most}")
        return {}
    named: dict[str, Path] = {}
    markets: dict[str, MarketSettings] = {}
    for file in files:
        market = _market(file, node, named, faults)
        if market is not None:
            markets[market.market] = market
    return dict(sorted(markets.items()))


def _market(
    file: Path, node: NodeSettings, named: dict[str, Path], faults: ConfigFaults
) -> MarketSettings | None:
    table = read_toml(file, faults)
    if table is None:
        return None
    name = table.get("market")
    if isinstance(name, str):
        _check_name(name, file, node, named, faults)
    _check_signals(table, file, faults)
    market = read_table(MarketSettings, table, file, "", faults)
    if market is None:
        return None
    _check_feed(market.feed, table["feed"], file, faults)
    return dataclasses.replace(market, path=file, signals=_resolved(market.signals, file))


def _check_name(
    name: str, file: Path, node: NodeSettings, named: dict[str, Path], faults: ConfigFaults
) -> None:
    wrong = market_name_fault(name)
    if wrong:
        faults.add(file, "market", wrong)
    elif name in named:
        faults.add(
            file, "market", f"{name!r} is named in {shown(named[name])} too; delete one of the two files"
        )
    elif file.stem != name:
        faults.add(file, "market", f"{name!r} does not match the file's name; rename the file to {name}.toml")
    elif socket_path_fault(node.control_path) is None:  # else that one fault says it for all
        _check_socket_path(node.scores_path(name), file, "market", faults)
    named.setdefault(name, file)


def _check_socket_path(path: Path, file: Path, key: str, faults: ConfigFaults) -> None:
    fault = socket_path_fault(path)
    if fault:
        faults.add(file, key, fault)


def _check_feed(feed: FeedSettings, table: dict[str, Any], file: Path, faults: ConfigFaults) -> None:
    required, optional = FEED_KEYS[feed.kind]
    for key in sorted(set(table) - required - optional - {"kind"}):
        allowed = ", ".join(sorted(required | optional))
        faults.add(
            file, f"feed.{key}", f"does not apply to kind {feed.kind!r}; leave it out (these do: {allowed})"
        )
    for key in sorted(required):
        if not table.get(key):
            faults.add(file, f"feed.{key}", f"kind {feed.kind!r} needs it; add it")
    is_live = feed.kind == "live"
    is_known = is_live_venue(feed.venue) if is_live else frames_of(feed.venue) in VENUE_NAMES
    if "venue" in required and feed.venue and not is_known:
        venues = (*LIVE_VENUES, "ccxt-EXCHANGE") if is_live else VENUE_NAMES
        faults.add(file, "feed.venue", f"{feed.venue!r} is not known; use {', '.join(venues)}")
    seen: set[Path] = set()
    for recording in feed.paths if "paths" in required else ():
        if recording in seen:
            faults.add(file, "feed.paths", f"{shown(recording)} is listed twice; leave one out")
        elif not recording.is_file():
            faults.add(
                file,
                "feed.paths",
                f"there is no file {shown(recording)}; mend the path (it counts from {file.name})",
            )
        elif feed.kind == "recording" and begins_as_parquet(recording) is False:
            faults.add(
                file,
                "feed.paths",
                f"{shown(recording)} is no recording (Parquet): `signalnode import` makes one of tables; "
                "raw frames of a venue are of kind 'capture'",
            )
        elif feed.kind == "capture" and begins_as_parquet(recording):
            faults.add(
                file, "feed.paths", f"{shown(recording)} is Parquet, no capture; write kind 'recording'"
            )
        seen.add(recording)


def _check_signals(table: dict[str, Any], file: Path, faults: ConfigFaults) -> None:
    """`[signals]` holds numbers and `extra`; which names there are, the signals package knows and checks."""
    signals = table.get("signals", {})
    for key, value in signals.items() if isinstance(signals, dict) else ():
        if key == "extra":
            _check_extra(value, file, faults)
        elif isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            faults.add(file, f"signals.{key}", f"{value!r} is not a number; give it a finite number")


def _check_extra(value: object, file: Path, faults: ConfigFaults) -> None:
    if not isinstance(value, list) or not all(
        isinstance(item, str) and (":" in item or item.isidentifier()) for item in value
    ):
        faults.add(
            file, "signals.extra", 'is not a list of "file.py:name"; write it like ["my_signals.py:my_score"]'
        )
        return
    for item in value:
        source = file.parent / item.rpartition(":")[0]
        if source.suffix == ".py" and not source.is_file():
            faults.add(file, "signals.extra", f"there is no file {shown(source)}; mend the path")


def _resolved(signals: dict[str, object], file: Path) -> dict[str, object]:
    """`extra` with absolute paths; a part that is no `.py` file is the name of an installed module."""
    extra = signals.get("extra")
    if not isinstance(extra, list):
        return signals
    absolute = [
        str(file.parent / item) if item.rpartition(":")[0].endswith(".py") else item for item in extra
    ]
    return {**signals, "extra": absolute}


def _check_endpoint(node: NodeSettings, path: Path, faults: ConfigFaults) -> None:
    endpoint, key = node.aggregator.endpoint, "aggregator.endpoint"
    fault = aggregator_endpoint_fault(endpoint)
    if fault:
        faults.add(path, key, fault)
    elif not is_local(endpoint) and node.aggregator.keys_dir is None:
        mend = f"use {DEFAULT_ENDPOINT}, or set aggregator.keys_dir to your CURVE keys"
        faults.add(path, key, f"{endpoint} can be reached from other machines; {mend}")


def _check_panel(node: NodeSettings, path: Path, faults: ConfigFaults) -> None:
    panel, key = node.panel, "panel.endpoint"
    fault = panel_endpoint_fault(panel.endpoint) if panel.endpoint else None
    if fault:
        faults.add(path, key, fault)
    elif panel.endpoint and not is_local(f"tcp://{panel.endpoint}") and panel.token_file is None:
        mend = f"use {DEFAULT_PANEL}, or set panel.token_file"
        faults.add(path, key, f"{panel.endpoint} can be reached from other machines; {mend}")
    if panel.token_file is not None and not panel.token_file.is_file():
        what = f"there is no file {shown(panel.token_file)}; write a long random word into one"
        faults.add(path, "panel.token_file", what)
