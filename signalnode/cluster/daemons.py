"""Ray's own daemons as children in the foreground: those of the head, and those of a host.

What is set here has to be set before they start, and reaches their workers with the environment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, pause
from signalnode.cluster.connection import Tell
from signalnode.cluster.node import bound, end_children, take_orphans
from signalnode.cluster.place import Place
from signalnode.errors import ClusterError
from signalnode.files import PRIVATE_FILE, ensure_directory
from signalnode.names import host_and_port
from signalnode.settings import ClusterSettings
from signalnode.settings.environment import CLUSTER_DIR, environment_with

SHARDS, HEAD = "signalnode_shards", "signalnode_head"  # what a machine offers, as Ray counts it
SHARDS_MAX = 1_000  # of one host
WORKERS_STARTING = 4  # processes of Ray's that may start at once
STORE_BYTES = 80_000_000  # of Ray's shared memory, the least it takes; nothing of ours lies there
RECONNECT_S = 3_600  # a head may be away this long; a minute else, and then every shard would end
BEATS = 3  # health checks in `lost_after_s`
END_S_MAX = 5.0  # of Ray's daemons, and then of what they leave
AGAIN_S, AGAIN_S_MAX = 1.0, 30.0  # from one try to join to the next
JOINED_S = 10.0  # that lasted so long was none in vain
REACH_S_MAX = 5.0
NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH)
NOT_LET_IN, TOO_SLOW = "InvalidAuthToken", "timed out during startup"  # in what Ray writes
STARTS_MAX = 5  # of a head whose daemons are too slow for Ray's own patience of half a minute
_OTHER_VERSION = re.compile(r"Version mismatch:" + 2 * r".*?Ray: (\S+)\s+Python: (\S+)", re.DOTALL)
CURRENT = Path("/tmp/ray/ray_current_cluster")  # where Ray keeps what runs on this machine
STOPS = (signal.SIGINT, signal.SIGTERM)


def environment(place: Place) -> dict[str, str]:
    """Of whatever speaks with Ray on this machine."""
    return {
        CLUSTER_DIR: str(place.base),
        "RAY_AUTH_MODE": "token",
        "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",  # what goes between hosts is of our own kinds
        "RAY_AUTH_TOKEN_PATH": str(place.token),
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(RECONNECT_S),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_enable_metrics_collection": "0",
        "RAY_prestart_worker_first_driver": "0",
        "RAY_worker_niceness": "0",
    }


def head_environment(place: Place, cluster: ClusterSettings) -> dict[str, str]:
    """Of the head besides: it keeps what it knows on disk, and notices lost hosts."""
    beat_ms = max(1, int(cluster.lost_after_s * 1_000 / BEATS))
    return environment(place) | {
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": str(place.store),
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": str(beat_ms),
        "RAY_health_check_timeout_ms": str(beat_ms),
        "RAY_health_check_failure_threshold": str(BEATS),
    }


def head_command(cluster: ClusterSettings) -> list[str]:
    """Ray's head, which runs no shard."""
    host, port = _address(cluster.head)
    offers = f'{{"{HEAD}":1}}'
    return _ray(
        "--head", f"--port={port}", f"--node-ip-address={host}", "--include-dashboard=false", offers=offers
    )


def host_command(head: str, address: str) -> list[str]:
    """A host of that head, which others reach at `address`."""
    return _ray(f"--address={head}", f"--node-ip-address={address}", offers=f'{{"{SHARDS}":{SHARDS_MAX}}}')


def _ray(*words: str, offers: str) -> list[str]:
    return [
        *bound("-m", "ray.scripts.scripts", "start", *words),
        f"--num-cpus={WORKERS_STARTING}",
        f"--object-store-memory={STORE_BYTES}",
        "--include-log-monitor=false",
        "--disable-usage-stats",
        "--block",
        f"--resources={offers}",
    ]


def own_address(head: str) -> str:
    """The address by which this machine reaches the head. Raises ClusterError where it does not.

    A way that is not there yet, as while a network comes up, is waited for REACH_S_MAX.
    """
    until_ns = monotonic_ns() + int(REACH_S_MAX * NS_PER_S)
    while True:
        try:
            with socket.create_connection(_address(head), REACH_S_MAX) as way:
                return str(way.getsockname()[0])
        except OSError as error:
            if error.errno in NO_WAY and monotonic_ns() < until_ns:
                pause(100 * NS_PER_MS)
                continue
            what = error.strerror or str(error)
            raise ClusterError(f"the head at {head} cannot be reached ({what}); {_mend(error)}") from None


