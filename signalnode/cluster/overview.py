"""How a cluster stands: what `cluster status` shows, and what is meant by a host's name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from signalnode.errors import RequestError

LOST, UP = "lost", "up"
HOSTS_LOST_MAX = 100  # that are remembered
HOSTS_NAMED_MAX = 10  # in one line


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
    markets give scores; `endpoint` is its aggregator's.
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


@dataclass(frozen=True, slots=True)
class Layer5Row:
    """Where Layer 5 runs: what subscribers hear. `age_s`: since it was heard of."""

    host: str
    endpoint: str
    state: str  # up, starting
    age_s: float | None
    sources: int  # shards that it listens to


@dataclass(frozen=True, slots=True)
class Status:
    """All that `cluster status` shows. `wanted`: how many markets are to run."""

    term: int
    phase: str  # listening, at work, ending
    hosts: tuple[HostRow, ...]
    shards: tuple[ShardRow, ...]
    unplaced: dict[str, str]  # why, by market
    moving: tuple[str, ...]  # markets with two holders
    wanted: int = 0
    layer5: Layer5Row | None = None

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
        """Whether nothing moves, and each market gives scores or has no place though every shard is up."""
        is_coming = any(shard.state != UP for shard in self.shards)
        unplaced = 0 if is_coming or not self.shards else len(self.unplaced)
        return self.ready + unplaced >= self.wanted and not self.moving


def as_table(status: Status) -> dict[str, Any]:
    """Of plain values, for JSON."""
    table = dataclasses.asdict(status)
    return table | {"placed": status.placed, "ready": status.ready}


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
