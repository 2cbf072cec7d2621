"""What runs where, decided: events with a time in, commands out. It sees no clock, no socket and no Ray.

The shell around it gives each event to `step` with the monotonic time of the head, carries the commands out
in their order, and gives Tick when `next_deadline_ns` has come.

Each step ends alike: who is silent is lost, shards that are missing are asked for, moves that are over are
closed, and where a plan has moves a grant is taken. The grant's answer makes the plan anew, as things stand
then, and carries it out. Whoever's set of markets has changed is told it whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from signalnode.clock import NS_PER_S
from signalnode.cluster.fencing import RENEW_RESTARTS
from signalnode.cluster.known import Known, Shard
from signalnode.cluster.lifecycle import ShardEvent, ShardState, after
from signalnode.cluster.messages import (
    Assign,
    Begin,
    Command,
    DownAsked,
    DrainAsked,
    EndShard,
    Event,
    Fence,
    Finish,
    Granted,
    Hold,
    HostLost,
    HostSeen,
    NotGranted,
    Origin,
    RebalanceAsked,
    Record,
    Remember,
    Report,
    Revision,
    ShardDied,
    StartShard,
    TakeGrant,
    Tell,
    WantedChanged,
)
from signalnode.cluster.overview import Status
from signalnode.cluster.placement import Limits, Plan, shards_wanted

REPORT_S = 0.5  # from one Report of a shard to the next
GRANT_RETRY_S = 1.0
GRANT_WAIT_NS = 50_000_000  # between two questions: what comes together moves with one grant
GATHER_S = 10.0  # in which the first shards of a new cluster come up, before markets are spread over them
BARE_RETRY_S = 60.0  # a host without a shard is tried this often: what came up elsewhere was in vain
ASK_AGAIN_S = 5.0  # for a shard that was asked for and has not come up, or is to end and has not
LISTENING, AT_WORK, ENDING = "listening", "at work", "ending"


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


class Coordinator:
    """The machine. One event at a time; the first is Begin."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._phase, self._term, self._number = LISTENING, 0, 0
        self._known = Known()
        self._unplaced: Mapping[str, str] = {}
        self._listen_until_ns = self._gather_until_ns = 0
        self._grant_after_ns: int | None = 0  # None while a question is open
        self._highest_grant = 0  # that was ever seen, in whoever's hands
        self._has_changed = self._is_rebalancing = self._needs_grant = False
        self._remembered = Record()
        self._moved = 0  # markets that one shard had and another was given
        self._tried_ns: dict[str, int] = {}  # when a shard was last asked for near that host

    def step(self, event: Event, now_ns: int) -> list[Command]:
        """What is to be done now."""
        out: list[Command] = []
        self._take(event, now_ns, out)
        if self._phase == LISTENING:
            self._listen(now_ns)
        if self._phase == AT_WORK:
            self._notice_silence(now_ns, out)
            self._close_moves()
            self._see_to_shards(now_ns, out)
            self._see_to_grants(now_ns, out)
            self._assign(out)
        elif self._phase == ENDING:
            self._notice_silence(now_ns, out)
            self._end(now_ns, out)
        if self._phase != LISTENING and (record := self._known.record()) != self._remembered:
            self._remembered = record
            out.append(Remember(record))
        return out

    def next_deadline_ns(self) -> int | None:
        """When Tick is due; None where only events matter."""
        if self._phase == LISTENING:
            return self._listen_until_ns
        shards, again_ns = self._known.shards.values(), int(ASK_AGAIN_S * NS_PER_S)
        times = [each.heard_ns + self._lost_after_ns() for each in shards if _is_heard(each)]
        times += [each.asked_ns + again_ns for each in shards if each.asked_ns is not None]
        if self._grant_after_ns and self._needs_grant:
            times.append(max(self._grant_after_ns, self._gather_until_ns if self._is_gathering() else 0))
        return min(times, default=None)

    def status(self, now_ns: int) -> Status:
        """How everything stands."""
        hosts, shards = self._known.rows(now_ns)
        moving = tuple(sorted(self._known.leaving))
        unplaced, wanted = dict(self._unplaced), len(self._known.wanted)
        version, waits_for = self._known.version, self.policy.hosts_min if self._is_waiting() else 0
        return Status(
            self._term,
            self._phase,
            hosts,
            shards,
            unplaced,
            moving,
            wanted,
            version=version,
            hosts_wanted=waits_for,
            moved=self._moved,
        )

    # What an event says.

    def _take(self, event: Event, now_ns: int, out: list[Command]) -> None:
        match event:
            case Begin():
                self._begin(event, now_ns)
            case HostSeen():
                self._has_changed |= event.host not in self._known.hosts
                self._known.take_host(event.host, event.address, now_ns)
            case HostLost():
                self._host_lost(event.host, now_ns, out)
            case Report():
                self._heard(event, now_ns, out)
            case ShardDied():
                shard = self._known.shards.get(event.shard)
                if shard is not None and event.start == shard.start:
                    self._happens(event.shard, ShardEvent.DIED)
            case WantedChanged():
                self._known.wanted, self._known.version = event.wanted, event.version
                self._has_changed = True
            case Granted():
                self._grant_after_ns = now_ns + GRANT_WAIT_NS
                if self._phase == AT_WORK:
                    self._carry_out(event.grant)
            case NotGranted():
                self._grant_after_ns = now_ns + int(GRANT_RETRY_S * NS_PER_S)
            case DrainAsked() | RebalanceAsked() | DownAsked():
                self._asked(event)

    def _asked(self, event: DrainAsked | RebalanceAsked | DownAsked) -> None:
        match event:
            case DrainAsked():
                self._known.draining.add(event.host)
            case RebalanceAsked():
                self._is_rebalancing = True
            case DownAsked():
                self._phase = ENDING
        self._has_changed = True

    def _begin(self, event: Begin, now_ns: int) -> None:
        self._term, self._known.wanted, self._known.version = event.term, event.wanted, event.version
        self._known.hosts = {host: (address, now_ns) for host, address in event.hosts.items()}
        self._known.draining = set(event.record.draining)
        self._known.holds, self._remembered = dict(event.record.holds), event.record
        for name, start in event.record.shards.items():
            state = ShardState.UP if start else ShardState.ASKED
            self._known.shards[name] = Shard(state, start, heard_ns=now_ns)
        self._highest_grant = max((event.term, *(hold.grant for hold in self._known.holds.values())))
        self._listen_until_ns = now_ns + int(self.policy.listen_s * NS_PER_S)
        self._has_changed = True

    def _host_lost(self, host: str, now_ns: int, out: list[Command]) -> None:
        if host in self._known.hosts:
            self._known.lose_host(host, now_ns)
            out.append(Tell("warning", "host lost", {"host": host}))
        self._known.draining.discard(host)
        self._tried_ns.pop(host, None)
        self._has_changed = True
        for name, shard in self._known.shards.items():
            if shard.host == host:
                self._happens(name, ShardEvent.FELL_SILENT)

    def _heard(self, report: Report, now_ns: int, out: list[Command]) -> None:
        if report.revision.term > self._term:
            out.append(Finish(f"a coordinator of term {report.revision.term} is at work"))
            return
        shard = self._known.shards.setdefault(report.shard, Shard())
        if report.start < shard.start:
            out.append(Fence(report.shard, report.start))
            return
        if report.start > shard.start:  # a new one, which is empty: nothing that the last one had is there
            shard.told, shard.state = None, after(shard.state, ShardEvent.DIED)
            self._has_changed = True
        self._has_changed |= (shard.version, shard.fault) != (report.version, report.fault)
        self._has_changed |= any(each.restarts >= RENEW_RESTARTS for each in report.markets.values())
        shard.hear(report, now_ns)
        self._happens(report.shard, ShardEvent.CAME_UP)
        if shard.state is not ShardState.ENDING:
            shard.asked_ns = None
            self._adopt(report)
            self._notice_refused(report, shard.told)
            if shard.told is not None and report.revision.is_older_than(shard.told.revision):
                out.append(shard.told)

    def _adopt(self, report: Report) -> None:
        """What runs there and the record does not know, as after the loss of the head's disk."""
        for market, standing in report.markets.items():
            self._highest_grant = max(self._highest_grant, standing.grant)
            hold = self._known.holds.get(market)
            if market in self._known.wanted and (hold is None or hold.grant < standing.grant):
                self._known.holds[market] = Hold(report.shard, report.start, standing.grant)
                self._has_changed = True

    def _notice_refused(self, report: Report, told: Assign | None) -> None:
        """What it obeyed and yet does not run is over there under that grant: it needs another one."""
        if told is None or report.revision != told.revision:
            return
        for market in told.markets.keys() - report.markets.keys():
            for hands in (self._known.holds, self._known.leaving):
                if (hold := hands.get(market)) and (hold.shard, hold.start) == (report.shard, report.start):
                    del hands[market]
                    self._has_changed = True

    def _happens(self, name: str, event: ShardEvent) -> None:
        shard = self._known.shards[name]
        state = after(shard.state, event)
        self._has_changed |= state is not shard.state
        shard.state = state

    # What follows from how things stand.

    def _listen(self, now_ns: int) -> None:
        remembered = [self._known.shards[name] for name, start in self._remembered.shards.items() if start]
        has_heard_all = remembered and all(shard.host for shard in remembered)
        if now_ns >= self._listen_until_ns or has_heard_all:
            self._phase = AT_WORK

    def _notice_silence(self, now_ns: int, out: list[Command]) -> None:
        for name, shard in self._known.shards.items():
            if _is_heard(shard) and now_ns - shard.heard_ns >= self._lost_after_ns():
                self._happens(name, ShardEvent.FELL_SILENT)
                if shard.state is ShardState.LOST:
                    out.append(Tell("warning", "shard lost", {"shard": name, "host": shard.host}))
        for name in [name for name, shard in self._known.shards.items() if shard.state is ShardState.ENDED]:
            del self._known.shards[name]
            self._has_changed = True

    def _close_moves(self) -> None:
        for market, before in list(self._known.leaving.items()):
            hold = self._known.holds.get(market)
            is_over = market not in self._known.wanted or not self._known.is_alive(before) or hold == before
            if is_over or (hold is not None and self._known.is_ready(market, hold)):
                del self._known.leaving[market]
                self._has_changed = True
        for market in self._known.holds.keys() - self._known.wanted.keys():
            del self._known.holds[market]
            self._has_changed = True
        for market in self._known.origins.keys() - self._known.holds.keys():
            del self._known.origins[market]

    def _see_to_shards(self, now_ns: int, out: list[Command]) -> None:
        if self._is_waiting():
            return
        hosts = self._open_hosts()
        limits, shards = self.policy.limits, self._known.shards
        states = [shard.state for shard in shards.values()]
        full = Counter(shard.host for shard in shards.values() if shard.state is ShardState.UP)
        least = shards_wanted(
            len(hosts), len(self._known.wanted), limits.shard_markets_max, self.policy.standby_shards
        )
        there = len(shards) - states.count(ShardState.ENDING)
        tried_ns = now_ns - int(BARE_RETRY_S * NS_PER_S)
        bare = sum(not full[host] and self._tried_ns.get(host, 0) <= tried_ns for host in hosts)
        bare -= states.count(ShardState.ASKED)
        for _ in range(max(least - there, bare) if hosts else 0):
            shards[next(name for name in map(_name, count(1)) if name not in shards)] = Shard()
        for name, shard in sorted(shards.items()) if hosts else ():
            if shard.state in (ShardState.ASKED, ShardState.LOST) and _is_due(shard, now_ns):
                near = min(hosts, key=lambda host: (full[host], host))
                full[near] += shard.state is ShardState.ASKED
                shard.asked_ns = self._tried_ns[near] = now_ns
                out.append(StartShard(name, near))
                if not self._gather_until_ns:
                    self._gather_until_ns = now_ns + int(GATHER_S * NS_PER_S)
        self._end_idle(there - least, full, now_ns, out)

    def _open_hosts(self) -> list[str]:
        return [host for host in self._known.hosts if host not in self._known.draining]

    def _is_waiting(self) -> bool:
        """For more hosts, before the first market is placed: who is first would get everything."""
        return not self._known.holds and len(self._open_hosts()) < self.policy.hosts_min

    def _end_idle(self, spare: int, full: Mapping[str, int], now_ns: int, out: list[Command]) -> None:
        """What holds nothing and may go: on a drained host, of an old version, or one of several on its."""
        for name, shard in sorted(self._known.shards.items(), reverse=True):
            is_idle = shard.state is ShardState.UP and not shard.markets and not shard.fault
            is_surplus = spare > 0 and full[shard.host] > 1
            may_go = is_idle and (is_surplus or not self._known.is_open(name))
            if may_go and (name, shard.start) not in self._known.sets():
                self._happens(name, ShardEvent.UNWANTED)
                shard.asked_ns = None
                return  # one at a time
            if shard.state is ShardState.ENDING and _is_due(shard, now_ns):
                shard.asked_ns = now_ns
                out.append(EndShard(name))

    def _see_to_grants(self, now_ns: int, out: list[Command]) -> None:
        if self._has_changed:
            planned = self._plan()
            self._unplaced = planned.unplaced
            self._needs_grant = bool(planned.moves or self._known.spent())
        self._has_changed = False
        if now_ns < self._gather_until_ns and self._is_gathering():
            return  # who is up first would get all that he may have
        if self._needs_grant and self._grant_after_ns is not None and now_ns >= self._grant_after_ns:
            self._grant_after_ns = None
            out.append(TakeGrant())

    def _is_gathering(self) -> bool:
        states = (shard.state for shard in self._known.shards.values())
        return not self._known.holds and ShardState.ASKED in states

    def _plan(self) -> Plan:
        return self._known.plan(self.policy.limits, rebalance=self._is_rebalancing)

    def _carry_out(self, grant: int) -> None:
        """Hand over, with one grant for all, what is to move as things stand now."""
        self._has_changed = True
        if grant <= self._highest_grant:
            return  # of a store that forgot; it is asked again
        self._highest_grant = grant
        for market in self._known.spent():
            spent = self._known.holds[market]
            self._known.holds[market] = Hold(spent.shard, spent.start, grant)
        for move in self._plan().moves:
            before = self._known.leaving.get(move.market) or self._known.holds.get(move.market)
            if before is not None:
                self._moved += 1
                self._known.origins[move.market] = Origin(before.shard, before.start)
                if self._known.is_alive(before):
                    self._known.leaving[move.market] = before
            self._known.holds[move.market] = Hold(move.to, self._known.shards[move.to].start, grant)
        self._is_rebalancing = False

    def _assign(self, out: list[Command]) -> None:
        sets = self._known.sets()
        for name, shard in self._known.shards.items():
            if shard.state is not ShardState.UP or not shard.host:
                continue
            markets = sets.get((name, shard.start), {})
            if shard.told is None or dict(shard.told.markets) != markets:
                self._number += 1
                shard.told = Assign(name, shard.start, Revision(self._term, self._number), markets)
                out.append(shard.told)

    def _end(self, now_ns: int, out: list[Command]) -> None:
        for name, shard in self._known.shards.items():
            if shard.state is not ShardState.ENDING:
                self._happens(name, ShardEvent.UNWANTED)
                shard.asked_ns = None
            if _is_due(shard, now_ns):
                shard.asked_ns = now_ns
                out.append(EndShard(name))
        if not self._known.shards:
            out.append(Finish("down"))

    def _lost_after_ns(self) -> int:
        return int(self.policy.lost_after_s * NS_PER_S)


def _name(number: int) -> str:
    return f"shard-{number:04d}"


def _is_heard(shard: Shard) -> bool:
    return shard.state is ShardState.ENDING or (shard.state is ShardState.UP and shard.start > 0)


def _is_due(shard: Shard, now_ns: int) -> bool:
    return shard.asked_ns is None or now_ns - shard.asked_ns >= ASK_AGAIN_S * NS_PER_S
