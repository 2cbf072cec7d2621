"""The door to what carries a cluster. Ray is imported behind it, once its environment is as it has to be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from signalnode.cluster import daemons
from signalnode.cluster.connection import Cluster, Tell
from signalnode.cluster.place import Place
from signalnode.settings import ClusterSettings
from signalnode.settings.environment import put_into_environment


def start_head(place: Place, cluster: ClusterSettings, tell: Tell) -> None:
    """Be the head, until SIGTERM or Ctrl-C. Raises ClusterError."""
    daemons.run_head(place, cluster, tell)


def join(place: Place, address: str, tell: Tell) -> None:
    """Be a host of the head at `address`, until SIGTERM or Ctrl-C. Raises ClusterError."""
    daemons.run_host(place, address, tell)


@contextlib.contextmanager
def connect(place: Place, cluster: ClusterSettings) -> Iterator[Cluster]:
    """The cluster, asked from one of its machines. Raises ClusterError within CONNECT_S_MAX."""
    put_into_environment(daemons.environment(place))
    from signalnode.cluster import ray

    with ray.connect(cluster) as found:
        yield found
