"""What can be set of more than one machine, and what a cluster writes into the configs that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from signalnode.settings.bounds import Within

CLUSTER_MARKETS_MAX = 20_000  # of all shards together
# A grant is the high part of an epoch, and at least the second in which it was taken.
GRANT_MIN = 1 << 17  # as an epoch 2**33: above those of single machines, which are seconds, until 2242
GRANT_MAX = (1 << 37) - 1  # as an epoch below 2**53, which is exact where numbers are doubles


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """`[cluster]`: many machines that run the markets of this config together."""

    # Where the head listens, as host:port, for those that join.
    head: str
    # Where checkpoints go, so that a market that moves goes on warm: file:///DIRECTORY that all hosts share,
    # or s3://BUCKET/PREFIX and whatever else fsspec knows.
    checkpoints: str
    # Markets of one shard, which is one supervisor with its engines: what is lost at once, and moved at once.
    shard_markets_max: Annotated[int, Within(1, 1_000)] = 20
    # Shards more than the markets need, so that those of a lost host find room that is up already; with any,
    # each host also has so many that the others' have room for all markets without it.
    standby_shards: Annotated[int, Within(0, 100)] = 1
    # Hosts that must have joined before the first market is placed.
    hosts_min: Annotated[int, Within(1, 1_000)] = 1
    # Silence after which a host or a shard is lost, and its markets start elsewhere: three beats of half a
    # second. A busy network needs 3.
    lost_after_s: Annotated[float, Within(0.5, 60.0)] = 1.5
    # The most that the loss of a host can cost, in market time.
    ship_interval_s: Annotated[float, Within(0.2, 3_600.0)] = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSettings:
    """`[shard]`: made by a cluster. This node is a start of that shard, and may have no markets at all."""

    name: str
    # Of this start: the aggregator's epochs are made of it. Each market's own stands in its file.
    grant: Annotated[int, Within(GRANT_MIN, GRANT_MAX)]
    # Of Layer 5: the file that says how the whole cluster stands.
    overview: Path | None = None
