"""What can be set: frozen dataclasses, one for each TOML table. A field added here can be set at once.

A field without a default must be given. `Within` bounds a number, both ends included; units are in names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from signalnode.names import DEFAULT_ENDPOINT, GATEWAY_PREFIX, RECORDINGS, asset_of, scores_path
from signalnode.settings.bounds import Within
from signalnode.settings.cluster import GRANT_MAX, ClusterSettings, ShardSettings
from signalnode.settings.watching import AlertSettings, PanelSettings

FeedKind = Literal["capture", "live", "recording", "synthetic"]
RecordKind = Literal["raw", "events"]

AGGREGATOR_HEARTBEAT_S = 1.0
MARKETS_MAX = 1_000  # of one node; each is a process
CPUS_MAX = 1_024  # cpu_set_t of sched_setaffinity(2)
SOURCES_MAX = 1_024  # aggregators that one may listen to; two sockets' connections each
HORIZONS_MAX = 8  # within which outcomes are learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """`[engine]`: pace of every engine process."""

    # Time from one score to the next, while they move; ten a second is as fast as a person or a minute bar
    # needs. The first event after such a time without any does not wait for it.
    publish_interval_ms: Annotated[int, Within(1, 60_000)] = 100
    # Longest silence of a healthy engine; the wire contract allows no more than a second.
    heartbeat_interval_ms: Annotated[int, Within(10, 1_000)] = 1_000
    # The most that a kill -9 can cost, in market time.
    checkpoint_interval_ms: Annotated[int, Within(10, 3_600_000)] = 1_000
    # Messages a slow subscriber may lag behind before it loses some (ZeroMQ SNDHWM).
    send_queue_max: Annotated[int, Within(1, 1_000_000)] = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorSettings:
    """`[aggregator]`: the Layer 5 process."""

    # Where everything is re-published. Loopback, or anywhere with `keys_dir`.
    endpoint: str = DEFAULT_ENDPOINT
    # CURVE keys: without them nothing listens beyond this machine.
    keys_dir: Path | None = None
    # Messages of full streams (`sources`) that may wait here (ZeroMQ RCVHWM): 25 s of a market at ten a
    # second, about 9 kB each, for ZeroMQ keeps the buffers that they came in. An engine's wait in its stream,
    # and then at the engine.
    receive_queue_max: Annotated[int, Within(1, 1_000_000)] = 256
    # A score is under 1 kB; anything near this is not ours.
    message_bytes_max: Annotated[int, Within(1_024, 16_777_216)] = 65_536
    # Messages one subscriber may lag behind before it loses some (ZeroMQ SNDHWM); about 0.4 kB each.
    send_queue_max: Annotated[int, Within(1, 1_000_000)] = 10_000
    # Scores of each market kept to be sent again to who missed them: six seconds at ten a second.
    ring_messages_max: Annotated[int, Within(1, 100_000)] = 64
    # Time between two views, which is how often strategies are asked.
    view_interval_ms: Annotated[int, Within(10, 60_000)] = 250
    # No message for this long and a market counts as silent: three heartbeats.
    silent_after_s: Annotated[float, Within(0.1, 3_600.0)] = 3.0
    # A market heard again after an outage is left alone for as long as that took, and no longer than this:
    # the gap stands in its scores as a jump until they have forgotten it.
    settle_s: Annotated[float, Within(0.0, 3_600.0)] = 30.0
    # Grid on which returns and scores of all markets are compared.
    measure_step_ms: Annotated[int, Within(10, 60_000)] = 1_000
    # How fast correlation and lead forget.
    correlation_half_life_s: Annotated[float, Within(1.0, 604_800.0)] = 300.0
    # How fast the regime and the breadth forget.
    regime_half_life_s: Annotated[float, Within(0.1, 604_800.0)] = 30.0
    # Leads are looked for up to this many steps in both directions.
    lag_steps_max: Annotated[int, Within(0, 60)] = 5
    # Where couples of markets are related: "joined" in this process, exactly; "apart" in one of its own,
    # which of each market tells the strongest others; "auto" is apart beyond 200 markets, and with sources.
    relations: Literal["auto", "joined", "apart"] = "auto"
    # A larger return within one step is a break in the data (a replay that starts over), not a move.
    return_max: Annotated[float, Within(0.0001, 10.0)] = 0.05
    # Within these times the outcomes of scores are learnt: what each was followed by.
    outcome_horizons_s: tuple[Annotated[float, Within(0.1, 3_600.0)], ...] = (5.0, 30.0)
    # How fast they forget; half a day, so that a market's habits of the hour do not pass for all of it.
    outcome_half_life_s: Annotated[float, Within(60.0, 6_048_000.0)] = 43_200.0
    # Time a strategy may take for one view before it loses its turn.
    strategy_budget_ms: Annotated[float, Within(1.0, 10_000.0)] = 50.0
    # Other aggregators whose markets stand on this board as well: an endpoint, and behind a space the public
    # key of its node where that is not this node's own.
    sources: tuple[str, ...] = ()
    # The same in a file, one a line; it is looked at ten times a second, so that no reload is needed.
    sources_file: Path | None = None
    # Nothing from a source for so long, and its markets leave the board; until then they are silent.
    source_gone_s: Annotated[float, Within(1.0, 6_048_000.0)] = 3_600.0
    # The journal of decisions: bytes of one file, and how many are kept.
    journal_bytes_max: Annotated[int, Within(65_536, 1_073_741_824)] = 16_777_216
    journal_files_max: Annotated[int, Within(2, 10_000)] = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSettings:
    """`[supervisor]`: restart and stop policy of every child, and what one engine may use."""

    # When an engine that ended is started again. A recording that has come to its end exits with 0 and has
    # done its work, so not then. One that is ended by a signal, also by a SIGTERM that did not come from the
    # node, has not, and is started again: only `signalnode stop` keeps a market down. The aggregator is
    # started again whatever happens.
    restart: Literal["always", "on-failure", "never"] = "on-failure"
    # Failures within `period_s` after which one child is given up; the others go on.
    intensity: Annotated[int, Within(1, 1_000)] = 5
    period_s: Annotated[float, Within(0.1, 86_400.0)] = 60.0
    # The first restart is at once: a trader waits for it.
    backoff_initial_s: Annotated[float, Within(0.0, 3_600.0)] = 0.0
    backoff_max_s: Annotated[float, Within(0.01, 3_600.0)] = 30.0
    # Up for this long, earlier failures are forgotten and the next restart is at once again.
    stable_s: Annotated[float, Within(0.0, 86_400.0)] = 60.0
    # A given-up child gets one try this often, for the cause may have gone by itself; 0 = never.
    retry_s: Annotated[float, Within(0.0, 86_400.0)] = 300.0
    # A first start compiles the kernel: ten seconds on a small machine, more on a busy one. A start that
    # reports progress, as a first decoding does, has it anew with each step, for up to an hour in all.
    start_timeout_s: Annotated[float, Within(0.1, 3_600.0)] = 120.0
    # From SIGTERM to SIGKILL.
    stop_grace_s: Annotated[float, Within(0.1, 600.0)] = 5.0
    # Heartbeats missed before a child counts as hung.
    heartbeats_missed_max: Annotated[int, Within(1, 1_000)] = 3
    # When the supervisor is killed: end every child at once, or let them work until the next one adopts them.
    on_supervisor_death: Literal["terminate", "keep"] = "terminate"
    # Users of this group may ask the running node, for all that its own user may; none = that user and root.
    control_group: str | None = None
    # Memory of one engine, beyond what it shares with all; 0 = no cap. It works with about 5 MB of its own:
    # this is for a leak, so that one engine fails before the machine does.
    memory_mb_max: Annotated[int, Within(0, 1_048_576)] = 1_024
    # Niceness of an engine above the supervisor's own. Above 0 it gives way to the aggregator.
    nice: Annotated[int, Within(0, 19)] = 0
    # CPU numbers an engine may run on; none = all that the supervisor may.
    cpus: tuple[Annotated[int, Within(0, CPUS_MAX - 1)], ...] = ()
    # Files one engine may have open; 0 = as many as the supervisor. It needs about 20.
    files_max: Annotated[int, Within(0, 1_048_576)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """`[limits]` of a market file: what this one engine may use. Left out: as in `[supervisor]`."""

    memory_mb_max: Annotated[int, Within(0, 1_048_576)] | None = None
    nice: Annotated[int, Within(0, 19)] | None = None
    cpus: tuple[Annotated[int, Within(0, CPUS_MAX - 1)], ...] | None = None
    files_max: Annotated[int, Within(0, 1_048_576)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """`[feed]` of a market file: where its events come from. `FEED_KEYS`: which keys go with which kind."""

    kind: FeedKind
    # Whose frames a capture holds, or who is listened to.
    venue: str = ""
    # Live: one process holds a venue's connections for all its markets, or one for this market alone.
    gateway: Literal["shared", "own"] = "shared"
    # What the market is called in the files or at the venue, where that is not its name: ETHUSDT, say.
    symbol: str = ""
    # Files, played one after the other.
    paths: tuple[Path, ...] = ()
    # Times real time; 0 = as fast as possible.
    speed: Annotated[float, Within(0.0, 1e6)] = 1.0
    # Start over at the end, with the time carried on.
    loop: bool = False
    # The same seed gives the same market.
    seed: Annotated[int, Within(0, 2**63 - 1)] = 1
    events_per_s: Annotated[float, Within(0.01, 1e6)] = 50.0
    # Synthetic: where its price starts, in quote currency.
    price: Annotated[float, Within(1e-6, 1e9)] = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """`[record]`: what is kept of every market, by a process of its own; a market's own may say otherwise."""

    # Frames as they came, with all that replays the scores bit for bit. 300 MB a day of a busy market with
    # its book, so nobody records by accident.
    raw: bool = False
    # Events as Parquet, which any tool reads: less to keep, and to read, than frames.
    events: bool = False
    # Where to; none = `recordings` in `state_dir`.
    folder: Path | None = None
    # Of all recordings: beyond it the oldest finished hour is deleted. A week of ten busy markets.
    bytes_max: Annotated[int, Within(10_000_000, 10**18)] = 20_000_000_000
    # Left free on that disk: below it nothing is recorded, for a full disk stops more than recordings.
    free_bytes_min: Annotated[int, Within(0, 10**18)] = 1_000_000_000
    # What an engine may be ahead of the recorder, in a file beside its checkpoint: half a minute of a very
    # busy market, while a killed recorder is back within seconds.
    pipe_bytes_max: Annotated[int, Within(65_536, 1 << 30)] = 8_388_608


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRecordSettings:
    """`[record]` of a market file: what is kept of this one. Left out: as in the node's `[record]`."""

    raw: bool | None = None
    events: bool | None = None


