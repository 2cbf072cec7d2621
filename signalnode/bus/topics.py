"""Topics and endpoints of the bus: pure text, no sockets.

ZeroMQ matches topics by prefix, so `score.BTC-USD` also hears `score.BTC-USDT`: whoever subscribes to one
market compares the whole topic afterwards. The library does.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from signalnode.errors import EndpointError, UsageError

SCORE, HEARTBEAT, END, DECISION = b"score.", b"heartbeat.", b"end.", b"decision."
VIEW = b"view"

NAME_CHARS_MAX = 64  # of a market or strategy; both end up in file names and topics
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
IPC_PATH_BYTES_MAX = 107  # sun_path of Linux without its closing zero


def checked_name(name: str) -> str:
    """Return `name` if it can be a market or strategy, else raise UsageError."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a name: use 1 to {NAME_CHARS_MAX} letters, digits, '.', '_' or '-', "
            "and a letter or digit first"
        )
    return name


def scores_endpoint(runtime_dir: Path, market: str) -> str:
    """Where the engine of `market` publishes."""
    return f"ipc://{runtime_dir / market}.scores"


def snapshot_endpoint(endpoint: str) -> str:
    """Where the newest messages and the ring are asked for: the next port, or the path with `.snapshot`.

    One rule instead of a second setting, so that a subscriber who knows one endpoint knows both.
    """
    if endpoint.startswith("tcp://"):
        host, _, port = endpoint.rpartition(":")
        return f"{host}:{int(port) + 1}"
    return f"{endpoint}.snapshot"


def check_endpoint(endpoint: str) -> str:
    """Return `endpoint` if it is an ipc or tcp address that can be bound, else raise EndpointError."""
    if endpoint.startswith("ipc://"):
        length = len(endpoint.removeprefix("ipc://").encode())
        if length > IPC_PATH_BYTES_MAX:
            raise EndpointError(
                f"{endpoint}: a socket path of {length} bytes, and Linux allows {IPC_PATH_BYTES_MAX}: "
                "choose a shorter runtime_dir"
            )
        return endpoint
    if (
        not re.fullmatch(r"tcp://(\[[0-9A-Fa-f:.]+\]|[^\s:/]+|\*):\d{1,5}", endpoint)
        or _port(endpoint) > 65_535
    ):
        raise EndpointError(
            f"{endpoint}: not an address; write tcp://127.0.0.1:7450 or ipc:///path/to/socket"
        )
    return endpoint


def unlink_ipc(endpoint: str) -> None:
    """Remove the socket file of a closed ipc `endpoint`, which libzmq 4.3 leaves behind.

    Tcp needs nothing.
    """
    if endpoint.startswith("ipc:///"):
        Path(endpoint.removeprefix("ipc://")).unlink(missing_ok=True)


def connect_address(endpoint: str) -> str:
    """Where to connect to what binds `endpoint`: `tcp://*` is every interface, and no address to go to."""
    return endpoint.replace("tcp://*:", "tcp://127.0.0.1:", 1)


def is_local(endpoint: str) -> bool:
    """Whether only this machine can reach `endpoint`; anything else needs CURVE keys."""
    if endpoint.startswith(("ipc://", "inproc://")):
        return True
    host = endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _port(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])
