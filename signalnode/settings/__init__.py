"""Frozen settings, each with unit, range, default and why; the only reader of config files and environment.

`model` says what there is, `watching` that of what watches a node, `cluster` that of many machines,
`reading` turns one TOML table into one of those and lists every fault,
`loading` puts the files together and checks what spans several of them,
`arguments` hands checked settings to a child.
"""

from signalnode.settings.arguments import (
    aggregator_args,
    alerts_args,
    engine_args,
    gateway_args,
    node_of,
    panel_args,
    recorder_args,
    write_snapshot,
)
from signalnode.settings.cluster import ClusterSettings, ShardSettings
from signalnode.settings.environment import (
    cache_root,
    config_found,
    user_state_dir,
    user_units_dir,
)
from signalnode.settings.loading import find_node, load_node, market_names_of, names_of
from signalnode.settings.model import (
    FEED_KEYS,
    LIVE_VENUES,
    VENUE_NAMES,
    AggregatorSettings,
    EngineSettings,
    FeedKind,
    FeedSettings,
    LimitSettings,
    MarketRecordSettings,
    MarketSettings,
    NodeSettings,
    RecordSettings,
    SupervisorSettings,
    VenueSettings,
    ccxt_exchange,
    frames_of,
    gateway_of,
    is_live_venue,
)
from signalnode.settings.watching import AlertSettings, PanelSettings

__all__ = [
    "FEED_KEYS",
    "LIVE_VENUES",
    "VENUE_NAMES",
    "AggregatorSettings",
    "AlertSettings",
    "ClusterSettings",
    "EngineSettings",
    "FeedKind",
    "FeedSettings",
    "LimitSettings",
    "MarketRecordSettings",
    "MarketSettings",
    "NodeSettings",
    "PanelSettings",
    "RecordSettings",
    "ShardSettings",
    "SupervisorSettings",
    "VenueSettings",
    "aggregator_args",
    "alerts_args",
    "cache_root",
    "ccxt_exchange",
    "config_found",
    "engine_args",
    "find_node",
    "frames_of",
    "gateway_args",
    "gateway_of",
    "is_live_venue",
    "load_node",
    "market_names_of",
    "names_of",
    "node_of",
    "panel_args",
    "recorder_args",
    "user_state_dir",
    "user_units_dir",
    "write_snapshot",
]
