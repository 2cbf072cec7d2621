"""How a cluster stands, as its Layer 5's views carry it: the coordinator's word, and how old that is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Seconds = Annotated[float, Meta(ge=0)]

TOLD_MAX = 1_000  # hosts, and shards
NAMED_MAX = 20  # markets that find no place, and that move; the rest is counted


class HostState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A host. `age_s`: since it came, or since it was lost; `name` is the beginning of what Ray calls it."""

    address: str
    name: str
    state: str  # up, draining, lost
    age_s: _Seconds
    shards: list[str] = []
    markets: _Count = 0


class ShardState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A supervisor with its markets. `grants` are the lowest and the highest of those that it has."""

    host: str  # its address
    state: str  # asked, up, lost, ending
    start: _Count  # the grant of this start; 0 before it came up
    age_s: _Seconds | None = None  # since it was heard
    markets: _Count = 0
    ready: _Count = 0  # markets that give scores
    grants: list[_Count] = []
    fault: str = ""  # why its place is not fit


class PlaceState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where Layer 5 runs. `age_s`: since the coordinator heard of it."""

    host: str  # its address
    endpoint: str
    state: str
    sources: _Count = 0  # shards that it listens to
    deaf_to: _Count = 0  # of them it has not heard so many for some time
    age_s: _Seconds | None = None


class ClusterState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it. `age_s`: since the coordinator said so; while the head is away it grows."""

    phase: str  # listening, at work, ending
    age_s: _Seconds = 0.0
    wanted: _Count = 0
    ready: _Count = 0
    hosts: list[HostState] = []
    shards: dict[str, ShardState] = {}
    layer5: PlaceState | None = None
    unplaced: dict[str, str] = {}  # why, by market
    unplaced_more: _Count = 0
    moving: list[str] = []
    moving_more: _Count = 0
    unshipped: dict[str, list[str]] = {}  # shards whose checkpoints are not in the store, by why
    release: str = ""  # of signalnode, that `cluster up` was asked by
    strange: dict[str, list[str]] = {}  # shards on hosts with another, by that
    hosts_wanted: _Count = 0  # that have to join before the first market is placed; 0 once they have
    clocks: dict[str, float] = {}  # by host, by how many seconds its clock is ahead of the head's; far alone
    moved: _Count = 0  # markets handed from one shard to another, since the coordinator's start


class Told(msgspec.Struct, frozen=True):
    """What the file holds: how it stands, and when that was said, by the machine's monotonic clock."""

    cluster: ClusterState
    monotonic_ns: int


def aged(cluster: ClusterState, by_s: float) -> ClusterState:
    """The same word, so much later: every age has grown, its own too."""

    def grown(age_s: float | None) -> float | None:
        return None if age_s is None else age_s + by_s

    replace = msgspec.structs.replace
    return replace(
        cluster,
        age_s=cluster.age_s + by_s,
        hosts=[replace(each, age_s=each.age_s + by_s) for each in cluster.hosts],
        shards={name: replace(each, age_s=grown(each.age_s)) for name, each in cluster.shards.items()},
        layer5=cluster.layer5 and replace(cluster.layer5, age_s=grown(cluster.layer5.age_s)),
    )
