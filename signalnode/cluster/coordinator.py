"""What runs where, decided: events with a time in, commands out. It sees no clock, no socket and no Ray.

The shell around it gives each event to `step` with the monotonic time of the head, carries the commands out
in their order, and gives Tick when `next_deadline_ns` has come.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from signalnode.cluster.messages import Command, Event
from signalnode.cluster.placement import Limits

REPORT_S = 0.5  # from one Report of a shard to the next
GRANT_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Of `[cluster]`, and what venues bear. A shard without a Report for `lost_after_s` is lost; a new
    coordinator listens for `listen_s` before it plans, unless all whom it remembers have reported.
    """

    limits: Limits
    lost_after_s: float = 1.5
    standby_shards: int = 1
    hosts_min: int = 1
    listen_s: float = 5.0
    venues: dict[str, str] = field(default_factory=dict)


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


class Coordinator:
    """The machine. One event at a time."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def step(self, event: Event, now_ns: int) -> list[Command]:
        """What is to be done now."""
        raise NotImplementedError

    def next_deadline_ns(self) -> int | None:
        """When Tick is due; None where only events matter."""
        raise NotImplementedError

    def status(self, now_ns: int) -> Status:
        """How everything stands."""
        raise NotImplementedError
