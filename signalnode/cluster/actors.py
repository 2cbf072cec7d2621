"""A cluster's actors, and what they ask of Ray. Beside `ray` the only file that imports it."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
from collections.abc import Callable
from importlib import metadata
from typing import Any, TextIO, cast

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from signalnode import logs
from signalnode.clock import NS_PER_S, monotonic_ns, wall_ns
from signalnode.cluster import daemons, layer5
from signalnode.cluster.agent import Agent, Host
from signalnode.cluster.agent import Ways as ShardWays
from signalnode.cluster.config import ClusterConfig, Home
from signalnode.cluster.connection import CONNECT_S_MAX
from signalnode.cluster.coordinator import Coordinator
from signalnode.cluster.encoding import decoded, encoded
from signalnode.cluster.fencing import is_taken, outdated, proposal
from signalnode.cluster.head import Beginning, Head, policy_of
from signalnode.cluster.learnt import NAME
from signalnode.cluster.messages import (
    Assign,
    DownAsked,
    DrainAsked,
    Fence,
    RebalanceAsked,
    Record,
    Report,
)
from signalnode.cluster.node import ChildNode
from signalnode.cluster.overview import Layer5Row, Status
from signalnode.cluster.place import Place
from signalnode.cluster.ray import (
    CONFIG,
    COORDINATOR,
    GRANT,
    RECORD,
    answer,
    asked,
    found_actor,
    get_record,
    grants_shipped,
    grants_taken,
    kept_config,
    put_record,
    remove_record,
)
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError, in_words
from signalnode.files import RotatingFile, ensure_directory
from signalnode.settings import NodeSettings
from signalnode.settings.environment import cluster_dir

AGAIN_NS = 2 * NS_PER_S  # a report without an answer for so long: the coordinator is looked up anew
LOG_BYTES_MAX = 8_000_000
CALLS_AT_ONCE = 8  # threads of an actor that answer calls
GRANT_TRIES_MAX = 10
STATUS_S_MAX = 2.0  # of the coordinator, to Layer 5

# Actors. Their methods return at once; what takes long is done in threads of their own.


class CoordinatorActor:
    """The head's. A new one of it goes on from the records."""

    def __init__(self) -> None:
        log = _begin_log("coordinator")
        config = kept_config()
        taken = RayWays()
        self._head = Head(Coordinator(policy_of(config)), taken, log)
        record = get_record(RECORD)
        self._layer5: tuple[Layer5Row, int] | None = None  # as it last told, and when
        taken.start_layer5()
        beginning = Beginning(taken.take_grant(), config, decoded(record, Record) if record else Record())
        self._thread = threading.Thread(
            target=self._run, args=(beginning, log), name="coordinator", daemon=True
        )
        self._thread.start()

    def _run(self, beginning: Beginning, log: logs.Logger) -> None:
        try:
            self._head.run(beginning)
        except BaseException as error:
            log.exception("coordinator failed", reason=in_words(error))
            os._exit(1)  # Ray starts another, which begins from the records

    def report(self, content: bytes) -> None:
        """Of a shard."""
        report = decoded(content, Report)
        ahead_s = (report.wall_ns - wall_ns()) / NS_PER_S if report.wall_ns else 0.0
        self._head.put(dataclasses.replace(report, ahead_s=ahead_s))

    def report_layer5(self, content: bytes) -> None:
        """Of Layer 5."""
        self._layer5 = decoded(content, Layer5Row), monotonic_ns()

    def changed(self) -> None:
        """The config is another."""
        self._head.changed(kept_config())

    def status(self) -> bytes:
        """A Status."""
        status = self._head.status()
        if self._layer5 is not None:
            row, heard_ns = self._layer5
            row = dataclasses.replace(row, age_s=(monotonic_ns() - heard_ns) / NS_PER_S)
            status = dataclasses.replace(status, layer5=row)
        return encoded(status)

    def drain(self, host: str) -> None:
        """Asked by the command line."""
        self._head.put(DrainAsked(host))

    def rebalance(self) -> None:
        """Asked by the command line."""
        self._head.put(RebalanceAsked())

    def down(self) -> None:
        """Asked by the command line."""
        self._head.put(DownAsked())


