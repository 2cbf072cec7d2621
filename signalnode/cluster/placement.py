"""Which market belongs where: a pure function of what there is. It moves nothing without need.

A market needs a place where it has none: it is new, its shard is lost, its host is drained, or its shard or
its host's address has more than may be. It goes where room is, first to the emptiest host, there to the
emptiest shard. What venues bear counts by the address of a host; each shard has gateways of its own, so
connections are counted by shard and added up by address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
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
    What ought to go and finds no place stays where it is, and is told as unplaced.
    """
    floor = _Floor(places, wanted, limits)
    for market, shard in sorted((leaving or {}).items()):
        floor.take(market, shard)
    for market in sorted(wanted):
        if (shard := held.get(market, "")) in places:
            floor.put(market, shard)
    moves: list[Move] = []
    unplaced: dict[str, str] = {}
    for market, origin in _homeless(floor, held, wanted):
        if to := floor.emptiest_for(market):
            floor.put(market, to, origin)
            moves.append(Move(market, to, origin))
        else:
            unplaced[market] = floor.why_not(market)
    if rebalance:
        settled = sorted(wanted.keys() - {move.market for move in moves} - (leaving or {}).keys())
        moves += _evened(floor, settled)
    return Plan(tuple(moves), unplaced)


def shards_wanted(hosts: int, markets: int, shard_markets_max: int, standby_shards: int) -> int:
    """How many shards: one on each host, and enough for all markets with `standby_shards` to spare; with any
    to spare also so many on each host that the others' have room for all when it is lost.
    """
    least = max(hosts, -(-markets // shard_markets_max) + standby_shards)
    if standby_shards and hosts > 1:
        least = max(least, hosts * -(-markets // (shard_markets_max * (hosts - 1))))
    return least


def _homeless(
    floor: _Floor, held: Mapping[str, str], wanted: Mapping[str, Wanted]
) -> Iterator[tuple[str, str]]:
    """Markets that need a place, with the shard that has each now: those that have none first."""
    alive = {market: held[market] for market in sorted(wanted) if held.get(market, "") in floor.places}
    yield from ((market, "") for market in sorted(wanted.keys() - alive.keys()))
    for market, shard in alive.items():
        if not floor.places[shard].is_open:
            yield market, shard
    for market, shard in reversed(alive.items()):
        if floor.places[shard].is_open and floor.is_over(market, shard):
            yield market, shard


def _evened(floor: _Floor, markets: list[str]) -> Iterator[Move]:
    """Each market moves at most once, from the fullest host and shard, and only where it makes that less full
    than it was by more than the one market.
    """
    for market in reversed(markets):
        origin = floor.shard_of.get(market, "")
        to = floor.emptiest_for(market)
        if to and floor.is_fuller(origin, to):
            floor.put(market, to, origin)
            yield Move(market, to, origin)


class _Floor:
    """What stands where while a plan is made. Room is taken where a market is and where it goes to, until it
    is let go; how full a place is counts it where it goes to alone.
    """

    def __init__(self, places: Mapping[str, Place], wanted: Mapping[str, Wanted], limits: Limits) -> None:
        self.places, self._wanted, self._limits = places, wanted, limits
        self.shard_of: dict[str, str] = {}
        self._there: dict[str, set[str]] = {shard: set() for shard in places}
        self._shared: Counter[tuple[str, str]] = Counter()  # markets by shard and venue, of one gateway
        self._own: Counter[tuple[str, str]] = Counter()  # with a gateway each
        self._of_shard: Counter[str] = Counter()
        self._of_host: Counter[str] = Counter()

    def take(self, market: str, shard: str) -> None:
        """Room alone: it is there, and is to go or to come."""
        if shard not in self.places or market in self._there[shard]:
            return
        self._there[shard].add(market)
        each = self._wanted.get(market)
        if each is not None and each.venue:
            (self._own if each.has_own_gateway else self._shared)[shard, each.venue] += 1

    def put(self, market: str, shard: str, origin: str = "") -> None:
        """It belongs there from now on."""
        self.take(market, shard)
        self.shard_of[market] = shard
        for there, by in ((shard, 1), (origin, -1)):
            if there in self.places:
                self._of_shard[there] += by
                self._of_host[self.places[there].host] += by

    def is_over(self, market: str, shard: str) -> bool:
        """Whether a shard, or its host's address, has more than may be, and less of that without this one."""
        if self._of_shard[shard] > self._limits.shard_markets_max:
            return True
        bound, venue = self._bound(market)
        address = self.places[shard].address
        return bound is not None and self._connections(address, venue, bound) > bound.connections_max

    def emptiest_for(self, market: str) -> str:
        """The open shard to which it should go; "" where there is none."""
        fit = [shard for shard in self.places if self._has_room(shard) and self._bears(market, shard)]
        return min(fit, key=self._fullness, default="")

    def is_fuller(self, origin: str, to: str) -> bool:
        """Whether a market less here and one more there makes these two more even."""
        mine, other = self.places[origin].host, self.places[to].host
        if mine != other:
            return self._of_host[mine] - self._of_host[other] > 1
        return self._of_shard[origin] - self._of_shard[to] > 1

    def why_not(self, market: str) -> str:
        """Why it finds no place."""
        if not any(place.is_open for place in self.places.values()):
            return "no shard is up"
        if not any(map(self._has_room, self.places)):
            return f"every shard has its {self._limits.shard_markets_max} markets"
        return f"{self._bound(market)[1]} bears no more connections of any host's address"

    def _has_room(self, shard: str) -> bool:
        return self.places[shard].is_open and len(self._there[shard]) < self._limits.shard_markets_max

    def _fullness(self, shard: str) -> tuple[int, int, str]:
        return self._of_host[self.places[shard].host], self._of_shard[shard], shard

    def _bound(self, market: str) -> tuple[Bound | None, str]:
        venue = self._wanted[market].venue
        return self._limits.venues.get(venue), venue

    def _bears(self, market: str, shard: str) -> bool:
        bound, venue = self._bound(market)
        if bound is None or market in self._there[shard]:
            return True
        count = self._own if self._wanted[market].has_own_gateway else self._shared
        count[shard, venue] += 1
        needed = self._connections(self.places[shard].address, venue, bound)
        count[shard, venue] -= 1
        return needed <= bound.connections_max

    def _connections(self, address: str, venue: str, bound: Bound) -> int:
        shards = [shard for shard, place in self.places.items() if place.address == address]
        return bound.routes * sum(
            -(-self._shared[shard, venue] // bound.markets_max) + self._own[shard, venue] for shard in shards
        )
