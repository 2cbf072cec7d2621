"""The coordinator around its machine: events in from shards and Ray, commands out, one thread for all."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.cluster.bounds import venue_bounds
from signalnode.cluster.config import ClusterConfig
from signalnode.cluster.coordinator import Coordinator, Policy
from signalnode.cluster.messages import (
    Assign,
    Begin,
    Command,
    EndShard,
    Event,
    Fence,
    Finish,
    Granted,
    HostLost,
    HostSeen,
    NotGranted,
    Record,
    Remember,
    StartShard,
    TakeGrant,
    Tell,
    Tick,
    WantedChanged,
)
from signalnode.cluster.overview import Status
from signalnode.cluster.placement import Limits
from signalnode.errors import ClusterError
from signalnode.logs import Logger


def policy_of(config: ClusterConfig) -> Policy:
    """What `[cluster]` asks of a coordinator."""
    cluster = config.node.cluster
    if cluster is None:
        raise ClusterError("the cluster's config has no [cluster]; run: signalnode cluster up")
    return Policy(
        Limits(cluster.shard_markets_max, venue_bounds(config.node)),
        lost_after_s=cluster.lost_after_s,
        standby_shards=cluster.standby_shards,
        hosts_min=cluster.hosts_min,
    )


HOSTS_S = 0.25  # from one look at Ray's hosts to the next
QUEUE_MAX = 10_000  # events that wait; a report of 50 shards twice a second is 100 a second


class Ways(Protocol):
    """What only the shell can do. Nothing waits for a shard; what has no answer raises ClusterError."""

    def hosts(self) -> dict[str, str]:
        """Addresses of the hosts that can take shards, by name."""

    def take_grant(self) -> int:
        """A number put if absent in Ray's store, higher than any before."""

    def remember(self, record: Record) -> None:
        """Replace the record."""

    def order(self, order: Assign | Fence) -> None:
        """To its shard."""

    def start_shard(self, shard: str, near: str) -> None:
        """Make the actor."""

    def end_shard(self, shard: str) -> None:
        """End the actor for good."""

    def finish(self, reason: str) -> None:
        """End this process, which Ray is not to start again."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a coordinator starts with."""

    term: int
    config: ClusterConfig
    record: Record


class Head:
    """One term. `put` may be called from any thread.

    The machine is given each event with the time at which it came, not that at which its turn came: while a
    grant is waited for, or a store that hangs, reports queue up, and nobody is silent meanwhile.
    """

    def __init__(self, machine: Coordinator, ways: Ways, log: Logger) -> None:
        self._machine, self._ways, self._log = machine, ways, log
        self._events: queue.Queue[tuple[Event, int]] = queue.Queue(QUEUE_MAX)
        self._lock = threading.Lock()
        self._hosts: dict[str, str] = {}
        self._now_ns = 0  # the machine's time, which never steps back
        self._finished = False

    def put(self, event: Event) -> None:
        """One more event; dropped where QUEUE_MAX wait, for each comes again."""
        try:
            self._events.put_nowait((event, monotonic_ns()))
        except queue.Full:
            self._log.error("event dropped", kind=type(event).__name__, waiting=QUEUE_MAX)

    def changed(self, config: ClusterConfig) -> None:
        """The config was read anew."""
        with self._lock:
            self._machine.policy = policy_of(config)
        self.put(WantedChanged(config.wanted(), config.build))

    def status(self) -> Status:
        """How everything stands."""
        with self._lock:
            return self._machine.status(monotonic_ns())

    def run(self, beginning: Beginning) -> None:
        """Turn until Finish."""
        self._hosts = self._ways.hosts()
        wanted, build = beginning.config.wanted(), beginning.config.build
        begin = Begin(beginning.term, wanted, build, dict(self._hosts), beginning.record)
        self._step(begin, monotonic_ns())
        looked_ns = monotonic_ns()
        while not self._finished:
            until_ns = looked_ns + int(HOSTS_S * NS_PER_S)
            due_ns = self._machine.next_deadline_ns()
            wait_ns = min(until_ns, until_ns if due_ns is None else due_ns) - monotonic_ns()
            try:
                self._step(*self._events.get(timeout=max(0.001, wait_ns / NS_PER_S)))
            except queue.Empty:
                self._step(Tick(), monotonic_ns())
            if monotonic_ns() >= until_ns:
                self._look()
                looked_ns = monotonic_ns()

    def _look(self) -> None:
        try:
            hosts = self._ways.hosts()
        except ClusterError as error:
            self._log.warning("hosts not known", reason=str(error))
            return
        before, self._hosts = self._hosts, hosts
        for host in before.keys() - hosts.keys():
            self.put(HostLost(host))
        for host in hosts.keys() - before.keys():
            self.put(HostSeen(host, hosts[host]))

    def _step(self, event: Event, came_ns: int) -> None:
        self._now_ns = max(self._now_ns, came_ns)
        with self._lock:
            commands = self._machine.step(event, self._now_ns)
        for command in commands:
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        try:
            match command:
                case Tell():
                    getattr(self._log, command.level)(command.event, **command.facts)
                case TakeGrant():
                    self.put(self._granted())
                case Finish():
                    self._finished = True
                    self._ways.finish(command.reason)
                case _:
                    self._way(command)()
        except ClusterError as error:
            self._log.error("not done", kind=type(command).__name__, reason=str(error))

    def _granted(self) -> Granted | NotGranted:
        try:
            return Granted(self._ways.take_grant())
        except ClusterError as error:
            self._log.error("no grant", reason=str(error))
            return NotGranted()

    def _way(self, command: Assign | Fence | Remember | StartShard | EndShard) -> Callable[[], None]:
        match command:
            case Remember():
                return lambda: self._ways.remember(command.record)
            case StartShard():
                return lambda: self._ways.start_shard(command.shard, command.near)
            case EndShard():
                return lambda: self._ways.end_shard(command.shard)
        return lambda: self._ways.order(command)
