"""A cluster in virtual time: hosts that are lost, cut off and come back, Ray's restarting, a store, a head
that dies, and subscribers that hear every writer there is.

Everything is drawn from one seed. What must never happen is asserted where it would happen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from signalnode.bus.epoch import epoch_of
from signalnode.clock import NS_PER_S
from signalnode.cluster import messages as m
from signalnode.cluster.coordinator import REPORT_S, Coordinator, Policy
from signalnode.cluster.fencing import Fencing, is_taken, proposal
from signalnode.cluster.placement import Bound, Limits

TICK_NS = 100_000_000
BOOT_S = 2.0  # of an actor and its supervisor: what Ray was seen to take
READY_S = 0.4  # of a market's engine
DETECT_S = 1.5  # until Ray says that a host is lost
KILL_S = 1.0  # after a cut is healed, until what was declared lost is killed
POLICY = Policy(Limits(4, {"kraken": Bound(2, 2)}), listen_s=2.0, hosts_min=2)


@dataclass(slots=True)
class Actor:
    """One start of a shard: our agent and the node under it, on one host."""

    shard: str
    start: int
    host: str
    version: str
    up_ns: int  # when it has booted
    fencing: Fencing
    ready_ns: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    reported_ns: int = 0
    epochs: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Host:
    """A machine. `name` is another after each start of its daemon; `cut_ns` is since when it is missed."""

    name: str
    address: str
    is_up: bool = True
    cut_ns: int | None = None
    is_declared_lost: bool = False


class World:
    """All of it. `run` goes on for some seconds; faults are methods."""

    def __init__(self, seed: int, hosts: int, markets: Iterable[tuple[str, m.Wanted]]) -> None:
        self.random, self.now_ns = Random(seed), 10**15
        self.wall_skew_ns, self.loss = 0, 0.02
        self.wanted, self.version = dict(markets), "1"
        self.hosts = [Host(f"node-{i}", f"ip-{i}") for i in range(hosts)]
        self.named = hosts
        self.actors: list[Actor] = []
        self.to_start: dict[str, int] = {}  # actors that Ray is to start, and when
        self.near: dict[str, str] = {}
        self.ended: set[str] = set()
        self.grants: list[int] = []
        self.record = m.Record()
        self.mail: list[tuple[int, m.Event | m.Assign | m.Fence]] = []
        self.is_store_up = self.is_ray_up = True
        self.heard: dict[str, int] = {}  # newest epoch by market, at every subscriber
        self.heard_ns: dict[str, int] = {}
        self.writers: dict[tuple[str, int], tuple[str, int]] = {}
        self.handed: list[tuple[int, m.Assign]] = []
        self.log: list[m.Tell] = []
        self.finished = ""
        self.coordinator: Coordinator | None = None
        self.start_head()

    # Faults, and what an operator does.

    def start_head(self) -> None:
        """A coordinator, with a term of its own and what the one before it left."""
        self.is_ray_up = True
        grant = self.take_grant()
        self.coordinator = Coordinator(POLICY)
        known = {host.name: host.address for host in self.hosts if self.is_known(host)}
        self.give(m.Begin(grant, dict(self.wanted), self.version, known, self.record))

    def stop_head(self) -> None:
        """Neither coordinator nor Ray's own head."""
        self.coordinator, self.is_ray_up = None, False

    def lose(self, host: Host) -> None:
        """Power is gone: nothing runs there any more."""
        host.is_up = False
        host.cut_ns = host.cut_ns or self.now_ns
        self.actors = [actor for actor in self.actors if actor.host != host.name]

    def cut(self, host: Host) -> None:
        """The head does not hear it, and it runs on."""
        host.cut_ns = host.cut_ns or self.now_ns

    def heal(self, host: Host) -> None:
        """Cables are back. Whom Ray declared lost meanwhile, it kills; he joins under another name."""
        if not host.is_up or host.is_declared_lost:
            for actor in [actor for actor in self.actors if actor.host == host.name]:
                actor.host = f"dying {host.name}"
                self.mail.append((self.now_ns + int(KILL_S * NS_PER_S), m.Fence(actor.shard, actor.start)))
            self.named, before = self.named + 1, host.name
            host.name, host.is_up = f"node-{self.named}", True
            if self.coordinator is not None:
                self.post(m.HostSeen(host.name, host.address))
                if not host.is_declared_lost:
                    self.post(m.HostLost(before))
        host.cut_ns, host.is_declared_lost = None, False

    def join(self) -> Host:
        """Another machine."""
        self.named += 1
        host = Host(f"node-{self.named}", f"ip-{self.named}")
        self.hosts.append(host)
        self.post(m.HostSeen(host.name, host.address))
        return host

    # What goes on.

    def run(self, seconds: float) -> None:
        """Go on for so long."""
        for _ in range(int(seconds * NS_PER_S / TICK_NS)):
            self.now_ns += TICK_NS
            self.ray()
            for actor in list(self.actors):
                self.turn(actor)
            due = [letter for at_ns, letter in self.mail if at_ns <= self.now_ns]
            self.mail = [(at_ns, letter) for at_ns, letter in self.mail if at_ns > self.now_ns]
            for letter in due:
                self.deliver(letter)
            if self.is_due():
                self.give(m.Tick())

    def is_due(self) -> bool:
        """Whether the shell around the coordinator would give it a Tick."""
        due_ns = None if self.coordinator is None else self.coordinator.next_deadline_ns()
        return due_ns is not None and due_ns <= self.now_ns

    def is_known(self, host: Host) -> bool:
        """Whether Ray has it among its hosts."""
        return host.is_up and host.cut_ns is None and not host.is_declared_lost

    def ray(self) -> None:
        """It notices who is lost, and starts their actors elsewhere."""
        if not self.is_ray_up:
            return
        for host in self.hosts:
            is_late = host.cut_ns is not None and self.now_ns - host.cut_ns > DETECT_S * NS_PER_S
            if is_late and not host.is_declared_lost:
                host.is_declared_lost = True
                self.post(m.HostLost(host.name))
        kept = {host.name for host in self.hosts if not host.is_declared_lost}
        placed = {actor.shard for actor in self.actors if actor.host in kept}  # as Ray believes
        for shard in [shard for shard in self.to_start if shard not in placed]:
            if self.to_start[shard] <= self.now_ns and shard not in self.ended:
                self.start_actor(shard)

    def start_actor(self, shard: str) -> None:
        fit = [host for host in self.hosts if self.is_known(host)]
        grant = self.take_grant() if fit and self.is_store_up else 0
        if not grant:
            return
        count, near = Counter(actor.host for actor in self.actors), self.near.pop(shard, "")
        host = min(fit, key=lambda each: (each.name != near, count[each.name], self.random.random()))
        up_ns = self.now_ns + int(BOOT_S * (0.8 + 0.6 * self.random.random()) * NS_PER_S)
        self.actors.append(Actor(shard, grant, host.name, self.version, up_ns, Fencing(shard, grant)))

    def take_grant(self) -> int:
        """As the shell does: propose, put if absent, read again."""
        grant = proposal(self.grants, (), (1_764_230_400 * NS_PER_S + self.now_ns) + self.wall_skew_ns)
        assert grant not in self.grants
        self.grants.append(grant)
        assert is_taken(grant, self.grants)
        return grant

    def post(self, event: m.Event) -> None:
        """To the coordinator, a moment later; now and then never."""
        delay_ns = int(self.random.random() * 0.2 * NS_PER_S)
        if not (isinstance(event, m.Report) and self.random.random() < self.loss):
            self.mail.append((self.now_ns + delay_ns, event))

    def deliver(self, letter: m.Event | m.Assign | m.Fence) -> None:
        if isinstance(letter, m.Assign | m.Fence):
            for actor in list(self.actors):
                if (actor.shard, actor.start) == (letter.shard, letter.start):
                    self.obey(actor, letter)
        else:
            self.give(letter)

    def obey(self, actor: Actor, letter: m.Assign | m.Fence) -> None:
        if actor.host.startswith("dying") or isinstance(letter, m.Fence):
            self.actors.remove(actor)
            return
        before = dict(actor.fencing.running)
        orders = actor.fencing.take(letter)
        for market in orders.remove if orders else ():
            actor.ready_ns.pop(market, None)
        for market, handed in (orders.write if orders else {}).items():
            self.start_market(actor, market, before.get(market), handed)

    def start_market(self, actor: Actor, market: str, before: m.Handed | None, handed: m.Handed) -> None:
        is_anew = before is None or before.grant != handed.grant
        actor.restarts[market] = 0 if is_anew else actor.restarts[market] + 1
        epoch = epoch_of(handed.grant, actor.restarts[market])
        writer = (actor.shard, actor.start)
        assert (market, epoch) not in self.writers, f"{market}: epoch {epoch} is used twice"
        self.writers[market, epoch] = writer
        actor.epochs[market] = epoch
        actor.ready_ns[market] = self.now_ns + int(READY_S * NS_PER_S)

    def turn(self, actor: Actor) -> None:
        """It publishes what it runs, and reports."""
        if actor.up_ns > self.now_ns:
            return
        for market, ready_ns in actor.ready_ns.items():
            if ready_ns <= self.now_ns:
                self.hear(market, actor.epochs[market])
        host = next((each for each in self.hosts if each.name == actor.host), None)
        if self.now_ns - actor.reported_ns >= REPORT_S * NS_PER_S and host and host.cut_ns is None:
            actor.reported_ns = self.now_ns
            standing = {
                market: m.Standing(
                    handed.grant, actor.ready_ns.get(market, 1 << 62) <= self.now_ns, actor.restarts[market]
                )
                for market, handed in actor.fencing.running.items()
            }
            revision = actor.fencing.revision
            self.post(m.Report(actor.shard, actor.start, actor.host, actor.version, revision, standing))

    def hear(self, market: str, epoch: int) -> None:
        """Every subscriber hears every writer, and drops what is older than what it has heard."""
        if epoch >= self.heard.get(market, 0):
            self.heard[market] = epoch
            self.heard_ns[market] = self.now_ns

    def give(self, event: m.Event) -> None:
        """To the coordinator now; and its commands are carried out."""
        if self.coordinator is None:
            return
        for command in self.coordinator.step(event, self.now_ns):
            self.carry_out(command)

    def carry_out(self, command: m.Command) -> None:
        match command:
            case m.Assign():
                self.handed.append((self.now_ns, command))
                self.send(command)
            case m.Fence():
                self.send(command)
            case m.StartShard():
                self.ended.discard(command.shard)
                if command.shard not in self.to_start:
                    self.to_start[command.shard], self.near[command.shard] = self.now_ns, command.near
            case m.EndShard():
                self.ended.add(command.shard)
                self.to_start.pop(command.shard, None)
                for actor in [actor for actor in self.actors if actor.shard == command.shard]:
                    if self.is_reached(actor):
                        self.actors.remove(actor)
                        self.post(m.ShardDied(actor.shard, actor.start))
            case m.TakeGrant():
                self.post(m.Granted(self.take_grant()) if self.is_store_up else m.NotGranted())
            case m.Remember():
                self.record = command.record
            case m.Tell():
                self.log.append(command)
            case m.Finish():
                self.finished = command.reason

    def is_reached(self, actor: Actor) -> bool:
        return any(host.name == actor.host and host.cut_ns is None for host in self.hosts)

    def send(self, letter: m.Assign | m.Fence) -> None:
        """To one start of a shard, where the head reaches it; now and then it is lost."""
        if self.random.random() < self.loss:
            return
        delay_ns = int(self.random.random() * 0.2 * NS_PER_S)
        for actor in self.actors:
            if (actor.shard, actor.start) == (letter.shard, letter.start) and self.is_reached(actor):
                self.mail.append((self.now_ns + delay_ns, letter))
                return

    # What is seen.

    def silent_s(self) -> float:
        """Since the market that was heard longest ago."""
        return max(
            ((self.now_ns - self.heard_ns.get(market, 10**15)) / NS_PER_S for market in self.wanted),
            default=0.0,
        )

    def running(self) -> dict[str, list[Actor]]:
        """Who runs each market."""
        out: dict[str, list[Actor]] = {}
        for actor in self.actors:
            for market in actor.fencing.running:
                out.setdefault(market, []).append(actor)
        return out
