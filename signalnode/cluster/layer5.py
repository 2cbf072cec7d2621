"""Layer 5 of a cluster: one node without a market, whose aggregator hears the aggregator of every shard.

It is found by its name, which is why there is one of it: when its host is lost, Ray starts it on another,
with another grant, so that its views and decisions have higher epochs. Which shards there are it asks the
coordinator, and writes into a file that its aggregator looks at, as it does how all of it stands, for `top`
and the page. While the head is away it hears those known. What it has learnt goes with it (`learnt`).
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from signalnode.bus.cluster import Told
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.cluster.agent import Host, Node
from signalnode.cluster.config import ClusterConfig, Home, layer5_node, node_text
from signalnode.cluster.keys import lay_out
from signalnode.cluster.learnt import Learnt
from signalnode.cluster.overview import UP, Layer5Row, Status, told
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError
from signalnode.files import ensure_directory, replace_file
from signalnode.logs import Logger
from signalnode.names import AGGREGATOR, host_and_port
from signalnode.settings import NodeSettings

PORT = 7450  # where the config names none
LOOK_S = 1.0  # from one look at the shards to the next
DEAF_S = 10.0  # a shard that is up is heard within seconds, also a new one


@dataclass(frozen=True, slots=True)
class Ways:
    """What only the shell can do."""

    config: Callable[[], ClusterConfig]  # the newest
    status: Callable[[], Status]  # of the coordinator
    report: Callable[[Layer5Row], None]  # to the coordinator; never waits, and may get lost
    give_up: Callable[[str], None]  # end this process, for that reason


def endpoint_of(config: ClusterConfig, address: str) -> str:
    """Where subscribers hear it: the host's address, and the port of the config's aggregator."""
    found = host_and_port(config.node.aggregator.endpoint)
    return f"tcp://{address}:{found[1] if found else PORT}"


def sources_of(status: Status) -> list[str]:
    """The aggregators of all shards that are up, each with its public key, as `sources_file` has them."""
    return sorted({row.endpoint for row in status.shards if row.endpoint and row.state == UP})


class Layer5:
    """One start of it, in two threads, `work` and `ship`: a slow store makes nobody think it dead."""

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
        self._home, self._host, self._ways, self._log = home, host, ways, log
        self._config = ways.config()
        self._node = node_of(self._made())
        self._learnt = Learnt(home, store, log)
        self._sources: list[str] = []
        self._heard_all_ns, self._unheard = monotonic_ns(), 0
        self._began, self._ended = threading.Event(), threading.Event()

    def work(self) -> None:
        """Begin, and follow shards and config until the end. The node lives as long as this thread."""
        try:
            self._begin()
        except (ClusterError, OSError) as error:
            self._ways.give_up(str(error))
            return
        self._began.set()
        while not self._ended.wait(LOOK_S):
            self.look()

    def ship(self) -> None:
        """Ship what it learns until the end."""
        self._began.wait()
        while not self._ended.wait(self._ship_s()):
            self._learnt.ship()

    def look(self) -> None:
        """Write down which shards there are, take over another config, and say that it is there."""
        try:
            self._follow(self._ways.status())
        except (ClusterError, OSError) as error:  # the head is away, say: it hears those it knew
            self._log.warning("shards not known", reason=str(error))
        if self._node.has_ended and not self._ended.is_set():
            self._ways.give_up("its node has ended")
            return
        row = Layer5Row(self._host.name, self._host.endpoint, UP, 0.0, len(self._sources))
        self._ways.report(replace(row, unshipped=self._learnt.unshipped, deaf_to=self._deaf_to()))

    def end(self) -> None:
        """Stop the node and ship what it has learnt last: for who ends the cluster."""
        self._ended.set()
        with contextlib.suppress(ClusterError):
            self._node.end()
        self._learnt.ship()

    def _begin(self) -> None:
        shutil.rmtree(self._home.root.parent, ignore_errors=True)  # what starts before left
        ensure_directory(self._home.root)
        lay_out(self._config.keys, self._home.keys)
        self._learnt.fetch()
        self._write_sources()
        replace_file(self._home.config, node_text(self._made()))
        self._node.start()
        self._log.info("layer 5 is up", endpoint=self._host.endpoint)

    def _follow(self, status: Status) -> None:
        word = Told(told(status), monotonic_ns())
        replace_file(self._home.overview, msgspec.json.encode(word))
        sources = sources_of(status)
        if sources != self._sources:
            self._sources = sources
            self._write_sources()
        config = self._ways.config()
        if config == self._config:
            return
        if config.keys != self._config.keys:
            # Who has the old pair is let in where the new one is, and not the other way round: it is last.
            if all(row.version == config.build for row in status.shards if row.state == UP):
                self._ways.give_up("another pair of keys, which all shards have by now")
            return
        self._config = config
        replace_file(self._home.config, node_text(self._made()))
        self._node.reload()
        self._log.info("layer 5 has another config")

    def _write_sources(self) -> None:
        replace_file(self._home.sources, "".join(f"{line}\n" for line in self._sources).encode())

    def _deaf_to(self) -> int:
        """How many shards that are up it has not heard for DEAF_S: something blocks the way to them."""
        now_ns = monotonic_ns()
        with contextlib.suppress(ClusterError):
            children = self._node.children()
            here = [each for each in children if each["name"] == AGGREGATOR and each["state"] == "up"]
            self._unheard = len(self._sources) - int(here[0].get("sources") or 0) if here else 0
            if self._unheard <= 0:
                self._heard_all_ns = now_ns
        return self._unheard if now_ns - self._heard_all_ns > DEAF_S * NS_PER_S else 0

    def _ship_s(self) -> float:
        cluster = self._config.node.cluster
        assert cluster is not None  # `up` has read it
        return cluster.ship_interval_s

    def _made(self) -> NodeSettings:
        return layer5_node(self._config, self._home, self._host.endpoint)
