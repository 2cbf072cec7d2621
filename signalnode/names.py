"""Names and addresses, each rule once: what a thing may be called, where it listens, who is this machine.

The name of a market, a strategy or a subscriber stands in topics, file names and addresses, so there is one
rule for all of them. What the supervisor keeps for itself besides, its specs say: `cli.specs.spec_faults`.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import reprlib
from pathlib import Path

from signalnode.errors import EndpointError, UsageError

NAME_CHARS_MAX = 64
SOCKET_PATH_BYTES_MAX = 107  # sun_path of unix(7) holds 108 with the closing NUL
PORT_MAX = 65_535

ENGINE = "engine"  # the role of every child that is a market
AGGREGATOR = "aggregator"  # the child's name, and with that the name of its lock and its log
GATEWAY = "gateway"  # the role of every child that holds connections to a venue
GATEWAY_PREFIX = "gateway."  # of its name
PANEL = "panel"  # the child that serves the web page, its role and its name
ALERTS = "alerts"  # the child that sends alerts, its role and its name
RECORDER = "recorder"  # the child that keeps what markets hear, its role and its name
RECORDINGS = "recordings"  # where that is, beside the markets' own directories
OWN = (AGGREGATOR, ALERTS, PANEL, RECORDER)  # children that are neither a market nor a gateway
# Children of the node's own, and what lies beside the markets in its two directories.
RESERVED_NAMES = frozenset({*OWN, RECORDINGS, "control", "logs", "node", "supervisor"})
DEFAULT_ENDPOINT = "tcp://127.0.0.1:7450"
DEFAULT_PANEL = "127.0.0.1:7480"
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")  # by which a browser asks this machine itself

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_TCP = re.compile(r"tcp://(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})", re.ASCII)
_IPC = "ipc://"
KEY_CHARS = 40  # a CURVE key in Z85 text
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_PATHS_MAX = 1_024  # socket files whose paths are remembered, for they are looked for each second


def name_fault(name: str, what: str = "a market") -> str | None:
    """What is wrong with the name of `what`, with the mend; None where it can stand in a file and a topic."""
    if len(name) > NAME_CHARS_MAX:
        return f"a name of {len(name)} characters is too long; use at most {NAME_CHARS_MAX}"
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot name {what}; use letters, digits, '.', '_' and '-', no sign first"
    return None


def market_name_fault(name: str) -> str | None:
    """As `name_fault`, and a market must not be called as something of the node's own, in either case."""
    if name.lower() in RESERVED_NAMES or name.lower().startswith(GATEWAY_PREFIX):
        return f"{name!r} is a name of the node's own; choose another"
    return name_fault(name)


def market_name_of(symbol: str) -> str:
    """What to call the market of a venue's symbol: `BTC-USDT` for `btc/usdt`; "" where that is no name."""
    name = _NO_NAME.sub("-", symbol).strip("-._").upper()
    return "" if market_name_fault(name) else name


def asset_of(market: str) -> str:
    """The asset that a market's name says it quotes: `BTC` of `BTC-USDT`; all of a name in one piece."""
    return market.partition("-")[0].upper()


def checked_name(name: str, what: str = "a market") -> str:
    """Return `name` if it can be the name of `what`, else raise UsageError."""
    if not isinstance(name, str):
        raise UsageError(f"{reprlib.repr(name)} cannot name {what}; give each name as a string of its own")
    fault = name_fault(name, what)
    if fault:
        raise UsageError(fault)
    return name


def socket_path_fault(path: Path) -> str | None:
    """What is wrong with the path of a Unix socket, with the mend; None where the system takes it."""
    length = len(bytes(path))
    if length <= SOCKET_PATH_BYTES_MAX:
        return None
    what = f"the socket path {path} has {length} bytes, the system takes {SOCKET_PATH_BYTES_MAX}"
    return f"{what}; use a shorter runtime_dir"


def scores_path(runtime_dir: Path, market: str) -> Path:
    """The socket on which the engine of `market` publishes."""
    return runtime_dir / f"{market}.scores"


def scores_endpoint(runtime_dir: Path, market: str) -> str:
    """Where the engine of `market` publishes."""
    return f"{_IPC}{scores_path(runtime_dir, market)}"