class ShardActor:
    """One start of a shard, on whichever host Ray starts it."""

    def __init__(self, shard: str) -> None:
        self._log = _begin_log("shards").bind(shard=shard)
        config = kept_config()
        start = RayWays().take_grant()
        address = _own_address()
        home = Home(_place().shards, shard, start)
        endpoint, release = f"tcp://{address}:{_free_port(address)}", metadata.version("signalnode")
        host = Host(ray.get_runtime_context().get_node_id(), address, endpoint, release)
        assert config.node.cluster is not None  # `policy_of` has looked, at `up`
        self._reports = Reports()
        self._agent = Agent(
            home,
            host,
            ShardWays(kept_config, self._reports.send, self._give_up),
            lambda made: _node(home, made),
            store=CheckpointStore(config.node.cluster.checkpoints),
            log=self._log,
        )
        for work in (self._agent.work, self._agent.tell):
            threading.Thread(target=self._run, args=(work,), name=work.__name__, daemon=True).start()

    def assign(self, content: bytes) -> None:
        """An order of the coordinator."""
        self._agent.put(decoded(content, Assign))

    def fence(self, content: bytes) -> None:
        """An order of the coordinator."""
        self._agent.put(decoded(content, Fence))

    def end(self) -> None:
        """For good: stop what runs, ship, and have Ray start it no more."""
        self._agent.end()
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._give_up(in_words(error))

    def _give_up(self, reason: str) -> None:
        self._log.error("this start of the shard ends", reason=reason)
        os._exit(1)  # its node ends with it, and Ray starts another


class Layer5Actor:
    """One start of Layer 5, on whichever host Ray starts it."""

    def __init__(self) -> None:
        self._log = _begin_log("layer5")
        self._content, self._config = b"", kept_config()
        address = _own_address()
        home = Home(_place().shards, NAME, RayWays().take_grant())
        host = Host(
            ray.get_runtime_context().get_node_id(), address, layer5.endpoint_of(self._config, address)
        )
        reports = Reports("report_layer5")
        ways = layer5.Ways(self._newest, Questions().status, reports.send, self._give_up)
        assert self._config.node.cluster is not None  # `policy_of` has looked, at `up`
        store = CheckpointStore(self._config.node.cluster.checkpoints)
        self._layer5 = layer5.Layer5(
            home, host, ways, lambda made: _node(home, made), store=store, log=self._log
        )
        for work in (self._layer5.work, self._layer5.ship):
            threading.Thread(target=self._run, args=(work,), name=work.__name__, daemon=True).start()

    def end(self) -> None:
        """For good."""
        self._layer5.end()
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._give_up(in_words(error))

    def _newest(self) -> ClusterConfig:
        """The config; read anew where it is another, for it may be of thousands of markets."""
        content = get_record(CONFIG) or b""
        if content != self._content:
            self._content, self._config = content, ClusterConfig.decoded(content)
        return self._config

    def _give_up(self, reason: str) -> None:
        self._log.error("this start of layer 5 ends", reason=reason)
        os._exit(1)  # its node ends with it, and Ray starts another


class Questions:
    """To the coordinator, whoever that is. One is open at a time: a head that is away costs nothing."""

    def __init__(self) -> None:
        self._coordinator: Any = None
        self._open: Any = None

    def status(self) -> Status:
        """How everything stands. Raises ClusterError where there is no answer within STATUS_S_MAX."""
        if self._open is None:
            self._coordinator = self._coordinator or found_actor(COORDINATOR)
            if self._coordinator is None:
                raise ClusterError("there is no coordinator")
            self._open = self._coordinator.status.remote()
        answered, _ = ray.wait([self._open], timeout=STATUS_S_MAX)
        if not answered:
            raise ClusterError("the coordinator gives no answer")
        self._open = None
        try:
            return decoded(answer(answered[0]), Status)
        except ClusterError:
            self._coordinator = None
            raise