def _mend(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "is its name right, and known on this machine?"
    if isinstance(error, TimeoutError):
        return "is its address right, and does no firewall drop what goes there?"
    if error.errno in NO_WAY:
        return "is its address right, and the network between the machines up?"
    return "is `cluster head` running?"


def check_own(head: str) -> None:
    """Raises ClusterError where this machine cannot listen there: Ray would try in silence for minutes."""
    try:
        found = socket.getaddrinfo(*_address(head), type=socket.SOCK_STREAM)
        with socket.socket(found[0][0]) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(found[0][4])
    except OSError as error:
        what = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            mend = "end the program that listens there, or choose another port"
        else:
            mend = "name an address of this machine, by which the others reach it"
        raise ClusterError(f"cluster.head: nothing can listen at {head} here ({what}); {mend}") from None


def forget_before(head: str) -> None:
    """A head that was killed leaves a note that it runs, and Ray would not start another one."""
    with contextlib.suppress(OSError):
        if head in CURRENT.read_text():
            CURRENT.unlink()


def check_here(head: str) -> None:
    """Raises ClusterError where none of that head is seen here: Ray would end this process without a word."""
    try:
        is_here = head in CURRENT.read_text()
    except OSError:
        is_here = False
    if not is_here:
        raise ClusterError(
            f"no `cluster head` or `cluster join` of {head} is seen on this machine; start one, and where it "
            "is a service of the machine ask within it: nsenter -m -t PID"
        )


class RefusedError(ClusterError):
    """The head does not let this machine in, and will not as long as its token and versions are the same."""


def other_versions(text: str) -> str:
    """Ray's word that the head has other versions, in one line; "" where it says something else."""
    found = _OTHER_VERSION.search(text)
    if found is None:
        return ""
    return (
        f"it has Ray {found[1]} on Python {found[2]}, and this machine Ray {found[3]} on Python {found[4]}; "
        "install the head's here"
    )


def check_let_in(output: Path, head: str) -> None:
    """Raises RefusedError where what Ray wrote says that its token, or its versions, are not the head's."""
    said = _said(output)
    if versions := other_versions(said):
        raise RefusedError(f"the head at {head} does not let this machine in: {versions}")
    if NOT_LET_IN in said:
        raise RefusedError(f"the head at {head} refuses this machine's token; copy it from there again")


def _said(output: Path) -> str:
    try:
        return output.read_text("utf-8", "replace")
    except OSError:
        return ""


def run_head(place: Place, cluster: ClusterSettings, tell: Tell) -> None:
    """Until SIGTERM or Ctrl-C. Raises ClusterError where it ends by itself."""
    with _stopping() as stop:
        check_own(cluster.head)
        forget_before(cluster.head)
        ensure_directory(place.store)
        output = place.base / "head.log"
        tell(f"the head listens at {cluster.head}; its log: {output}")
        for _ in range(STARTS_MAX):
            status = _run(head_command(cluster), head_environment(place, cluster), output, stop)
            if stop.is_set():
                return
            if TOO_SLOW not in _said(output):
                break
            tell("Ray's daemons did not start in the time that it gives them, on a busy machine: once more")
        raise ClusterError(f"Ray's head has ended (status {status}); see {output}")


def run_host(place: Place, head: str, tell: Tell) -> None:
    """Until SIGTERM or Ctrl-C. What ends by itself, as after a cut, joins again."""
    own_address(head)  # the first time it has to be there
    output, wait_s = place.base / "host.log", AGAIN_S
    with _stopping() as stop:
        while not stop.is_set():
            began_ns = monotonic_ns()
            try:
                address = own_address(head)
                forget_before(head)
                tell(f"this host is {address}, of the head at {head}; its log: {output}")
                status = _run(host_command(head, address), environment(place), output, stop)
                what = f"Ray's host has ended (status {status})"
                if not stop.is_set():
                    check_let_in(output, head)
            except RefusedError:
                raise
            except ClusterError as error:
                what = str(error)
            if stop.is_set():
                return
            wait_s = (
                AGAIN_S if monotonic_ns() - began_ns > JOINED_S * NS_PER_S else min(2 * wait_s, AGAIN_S_MAX)
            )
            tell(f"{what}; next try in {wait_s:g} s")
            stop.wait(wait_s)


@contextlib.contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in STOPS}
    try:
        yield stop
    finally:
        for number, reaction in before.items():
            signal.signal(number, reaction)


def _run(command: list[str], extra: Mapping[str, str], output: Path, stop: threading.Event) -> int:
    take_orphans()
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        daemon = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment_with(**extra),
            start_new_session=True,  # Ctrl-C is for us, who end it in order
        )
    finally:
        os.close(file)
    while daemon.poll() is None and not stop.wait(100 * NS_PER_MS / NS_PER_S):
        pass
    if daemon.poll() is None:
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(END_S_MAX)
    end_children(END_S_MAX)  # its own have sessions of theirs, and what actors started has too
    daemon.poll()
    return daemon.returncode or 0


def _address(head: str) -> tuple[str, int]:
    found = host_and_port(f"tcp://{head}")
    assert found is not None, head  # the settings and the command line have looked at it
    return found
