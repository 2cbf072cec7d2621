"""What is asked of Ray: by the command line, and by the actors. This file and `actors` import it.

Ray starts actors and starts them again elsewhere, finds them by name, keeps a few records on the head's disk,
and says which hosts are there. It decides nothing: the coordinator does, in an actor on the head, and each
shard obeys, in an actor that offers its host. A call is never waited for by who has something else to do.

Records, all under one namespace: `config`, `record`, and `grant/N` for each grant, put if absent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError
from ray.experimental import internal_kv

from signalnode.cluster import daemons, leaving
from signalnode.cluster.config import ClusterConfig
from signalnode.cluster.connection import CONNECT_S_MAX, NothingUpError
from signalnode.cluster.encoding import decoded
from signalnode.cluster.head import policy_of
from signalnode.cluster.overview import Status
from signalnode.cluster.shipping import shipment_of
from signalnode.cluster.store import CheckpointStore
from signalnode.errors import ClusterError, SignalnodeError, in_words
from signalnode.settings import ClusterSettings

NAMESPACE = "signalnode"
COORDINATOR = "coordinator"
CONFIG, RECORD, GRANT = b"config", b"record", b"grant/"
ANSWER_S_MAX = 10.0  # of the coordinator, to the command line

_Answer = TypeVar("_Answer")


# The command line.


@contextlib.contextmanager
def connect(cluster: ClusterSettings) -> Iterator[RayCluster]:
    """The cluster, asked from one of its machines. Raises ClusterError within CONNECT_S_MAX.

    Whatever Ray reads of the environment it reads when it is imported: see `carrier`.
    """
    address = daemons.own_address(cluster.head)
    daemons.check_here(cluster.head)
    silence = f"the head at {cluster.head} gives no answer"
    # Ray goes on asking in its thread, waits for that at the end for minutes, and speaks of its own.
    leaving.at_once()
    with _unheard():
        within(CONNECT_S_MAX, lambda: _init(cluster.head, address), silence)
    try:
        yield RayCluster()
    finally:
        leaving.closed(ray.shutdown)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """What Ray's libraries write to stderr by themselves is told in words of ours."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _init(head: str, address: str) -> None:
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    ray.init(
        address=head,
        namespace=NAMESPACE,
        log_to_driver=False,
        configure_logging=False,
        logging_level=logging.CRITICAL,
        _node_ip_address=address,
    )


class RayCluster:
    """`connection.Cluster`, by way of the coordinator's actor."""

    def up(self, config: ClusterConfig) -> None:
        """Have these markets run, and no others; starts the coordinator where there is none."""
        policy_of(config)
        put_record(CONFIG, config.encoded())
        try:
            answer(self._coordinator().changed.remote())
        except NothingUpError:
            from signalnode.cluster.actors import start_coordinator

            start_coordinator()

    def status(self) -> Status:
        """How everything stands. Raises NothingUpError."""
        return decoded(answer(self._coordinator().status.remote()), Status)

    def drain(self, host: str) -> None:
        """No market may stay on that host."""
        answer(self._coordinator().drain.remote(host))

    def rebalance(self) -> None:
        """Move markets until shards are as even as may be."""
        answer(self._coordinator().rebalance.remote())

    def down(self) -> None:
        """End every shard, and then the coordinator."""
        answer(self._coordinator().down.remote())

    def endpoint(self) -> str:
        """Where Layer 5 is heard now."""
        found = self.status().layer5
        if found is None or not found.endpoint:
            raise ClusterError("Layer 5 is not up yet; see: signalnode cluster status")
        return found.endpoint

    def _coordinator(self) -> Any:
        found = within(ANSWER_S_MAX, lambda: found_actor(COORDINATOR), "the head gives no answer")
        if found is None:
            raise NothingUpError("nothing is up; start the markets with: signalnode cluster up")
        return found


def kept_config() -> ClusterConfig:
    content = get_record(CONFIG)
    if not content:
        raise ClusterError("the head keeps no config; run: signalnode cluster up")
    return ClusterConfig.decoded(content)


def grants_shipped() -> list[int]:
    """Grants in the names of checkpoints; none where the store is away or there is no config yet."""
    with contextlib.suppress(SignalnodeError):
        settings = kept_config().node.cluster
        if settings is not None:
            names = CheckpointStore(settings.checkpoints).names()
            return [found.start for found in map(shipment_of, names) if found is not None]
    return []


def grants_taken() -> list[int]:
    keys: list[bytes] = asked(lambda: internal_kv._internal_kv_list(GRANT, namespace=NAMESPACE))
    return [int(key[len(GRANT) :]) for key in keys]


def put_record(key: bytes, value: bytes, *, overwrite: bool = True) -> bool:
    """Whether it was put: where it is not to overwrite, whether nothing was there."""
    was_there = asked(lambda: internal_kv._internal_kv_put(key, value, overwrite, namespace=NAMESPACE))
    return overwrite or not was_there


def remove_record(key: bytes) -> None:
    asked(lambda: internal_kv._internal_kv_del(key, namespace=NAMESPACE))


def get_record(key: bytes) -> bytes | None:
    found: bytes | None = asked(lambda: internal_kv._internal_kv_get(key, namespace=NAMESPACE))
    return found


def found_actor(name: str) -> Any:
    """A handle to it; None where there is none of that name."""
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None


def answer(call: Any, wait_s: float = ANSWER_S_MAX) -> Any:
    try:
        return ray.get(call, timeout=wait_s)
    except RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()[-1:]
        raise ClusterError(f"the coordinator gives no answer: {''.join(reason)[:200]}") from None


def asked(question: Callable[[], _Answer]) -> _Answer:
    try:
        return question()
    except (RayError, RuntimeError, OSError) as error:
        raise ClusterError(f"Ray gives no answer: {in_words(error).splitlines()[0][:200]}") from None


def within(wait_s: float, question: Callable[[], _Answer], otherwise: str) -> _Answer:
    """Ray waits for a head much longer than a person does."""
    found: list[_Answer] = []
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            found.append(question())
        except BaseException as error:
            failed.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(wait_s)
    if failed:
        words = in_words(failed[0]).strip()
        reason = daemons.other_versions(words) or words.splitlines()[0][:200]
        raise ClusterError(f"{otherwise}: {reason}") from None
    if not found:
        raise ClusterError(
            f"{otherwise} within {wait_s:g} s; is `cluster head` running, and the token the same?"
        )
    return found[0]
