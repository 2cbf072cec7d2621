"""How a cluster stands: what `cluster status` shows, and what is meant by a host's name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from signalnode.bus.cluster import NAMED_MAX, TOLD_MAX, ClusterState, HostState, PlaceState, ShardState
from signalnode.errors import RequestError

LOST, UP = "lost", "up"
HOSTS_LOST_MAX = 100  # that are remembered
HOSTS_NAMED_MAX = 10  # in one line
HOST_CHARS = 8  # of the name that Ray gives a host: 56 of them
WHY_CHARS_MAX = 200
CLOCK_OFF_S = 4.0  # subscribers drop scores of 5 s; a report may take a second, not four


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host for `cluster status`. `age_s`: since it came, or since it was lost."""

    host: str
    address: str
    state: str  # up, draining, lost
    age_s: float
    shards: tuple[str, ...]
    markets: int


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A shard for `cluster status`. `age_s`: of its last report.

    `unshipped` says why its checkpoints are not in the store, "" where they are; `ready` is how many of its
    markets give scores; `endpoint` is its aggregator's, `release` that of signalnode on its host.
    """

    shard: str
    host: str
    state: str  # of `lifecycle.ShardState`
    start: int
    age_s: float | None
    markets: dict[str, int]  # grant by market
    fault: str = ""
    version: str = ""
    unshipped: str = ""
    endpoint: str = ""
    ready: int = 0
    release: str = ""
    ahead_s: float = 0.0  # of the head's clock its host's, as well as a report tells


@dataclass(frozen=True, slots=True)
class Layer5Row:
    """Where Layer 5 runs: what subscribers hear. `age_s`: since it was heard of.

    `unshipped` says why what it has learnt is not in the store, "" where it is.
    """

    host: str
    endpoint: str
    state: str  # up, starting
    age_s: float | None
    sources: int  # shards that it listens to
    unshipped: str = ""
    deaf_to: int = 0  # of them it has not heard so many for some time


@dataclass(frozen=True, slots=True)
class Status:
    """All that `cluster status` shows. `wanted`: how many markets are to run; `hosts_wanted`: hosts that have
    to be there before the first of them is placed, 0 where they are; `moved`: markets that were handed from
    one shard to another in this term.
    """

    term: int
    phase: str  # listening, at work, ending
    hosts: tuple[HostRow, ...]
    shards: tuple[ShardRow, ...]
    unplaced: dict[str, str]  # why, by market
    moving: tuple[str, ...]  # markets with two holders
    wanted: int = 0
    layer5: Layer5Row | None = None
    version: str = ""  # that shards are to run
    hosts_wanted: int = 0
    moved: int = 0

    @property
    def placed(self) -> int:
        """Markets that some shard has."""
        return len({market for shard in self.shards for market in shard.markets})

    @property
    def ready(self) -> int:
        """Markets that give scores where they belong."""
        return sum(shard.ready for shard in self.shards)

    @property
    def is_settled(self) -> bool:
        """Whether nothing moves or is rolled out, and each market gives scores or has no place though every
        shard is up.
        """
        is_coming = any(shard.state != UP for shard in self.shards)
        if any(shard.start and shard.version != self.version and not shard.fault for shard in self.shards):
            return False
        unplaced = 0 if is_coming or not self.shards else len(self.unplaced)
        return self.ready + unplaced >= self.wanted and not self.moving


def as_table(status: Status) -> dict[str, Any]:
    """Of plain values, for JSON."""
    table = dataclasses.asdict(status)
    return table | {"placed": status.placed, "ready": status.ready}


def told(status: Status) -> ClusterState:
    """As people are shown it, and views carry it: markets counted, hosts by their addresses."""
    addresses = {row.host: row.address for row in status.hosts}
    unplaced, moving = sorted(status.unplaced.items()), status.moving
    release = status.version.rpartition("+")[0]
    unshipped: dict[str, list[str]] = {}
    strange: dict[str, list[str]] = {}
    for row in status.shards[:TOLD_MAX]:
        if row.unshipped:
            unshipped.setdefault(row.unshipped[:WHY_CHARS_MAX], []).append(row.shard)
        if row.release and release and row.release != release:
            strange.setdefault(row.release[:WHY_CHARS_MAX], []).append(row.shard)
    if status.layer5 is not None and status.layer5.unshipped:
        unshipped.setdefault(status.layer5.unshipped[:WHY_CHARS_MAX], []).append("layer 5")
    return ClusterState(
        phase=status.phase,
        wanted=status.wanted,
        ready=status.ready,
        hosts=[_host_state(row) for row in status.hosts[:TOLD_MAX]],
        shards={row.shard: _shard_state(row, addresses) for row in status.shards[:TOLD_MAX]},
        layer5=None if status.layer5 is None else _place_state(status.layer5, addresses),
        unplaced={market: why[:WHY_CHARS_MAX] for market, why in unplaced[:NAMED_MAX]},
        unplaced_more=max(0, len(unplaced) - NAMED_MAX),
        moving=list(moving[:NAMED_MAX]),
        moving_more=max(0, len(moving) - NAMED_MAX),
        unshipped=unshipped,
        release=release,
        strange=strange,
        clocks={
            addresses.get(row.host, row.host[:HOST_CHARS]): round(row.ahead_s, 1)
            for row in status.shards[:TOLD_MAX]
            if row.state == UP and abs(row.ahead_s) >= CLOCK_OFF_S
        },
        hosts_wanted=status.hosts_wanted,
        moved=status.moved,
    )


def _host_state(row: HostRow) -> HostState:
    name, age_s = row.host[:HOST_CHARS], max(0.0, row.age_s)
    shards = list(row.shards)
    return HostState(
        address=row.address, name=name, state=row.state, age_s=age_s, shards=shards, markets=row.markets
    )


def _shard_state(row: ShardRow, addresses: Mapping[str, str]) -> ShardState:
    grants = row.markets.values()
    return ShardState(
        host=addresses.get(row.host, row.host[:HOST_CHARS]),
        state=row.state,
        start=row.start,
        age_s=None if row.age_s is None else max(0.0, row.age_s),
        markets=len(grants),
        ready=row.ready,
        grants=sorted({min(grants), max(grants)}) if grants else [],
        fault=row.fault[:WHY_CHARS_MAX],
    )


def _place_state(row: Layer5Row, addresses: Mapping[str, str]) -> PlaceState:
    host = addresses.get(row.host, row.host[:HOST_CHARS])
    return PlaceState(
        host=host,
        endpoint=row.endpoint,
        state=row.state,
        sources=row.sources,
        age_s=row.age_s,
        deaf_to=row.deaf_to,
    )


def host_named(hosts: Iterable[HostRow], name: str) -> str:
    """The host that is meant by its address, its name or the beginning of that.

    Raises RequestError where it is none, or not one alone.
    """
    there = [row for row in hosts if row.state != LOST]
    exact = [row for row in there if name in (row.host, row.address)]
    found = exact or [row for row in there if name and row.host.startswith(name)]
    if len(found) == 1:
        return found[0].host
    known = ", ".join(f"{row.address} ({row.host[:8]})" for row in there[:HOSTS_NAMED_MAX]) or "none"
    more = f" and {len(there) - HOSTS_NAMED_MAX} more" if len(there) > HOSTS_NAMED_MAX else ""
    what = f"{len(found)} hosts are called {name!r}" if found else f"no host is called {name!r}"
    raise RequestError(f"{what}; there are: {known}{more}")