# The register of venues; each has its decoder in the file of its name in signalnode/feeds/venues/.
VENUE_NAMES = (
    "binance",
    "binance_coinm",
    "binance_usdm",
    "bitstamp",
    "bybit",
    "ccxt",
    "coinbase",
    "deribit",
    "dydx",
    "gemini",
    "hyperliquid",
    "kraken",
    "kraken_futures",
    "okx",
)

# Any other exchange is heard by ccxt, an extra: `ccxt-kucoin` is its `kucoin`.
CCXT = "ccxt"
_CCXT_VENUE = re.compile(r"ccxt-([a-z0-9]{2,32})")

# Those of them that can be heard live; each has its words in the file of its name in feeds/live/sessions/.
LIVE_VENUES = (
    "dydx",
    "binance",
    "binance_coinm",
    "binance_usdm",
    "coinbase",
    "kraken",
    "bybit",
    "okx",
    "hyperliquid",
    "gemini",
    "deribit",
    "kraken_futures",
    "bitstamp",
)


def ccxt_exchange(venue: str) -> str:
    """What ccxt calls the exchange of a venue that is heard by it; "" for any other."""
    match = _CCXT_VENUE.fullmatch(venue)
    return match[1] if match else ""


def is_live_venue(venue: str) -> bool:
    """Whether a venue can be heard live."""
    return venue in LIVE_VENUES or bool(ccxt_exchange(venue))


