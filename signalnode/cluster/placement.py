"""Which market belongs where: a pure function of what there is. It moves nothing without need.

A market needs a place where it has none: it is new, its shard is lost, its host is drained, or its shard or
its host's address has more than may be. It goes where room is, first to the emptiest host, there to the
emptiest shard. What venues bear counts by the address of a host; each shard has gateways of its own, so
connections are counted by shard and added up by address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from signalnode.cluster.messages import Wanted


@dataclass(frozen=True, slots=True)
class Bound:
    """What a venue bears of one address: so many connections, of so many markets each. A market takes
    `routes` connections at once.
    """

    connections_max: int
    markets_max: int
    routes: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A shard that is up. `is_open`: it may have more markets; else what it has is to go elsewhere."""

    host: str
    address: str
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """`shard_markets_max` of the config, and what each venue bears; a venue that is not in it bears all."""

    shard_markets_max: int
    venues: Mapping[str, Bound] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Move:
    """A market that is to go to a shard; `origin` is the shard that has it now, "" where none has."""

    market: str
    to: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to move, and what finds no place, with the reason in words."""

    moves: tuple[Move, ...] = ()
    unplaced: Mapping[str, str] = field(default_factory=dict)


def plan(
    places: Mapping[str, Place],
    held: Mapping[str, str],
    wanted: Mapping[str, Wanted],
    limits: Limits,
    *,
    leaving: Mapping[str, str] | None = None,
    rebalance: bool = False,
) -> Plan:
    """The moves that are needed, and with `rebalance` those that make shards even.

    `places` are shards by name, `held` is the shard of each market that has one, be that lost or not;
    `leaving` is the shard that still runs a market which has moved, and takes room there until it lets go.
    """
    raise NotImplementedError


def shards_wanted(hosts: int, markets: int, shard_markets_max: int, standby_shards: int) -> int:
    """How many shards: one on each host, and enough for all markets with `standby_shards` to spare."""
    raise NotImplementedError
