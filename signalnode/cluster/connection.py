"""What the command line asks of a cluster, whoever carries it: `ray` does, and a test's stand-in may."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from signalnode.cluster.config import ClusterConfig
from signalnode.cluster.overview import Status
from signalnode.cluster.place import Place
from signalnode.errors import ClusterError
from signalnode.settings import ClusterSettings

CONNECT_S_MAX = 20.0  # until a head that does not answer is told
INSTALL = "pip install 'signalnode[cluster]'"

Tell = Callable[[str], None]  # a line on how far it is


class NothingUpError(ClusterError):
    """The head answers, and has no coordinator: nobody said `cluster up`, or it is down by now."""


class Cluster(Protocol):
    """A cluster that answers. Each verb raises ClusterError, and waits for no market."""

    def up(self, config: ClusterConfig) -> None:
        """Have these markets run, and no others; starts the coordinator where there is none."""

    def status(self) -> Status:
        """How everything stands. Raises NothingUpError."""

    def drain(self, host: str) -> None:
        """No market may stay on that host, which goes by the name that Ray gives it."""

    def rebalance(self) -> None:
        """Move markets until shards are as even as may be."""

    def down(self) -> None:
        """End every shard, and then the coordinator."""

    def endpoint(self) -> str:
        """Where Layer 5 is heard now."""


class Carrier(Protocol):
    """The module that carries a cluster: `signalnode.cluster.carrier`."""

    def start_head(self, place: Place, cluster: ClusterSettings, tell: Tell) -> None:
        """Be the head, until SIGTERM or Ctrl-C. Raises ClusterError."""

    def join(self, place: Place, address: str, tell: Tell) -> None:
        """Be a host of the head at `address`, until SIGTERM or Ctrl-C. Raises ClusterError."""

    def connect(self, place: Place, cluster: ClusterSettings) -> AbstractContextManager[Cluster]:
        """The cluster, asked from one of its machines. Raises ClusterError within CONNECT_S_MAX."""