def frames_of(venue: str) -> str:
    """Whose frames a venue's are, as in VENUE_NAMES."""
    return CCXT if ccxt_exchange(venue) else venue


# By kind: the keys that must be given, and those that may be.
FEED_KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "capture": (frozenset({"venue", "paths"}), frozenset({"symbol", "speed", "loop"})),
    "live": (frozenset({"venue"}), frozenset({"symbol", "gateway"})),
    "recording": (frozenset({"paths"}), frozenset({"symbol", "speed", "loop"})),
    "synthetic": (frozenset(), frozenset({"speed", "seed", "events_per_s", "price"})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """`[venues.<venue>]`: another address of a venue, such as its testnet."""

    # Its WebSocket: wss://, or ws:// on this machine. Left out: the venue's own.
    ws_url: str = ""
    # Its REST: https://, or http:// on this machine.
    rest_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """One market file: one market, one process."""

    market: str
    feed: FeedSettings
    # What it quotes: its price is compared with that of every other market of the same. Left out: the part of
    # its name before the first `-`.
    asset: str = ""
    # `[signals]`: this market's own parameters; `extra` lists signals of the user's own as "file.py:name".
    signals: dict[str, object] = field(default_factory=dict)
    # `[limits]`: what its process may use, where that is not as in `[supervisor]`.
    limits: LimitSettings = LimitSettings()
    # `[record]`: what is kept of it, where that is not as in the node's.
    record: MarketRecordSettings = MarketRecordSettings()
    # Written by a cluster alone: the high part of this market's epochs; 0 = on a single machine.
    grant: Annotated[int, Within(0, GRANT_MAX)] = 0
    # The file it came from, for error lines.
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """The whole config: `signalnode.toml` and the market files beside it. Paths are absolute."""

    # Sockets and locks; nothing in it outlives the node.
    runtime_dir: Path = Path("../run")
    # Checkpoints, decoded recordings, logs; deleting it costs the warm-up.
    state_dir: Path = Path("../state")
    # One TOML file a market.
    markets_dir: Path = Path("markets")
    engine: EngineSettings = EngineSettings()
    aggregator: AggregatorSettings = AggregatorSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    panel: PanelSettings = field(default_factory=PanelSettings)
    record: RecordSettings = RecordSettings()
    alerts: AlertSettings = field(default_factory=AlertSettings)
    # Where these markets run on many machines; none = on this one.
    cluster: ClusterSettings | None = None
    # Where this node is a part of such a cluster, which made its config.
    shard: ShardSettings | None = None
    # `[strategies.<name>]`: parameters of Layer 5, by strategy.
    strategies: dict[str, object] = field(default_factory=dict)
    # `[venues.<venue>]`: other addresses, by venue.
    venues: dict[str, object] = field(default_factory=dict)
    markets: dict[str, MarketSettings] = field(default_factory=dict)  # by name, in name order
    path: Path | None = None

    @property
    def assets(self) -> dict[str, str]:
        """What each market quotes, by its config or its name."""
        return {name: each.asset or asset_of(name) for name, each in self.markets.items()}

    @property
    def has_sources(self) -> bool:
        """Whether other aggregators are heard, so that it can do without markets of its own."""
        return bool(self.aggregator.sources or self.aggregator.sources_file)

    def scores_path(self, market: str) -> Path:
        """The socket one engine publishes on."""
        return scores_path(self.runtime_dir, market)

    def lock_path_of(self, name: str) -> Path:
        """The lock that an engine, or the aggregator, holds from before it binds until it is gone: a second
        bind on one ipc path does not fail in ZeroMQ, it steals the path.
        """
        return self.runtime_dir / f"{name}.lock"

    def market_state_dir(self, market: str) -> Path:
        """Checkpoint, epoch and decoded feed of one market."""
        return self.state_dir / market

    @property
    def recordings_dir(self) -> Path:
        """Where recordings are."""
        return self.record.folder or self.state_dir / RECORDINGS

    def is_recorded_without_frames(self, market: str) -> bool:
        """Whether frames are asked for of a market that has none."""
        own = self.markets[market].record.raw
        return self.markets[market].feed.kind != "live" and (self.record.raw if own is None else own)

    def recorded_kinds(self, market: str) -> tuple[RecordKind, ...]:
        """What is kept of a market; there are raw frames of live ones alone."""
        own = self.markets[market].record
        raw = self.record.raw if own.raw is None else own.raw
        events = self.record.events if own.events is None else own.events
        if self.is_recorded_without_frames(market):
            raw, events = False, True
        kinds: dict[RecordKind, bool] = {"raw": raw, "events": events}
        return tuple(kind for kind, is_kept in kinds.items() if is_kept)

    @property
    def standing_path(self) -> Path:
        """Where the supervisor says how each child stands."""
        return self.runtime_dir / "standing.json"

    @property
    def control_path(self) -> Path:
        """The socket on which the running node takes requests."""
        return self.runtime_dir / "control.sock"


def gateway_of(market: MarketSettings) -> str:
    """The child that holds a live market's connection; "" for a market that needs none."""
    if market.feed.kind != "live":
        return ""
    return GATEWAY_PREFIX + (market.market if market.feed.gateway == "own" else market.feed.venue)