class Reports:
    """To the coordinator, whoever that is. One is on its way at a time."""

    def __init__(self, method: str = "report") -> None:
        self._method = method
        self._coordinator: Any = None
        self._sent: Any = None
        self._sent_ns = 0

    def send(self, report: Report | Layer5Row) -> None:
        now_ns = monotonic_ns()
        if self._sent is not None:
            answered, _ = ray.wait([self._sent], timeout=0)
            if answered:
                try:
                    ray.get(answered[0])
                except RayError:
                    self._coordinator = None
            elif now_ns - self._sent_ns < AGAIN_NS:
                return
            else:
                self._coordinator = None
        self._coordinator = self._coordinator or found_actor(COORDINATOR)
        if self._coordinator is not None:
            told = getattr(self._coordinator, self._method)
            self._sent, self._sent_ns = told.remote(encoded(report)), now_ns


class RayWays:
    """`head.Ways`."""

    def __init__(self) -> None:
        self._shards: dict[str, Any] = {}
        # Once: whatever grant is taken here is above these from then on, and a store may take seconds.
        self._shipped = grants_shipped()

    def hosts(self) -> dict[str, str]:
        return {
            node["NodeID"]: node["NodeManagerAddress"]
            for node in asked(ray.nodes)
            if node["Alive"] and daemons.SHARDS in node["Resources"]
        }

    def take_grant(self) -> int:
        for _ in range(GRANT_TRIES_MAX):
            taken = grants_taken()
            grant = proposal(taken, self._shipped, wall_ns())
            is_put = put_record(GRANT + str(grant).encode(), b"", overwrite=False)
            if is_put and is_taken(grant, grants_taken()):
                for old in outdated(taken):
                    remove_record(GRANT + str(old).encode())
                return grant
        raise ClusterError(f"no grant in {GRANT_TRIES_MAX} tries")

    def remember(self, record: Record) -> None:
        put_record(RECORD, encoded(record))

    def order(self, order: Assign | Fence) -> None:
        shard = self._shard(order.shard)
        if shard is not None:
            (shard.assign if isinstance(order, Assign) else shard.fence).remote(encoded(order))

    def start_shard(self, shard: str, near: str) -> None:
        where = NodeAffinitySchedulingStrategy(near, soft=True)
        self._shards[shard] = _begun(ShardActor, shard, {daemons.SHARDS: 1}, where, shard)

    def start_layer5(self) -> None:
        """Make the actor of Layer 5, unless it is there."""
        _begun(Layer5Actor, NAME, {daemons.SHARDS: 1}, "SPREAD")

    def end_shard(self, shard: str) -> None:
        actor = self._shard(shard)
        if actor is not None:
            actor.end.remote()

    def finish(self, reason: str) -> None:
        logs.logger().info("coordinator ends", reason=reason)
        if reason == "down" and (last := found_actor(NAME)) is not None:
            last.end.remote()
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    def _shard(self, shard: str) -> Any:
        if shard not in self._shards:
            self._shards[shard] = asked(lambda: found_actor(shard))
        return self._shards[shard]


def start_coordinator() -> None:
    """Make its actor on the head, unless it is there; returns when it answers. Raises ClusterError."""
    made = _begun(CoordinatorActor, COORDINATOR, {daemons.HEAD: 0.001}, "DEFAULT")
    answer(made.status.remote(), CONNECT_S_MAX)


def _begun(kind: type, name: str, resources: dict[str, float], where: object, *arguments: object) -> Any:
    """A detached actor of that name, made unless it is there, which Ray starts again wherever it dies."""
    actor: Any = ray.remote(kind).options(
        name=name,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=CALLS_AT_ONCE,
        num_cpus=0,
        resources=resources,
        scheduling_strategy=where,
    )
    return asked(lambda: actor.remote(*arguments))


def _node(home: Home, made: NodeSettings) -> ChildNode:
    return ChildNode(home.config, made.control_path, home.root / "node.out")


def _place() -> Place:
    return Place(cluster_dir())


def _begin_log(name: str) -> logs.Logger:
    base = _place().base
    ensure_directory(base)
    logs.configure(cast("TextIO", RotatingFile(base / f"{name}.log", LOG_BYTES_MAX)))
    return logs.logger()


def _own_address() -> str:
    node = ray.get_runtime_context().get_node_id()
    nodes: list[dict[str, Any]] = asked(ray.nodes)
    return next(str(each["NodeManagerAddress"]) for each in nodes if each["NodeID"] == node)


def _free_port(address: str) -> int:
    with socket.socket() as taken:
        taken.bind((address, 0))
        port: int = taken.getsockname()[1]
    return port