def snapshot_endpoint(endpoint: str) -> str:
    """Where the newest messages and the ring are asked for: the next port, or the path with `.snapshot`.

    One rule instead of a second setting, so that a subscriber who knows one endpoint knows both.
    """
    address = host_and_port(endpoint)
    if address is None:
        return f"{endpoint}.snapshot"
    host, port = address
    return f"tcp://{host}:{port + 1}"


def host_and_port(endpoint: str) -> tuple[str, int] | None:
    """The two parts of a tcp endpoint, an IPv6 host in its brackets; None for any other."""
    found = _TCP.fullmatch(endpoint)
    return (found[1], int(found[2])) if found else None


@functools.lru_cache(maxsize=_PATHS_MAX)
def ipc_path(endpoint: str) -> Path | None:
    """The socket file of an ipc endpoint; None for any other."""
    path = endpoint.removeprefix(_IPC)
    return Path(path) if path and endpoint.startswith(_IPC) else None


def endpoint_fault(endpoint: str) -> str | None:
    """What is wrong with an endpoint, with the mend; None for an ipc or tcp address that can be bound."""
    path, address = ipc_path(endpoint), host_and_port(endpoint)
    if path is not None:
        return socket_path_fault(path)
    if address is None or not 0 < address[1] <= PORT_MAX:
        return f"{endpoint!r} is no endpoint; write it like {DEFAULT_ENDPOINT} or ipc:///path/to/socket"
    return None


def aggregator_endpoint_fault(endpoint: str) -> str | None:
    """As `endpoint_fault`, for one that needs the address after it as well: see `snapshot_endpoint`."""
    address = host_and_port(endpoint)
    if address is not None and address[1] == PORT_MAX:
        return f"{endpoint!r} leaves no port after it for snapshots; use {PORT_MAX - 1} at most"
    return endpoint_fault(endpoint) or endpoint_fault(snapshot_endpoint(endpoint))


def is_key(text: str) -> bool:
    """Whether `text` has the form of a CURVE key in Z85."""
    return _KEY.fullmatch(text) is not None


def source_parts(source: str) -> tuple[str, str]:
    """The endpoint of another aggregator, and its node's public key; "" where none is given."""
    endpoint, _, key = source.partition(" ")
    return endpoint, key.strip()


def source_fault(source: str, *, has_keys: bool) -> str | None:
    """What is wrong with a source, with the mend. Beyond this machine it takes keys."""
    endpoint, key = source_parts(source)
    if fault := aggregator_endpoint_fault(endpoint):
        return fault
    if key and not is_key(key):
        return f"{key[:60]!r} is not a public key; give the {KEY_CHARS} characters that `keys new` printed"
    if not has_keys and (key or not is_local(endpoint)):
        return f"{endpoint} takes keys; make some with `signalnode keys new` and set aggregator.keys_dir"
    return None


def panel_endpoint_fault(endpoint: str) -> str | None:
    """What is wrong with the address of the web page, with the mend; None for a host and a port."""
    address = host_and_port(f"tcp://{endpoint}")
    if address is None or not 0 < address[1] <= PORT_MAX:
        return f"{endpoint!r} is no host and port; write it like {DEFAULT_PANEL}"
    return None


def check_endpoint(endpoint: str) -> str:
    """Return `endpoint` if it is an ipc or tcp address that can be bound, else raise EndpointError."""
    fault = endpoint_fault(endpoint)
    if fault:
        raise EndpointError(fault)
    return endpoint


def connect_address(endpoint: str) -> str:
    """Where to connect to what binds `endpoint`: `tcp://*` is every interface, and no address to go to."""
    return endpoint.replace("tcp://*:", "tcp://127.0.0.1:", 1)


def is_local(endpoint: str) -> bool:
    """Whether only this machine can reach `endpoint`; anything else needs CURVE keys."""
    address = host_and_port(endpoint)
    return endpoint.startswith((_IPC, "inproc://")) if address is None else is_loopback(address[0])


def is_loopback(host: str) -> bool:
    """Whether `host`, an address (IPv6 with or without brackets) or a name, stays on this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
