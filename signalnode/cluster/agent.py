"""One start of a shard on one host: the node that runs as its child, its orders, its checkpoints.

It takes a grant, makes a directory of its own anew, and begins empty. Two loops: one tells the coordinator
how the markets stand and never waits for anything else, so that a slow store or a slow start makes nobody
think the shard dead; the other obeys and ships. Whatever is wrong beyond repair ends the process, and Ray
starts the shard again, with another grant.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from signalnode.bus.curve import own_keys
from signalnode.bus.epoch import grant_of, restarts_of
from signalnode.clock import NS_PER_S, monotonic_ns, wall_ns
from signalnode.cluster.config import ClusterConfig, Home, node_text, shard_node
from signalnode.cluster.coordinator import REPORT_S
from signalnode.cluster.fencing import Fencing, Orders
from signalnode.cluster.keys import lay_out
from signalnode.cluster.learnt import of_shards
from signalnode.cluster.messages import Assign, Fence, Handed, Report, Revision, Standing
from signalnode.cluster.shipper import Shipper
from signalnode.cluster.shipping import Bundle, Packed, Shipment, candidates, newest_of
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError
from signalnode.files import ensure_directory, replace_file
from signalnode.logs import Logger
from signalnode.names import AGGREGATOR, ENGINE
from signalnode.settings import NodeSettings

SLOTS = ("checkpoint.0", "checkpoint.1")  # of `engine.checkpoint`: two files take turns
SLOT_BYTES_MAX = 16_777_216
BUNDLES_READ_MAX = 64  # to find markets in
OVER = frozenset({"given_up", "down"})  # states in which nothing more is to be waited for
SCORE_S_MAX = 10.0  # an engine that is up so long and gave no score has none to give
ORDERS_MAX = 1_000  # that wait; each is the whole set, and comes again


class Node(Protocol):
    """The `signalnode run` of a shard. What fails raises ClusterError."""

    def start(self) -> None:
        """Start it, as a child that ends with this process; returns when it answers."""

    def children(self) -> list[dict[str, Any]]:
        """As in `status --json`."""

    def reload(self) -> None:
        """Have it read its config again."""

    def end(self) -> None:
        """Stop it, checkpoints last; returns when it has gone."""

    @property
    def has_ended(self) -> bool:
        """Whether its process is gone."""


@dataclass(frozen=True, slots=True)
class Host:
    """What only the shell knows of where this start is."""

    name: str  # as Ray has it
    address: str
    endpoint: str  # of the shard's aggregator
    release: str = ""  # of signalnode there


@dataclass(frozen=True, slots=True)
class Ways:
    """What only the shell can do."""

    config: Callable[[], ClusterConfig]  # the newest
    report: Callable[[Report], None]  # to the coordinator; never waits, and may get lost
    give_up: Callable[[str], None]  # end this process, for that reason


class Agent:
    """One start of a shard, in two threads, `work` and `tell`. `put` may be called from any other."""

    def __init__(
        self,
        home: Home,
        host: Host,
        ways: Ways,
        node_of: Callable[[NodeSettings], Node],
        *,
        store: CheckpointStore,
        log: Logger,
    ) -> None:
        self._home, self._host, self._ways = home, host, ways
        self._store, self._log = store, log
        self._shipper = Shipper(store, home.shard, home.start, log)
        self._fencing = Fencing(home.shard, home.start)
        self._config = ways.config()
        self._build, self._known = self._config.build, self._config.wanted()
        self._node = node_of(self._made())
        self._orders: queue.Queue[Assign | Fence] = queue.Queue(ORDERS_MAX)
        self._changed, self._began, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._obeyed = Revision()
        self._fault = self._endpoint = ""
        self._is_speaking = False  # whether its aggregator has been up: a first start compiles before that

    def put(self, order: Assign | Fence) -> None:
        """An order of the coordinator; dropped where ORDERS_MAX wait."""
        with contextlib.suppress(queue.Full):
            self._orders.put_nowait(order)

    def end(self) -> None:
        """Stop the node and ship its last checkpoints: for who moves the shard or ends the cluster."""
        self._ended.set()
        with contextlib.suppress(ClusterError):
            self._node.end()
        self._ship()

    def work(self) -> None:
        """Begin, then obey and ship until the end. The node lives as long as this thread."""
        try:
            self._begin()
        except (ClusterError, OSError) as error:
            self._ways.give_up(str(error))
            return
        self._began.set()
        due_ns = monotonic_ns() + self._ship_ns()
        while not self._ended.is_set():
            wait_s = max(0.0, (due_ns - monotonic_ns()) / NS_PER_S)
            try:
                self._obey(self._orders.get(timeout=wait_s))
            except queue.Empty:
                due_ns = monotonic_ns() + self._ship_ns()
                self._ship()

    def tell(self) -> None:
        """Report until the end."""
        self._began.wait()
        while not self._ended.is_set():
            obeyed, running = self._obeyed, dict(self._fencing.running)
            try:
                children = self._node.children()
                markets = _standing(children, running)
                self._is_speaking = self._is_speaking or _speaks(children)
            except ClusterError as error:
                if self._node.has_ended and not self._ended.is_set():
                    self._ways.give_up("its node has ended")
                    return
                self._log.warning("not told", reason=str(error))
            else:
                self._ways.report(self._report(obeyed, markets))
            self._changed.wait(REPORT_S)
            self._changed.clear()

    def _report(self, obeyed: Revision, markets: Mapping[str, Standing]) -> Report:
        return Report(
            shard=self._home.shard,
            start=self._home.start,
            host=self._host.name,
            version=self._build,
            revision=obeyed,
            markets=markets,
            fault=self._fault,
            unshipped=self._shipper.unshipped,
            endpoint=self._endpoint if self._is_speaking else "",
            release=self._host.release,
            wall_ns=wall_ns(),
        )

    def _begin(self) -> None:
        shutil.rmtree(self._home.root.parent, ignore_errors=True)  # what starts before left
        ensure_directory(self._home.root)
        lay_out(self._config.keys, self._home.keys)
        self._endpoint = f"{self._host.endpoint} {own_keys(self._home.keys)[0].decode()}"
        self._keep(Orders())
        self._node.start()

    def _obey(self, order: Assign | Fence) -> None:
        if isinstance(order, Fence):
            if (order.shard, order.start) == (self._home.shard, self._home.start):
                self._fencing.fence()
                self._ways.give_up("another start of this shard came up")
            return
        orders = self._fencing.take(order)
        if orders is None:
            return
        try:
            self._carry_out(orders)
            self._fault = ""
        except (ClusterError, OSError) as error:
            self._fault = str(error)
            self._log.error("order not carried out", reason=self._fault)
        self._obeyed = self._fencing.revision
        self._changed.set()

    def _carry_out(self, orders: Orders) -> None:
        if not orders.write and not orders.remove:
            return
        if not all(self._is_known(name, each) for name, each in orders.write.items()):
            self._config = self._ways.config()
            self._known = self._config.wanted()
        self._fetch(orders.write)
        self._keep(orders)
        self._node.reload()
        self._log.info("markets handed over", started=sorted(orders.write), let_go=list(orders.remove))

    def _is_known(self, market: str, handed: Handed) -> bool:
        """Whether the config at hand is the one that it was handed over with."""
        return market in self._known and self._known[market].digest == handed.digest

    def _keep(self, orders: Orders) -> None:
        """On disk what must not run again, then what is to run."""
        replace_file(self._home.fencing, self._fencing.encoded(), durable=bool(orders.remove))
        replace_file(self._home.config, node_text(self._made()))

    def _made(self) -> NodeSettings:
        return shard_node(self._config, self._home, self._host.endpoint, self._fencing.running)

    def _fetch(self, handed: Mapping[str, Handed]) -> None:
        """Lay out what other starts shipped of these markets; where the store is away they start cold."""
        absent = {name: each for name, each in handed.items() if not self._state(name).exists()}
        if not absent:
            return
        try:
            names = of_shards(self._store.names())
            read: dict[Shipment, Bundle | None] = {}
            for market, each in absent.items():
                self._fetch_one(market, each, names, read)
        except ClusterError as error:
            self._shipper.tell_away(error)

    def _fetch_one(
        self, market: str, handed: Handed, names: list[str], read: dict[Shipment, Bundle | None]
    ) -> None:
        place = (handed.origin.shard, handed.origin.start) if handed.origin else None
        for shipment in candidates(names, place)[:BUNDLES_READ_MAX]:
            if shipment not in read:
                read[shipment] = self._shipper.read(shipment)
            bundle = read[shipment]
            found = newest_of(market, handed.grant, [bundle]) if bundle else None
            if found is not None:
                ensure_directory(self._state(market))
                for name in SLOTS:
                    if name in found.files:
                        replace_file(self._state(market) / name, found.files[name])
                return
        self._log.info("market starts cold", market=market, reason="no shard has shipped it")

    def _ship(self) -> None:
        markets = {}
        for name, each in self._fencing.running.items():
            files = {slot: content for slot in SLOTS if (content := self._slot(name, slot))}
            if files:
                markets[name] = Packed(each.grant, files)
        if markets:
            self._shipper.ship(markets)

    def _ship_ns(self) -> int:
        cluster = self._config.node.cluster
        assert cluster is not None  # `up` has read it
        return int(cluster.ship_interval_s * NS_PER_S)

    def _slot(self, market: str, slot: str) -> bytes:
        path = self._state(market) / slot
        try:
            return path.read_bytes() if path.stat().st_size <= SLOT_BYTES_MAX else b""
        except OSError:
            return b""

    def _state(self, market: str) -> Path:
        return self._home.root / "state" / market


def _standing(children: list[dict[str, Any]], running: Mapping[str, Handed]) -> dict[str, Standing]:
    """Of the markets that are to run there; one whose process is of another grant yet is not ready."""
    found = {}
    for child in children:
        name, epoch = child["name"], int(child.get("epoch") or 0)
        if child.get("role") != ENGINE or name not in running:
            continue
        grant = running[name].grant
        is_its_own = grant_of(epoch) == grant
        is_ready = child["state"] in OVER or (is_its_own and child["state"] == "up" and _has_scored(child))
        found[name] = Standing(grant, is_ready, restarts_of(epoch) if is_its_own else 0)
    return found


def _speaks(children: list[dict[str, Any]]) -> bool:
    return any(each.get("role") == AGGREGATOR and each["state"] == "up" for each in children)


def _has_scored(child: Mapping[str, Any]) -> bool:
    """Whether it gives scores, or had time enough: a market that is shut gives none."""
    return child.get("score_age_s") is not None or float(child.get("uptime_s") or 0.0) > SCORE_S_MAX
