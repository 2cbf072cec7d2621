"""How a cluster stands: what `cluster status` shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host for `cluster status`. `age_s`: since it was heard of."""

    host: str
    address: str
    state: str  # up, draining, lost
    age_s: float
    shards: tuple[str, ...]
    markets: int


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A shard for `cluster status`. `age_s`: of its last report."""

    shard: str
    host: str
    state: str  # of `lifecycle.ShardState`
    start: int
    age_s: float | None
    markets: dict[str, int]  # grant by market
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """All that `cluster status` shows."""

    term: int
    phase: str  # listening, at work, ending
    hosts: tuple[HostRow, ...]
    shards: tuple[ShardRow, ...]
    unplaced: dict[str, str]  # why, by market
    moving: tuple[str, ...]  # markets with two holders
