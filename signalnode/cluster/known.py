"""What a coordinator knows, and what follows from it at once: who has which market, and who is alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from signalnode.clock import NS_PER_S
from signalnode.cluster.fencing import RENEW_RESTARTS
from signalnode.cluster.lifecycle import ShardState
from signalnode.cluster.messages import Assign, Handed, Hold, Origin, Record, Report, Standing, Wanted
from signalnode.cluster.overview import HOSTS_LOST_MAX, LOST, HostRow, ShardRow
from signalnode.cluster.placement import Limits, Place, Plan, plan


@dataclass(slots=True)
class Shard:
    """What is known of one shard. `told` is the newest Assign to its present start."""

    state: ShardState = ShardState.ASKED
    start: int = 0
    host: str = ""
    heard_ns: int = 0
    asked_ns: int | None = None
    version: str = ""
    fault: str = ""
    unshipped: str = ""
    endpoint: str = ""
    release: str = ""
    ahead_s: float = 0.0
    markets: Mapping[str, Standing] = field(default_factory=dict)
    told: Assign | None = None

    def hear(self, report: Report, now_ns: int) -> None:
        """What its newest start says of itself."""
        self.start, self.host, self.heard_ns = report.start, report.host, now_ns
        self.version, self.fault, self.markets = report.version, report.fault, report.markets
        self.unshipped, self.endpoint, self.release = report.unshipped, report.endpoint, report.release
        self.ahead_s = report.ahead_s


@dataclass(slots=True)
class Known:
    """`hosts` are addresses, and when each came; `lost` those that went, and when; `leaving` is who had a
    market before, until the one who has it now is ready.
    """

    wanted: Mapping[str, Wanted] = field(default_factory=dict)
    version: str = ""
    hosts: dict[str, tuple[str, int]] = field(default_factory=dict)
    lost: dict[str, tuple[str, int]] = field(default_factory=dict)
    draining: set[str] = field(default_factory=set)
    shards: dict[str, Shard] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    leaving: dict[str, Hold] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    def take_host(self, host: str, address: str, now_ns: int) -> None:
        """It is there, or there again; what was lost at that address is back with it."""
        self.hosts[host] = address, now_ns
        self.lost = {name: each for name, each in self.lost.items() if each[0] != address}

    def lose_host(self, host: str, now_ns: int) -> None:
        """It is gone, and remembered as lost until its address is back."""
        address, _ = self.hosts.pop(host)
        self.lost[host] = address, now_ns
        for oldest in list(self.lost)[:-HOSTS_LOST_MAX]:
            del self.lost[oldest]

    def rows(self, now_ns: int) -> tuple[tuple[HostRow, ...], tuple[ShardRow, ...]]:
        """Hosts and shards for `cluster status`."""
        held = {name: self.markets_of(name) for name in self.shards}
        hosts = []
        for host, (address, seen_ns) in sorted(self.hosts.items()):
            state, age_s = "draining" if host in self.draining else "up", (now_ns - seen_ns) / NS_PER_S
            names = tuple(name for name, shard in sorted(self.shards.items()) if shard.host == host)
            markets = sum(len(held[name]) for name in names)
            hosts.append(HostRow(host, address, state, age_s, names, markets))
        for host, (address, lost_ns) in self.lost.items():
            hosts.append(HostRow(host, address, LOST, (now_ns - lost_ns) / NS_PER_S, (), 0))
        shards = []
        for name, shard in sorted(self.shards.items()):
            silent_s = (now_ns - shard.heard_ns) / NS_PER_S if shard.start else None
            row = ShardRow(name, shard.host, shard.state.value, shard.start, silent_s, held[name])
            row = replace(row, fault=shard.fault, version=shard.version)
            row = replace(row, unshipped=shard.unshipped, endpoint=shard.endpoint, release=shard.release)
            row = replace(row, ahead_s=shard.ahead_s)
            ready = sum(self.is_ready(market, self.holds[market]) for market in held[name])
            shards.append(replace(row, ready=ready))
        return tuple(hosts), tuple(shards)

    def plan(self, limits: Limits, *, rebalance: bool) -> Plan:
        """What is to move."""
        places = {
            name: Place(shard.host, self.address_of(shard.host), self.is_open(name))
            for name, shard in self.shards.items()
            if shard.state is ShardState.UP and shard.host
        }
        held = {market: hold.shard for market, hold in self.holds.items() if self.is_alive(hold)}
        leaving = {market: hold.shard for market, hold in self.leaving.items()}
        return plan(places, held, self.wanted, limits, leaving=leaving, rebalance=rebalance)

    def spent(self) -> list[str]:
        """Markets whose grant bears few starts more."""
        return [
            market
            for market, hold in self.holds.items()
            if (standing := self.standing(market, hold)) and standing.restarts >= RENEW_RESTARTS
        ]

    def is_open(self, name: str) -> bool:
        """Whether a shard may have more markets; where not, those it has are to go."""
        shard = self.shards[name]
        is_fit = not shard.fault and shard.host not in self.draining
        return is_fit and name != self.rolling()

    def rolling(self) -> str:
        """The one shard of an old version that is emptied now; "" where there is none, or one comes back."""
        if any(shard.state in (ShardState.ASKED, ShardState.ENDING) for shard in self.shards.values()):
            return ""
        old = (n for n, shard in self.shards.items() if shard.start and shard.version != self.version)
        return min(old, default="")

    def is_alive(self, hold: Hold) -> bool:
        """Whether that start of the shard is heard."""
        shard = self.shards.get(hold.shard)
        return shard is not None and shard.state is ShardState.UP and shard.start == hold.start

    def standing(self, market: str, hold: Hold) -> Standing | None:
        """What its shard says of a market under that grant; None where it says nothing."""
        standing = self.shards[hold.shard].markets.get(market) if self.is_alive(hold) else None
        return standing if standing is not None and standing.grant == hold.grant else None

    def is_ready(self, market: str, hold: Hold) -> bool:
        """Whether it gives scores."""
        standing = self.standing(market, hold)
        return standing is not None and standing.is_ready

    def sets(self) -> dict[tuple[str, int], dict[str, Handed]]:
        """All that each start of a shard is to run, if anything: what it has, and what has moved and is not
        ready elsewhere.
        """
        out: dict[tuple[str, int], dict[str, Handed]] = {}
        for hands in (self.leaving, self.holds):
            for market, hold in hands.items():
                if market in self.wanted:
                    handed = Handed(hold.grant, self.wanted[market].digest, self.origins.get(market))
                    out.setdefault((hold.shard, hold.start), {})[market] = handed
        return out

    def markets_of(self, name: str) -> dict[str, int]:
        """The grants of a shard's markets."""
        start = self.shards[name].start
        holds = sorted(self.holds.items())
        return {market: hold.grant for market, hold in holds if (hold.shard, hold.start) == (name, start)}

    def record(self) -> Record:
        """For the next coordinator."""
        starts = {name: shard.start for name, shard in self.shards.items()}
        return Record(starts, dict(self.holds), tuple(sorted(self.draining)))

    def address_of(self, host: str) -> str:
        """What venues count by."""
        return self.hosts[host][0] if host in self.hosts else host
