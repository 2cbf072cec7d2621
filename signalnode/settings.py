"""Frozen settings, each with its unit, its default and why; the only reader of config files and environment."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

FeedKind = Literal["capture", "recording", "synthetic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """`[engine]`: pace of every engine process."""

    publish_interval_ms: int = 100  # shortest time between two scores; ten a second is as fast as a person or bar needs
    heartbeat_interval_ms: int = 1000  # longest silence of a healthy engine; the wire contract allows no more
    checkpoint_interval_ms: int = 1000  # most that a kill -9 can cost, in market time
    send_queue_max: int = 1000  # messages a slow subscriber may lag behind before it loses some (ZeroMQ SNDHWM)


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorSettings:
    """`[aggregator]`: the Layer 5 process."""

    endpoint: str = "tcp://127.0.0.1:7450"  # re-published messages; loopback unless keys are set
    receive_queue_max: int = 10_000  # messages one market may run ahead of us (ZeroMQ RCVHWM)
    message_bytes_max: int = 65_536  # a score is under 1 kB; anything near this is not ours


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSettings:
    """`[supervisor]`: restart and stop policy of every child."""

    intensity: int = 5  # failures within period_s after which one child is given up
    period_s: float = 60.0
    backoff_initial_s: float = 0.0  # the first restart is at once: a trader waits for it
    backoff_max_s: float = 30.0
    start_timeout_s: float = 120.0  # a first start compiles the kernel
    stop_grace_s: float = 5.0  # SIGTERM to SIGKILL
    heartbeats_missed_max: int = 3  # then a child counts as hung


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """`[feed]` of a market file: where its events come from."""

    kind: FeedKind
    venue: str = ""  # capture only: whose frames these are
    paths: tuple[Path, ...] = ()  # capture, recording: played one after the other
    speed: float = 1.0  # times real time; 0 = as fast as possible
    loop: bool = False  # start over at the end, with the time carried on
    seed: int = 1  # synthetic
    events_per_s: float = 50.0  # synthetic


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """One market file: one market, one process."""

    market: str
    feed: FeedSettings
    signals: dict[str, object] = field(default_factory=dict)  # `[signals]`: this market's own parameters
    path: Path | None = None  # the file it came from, for error lines


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """The whole config: `signalnode.toml` and the market files beside it. Paths are absolute."""

    runtime_dir: Path
    state_dir: Path
    markets_dir: Path
    engine: EngineSettings = EngineSettings()
    aggregator: AggregatorSettings = AggregatorSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    markets: dict[str, MarketSettings] = field(default_factory=dict)  # by name, in name order
    path: Path | None = None


def cache_root() -> Path:
    """Where compiled code is kept: systemd's CACHE_DIRECTORY, XDG_CACHE_HOME, or ~/.cache; created mode 0700.

    Falls back to a private directory under the system's temporary one when the home cannot be written.
    """
    explicit = os.environ.get("CACHE_DIRECTORY", "").split(":")[0]
    base = Path(explicit) if explicit else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = base if explicit else base / "signalnode"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        root = Path(tempfile.gettempdir()) / f"signalnode-{os.getuid()}"
        root.mkdir(mode=0o700, exist_ok=True)
    return root
