"""`cluster`: the verbs of many machines. Whatever carries them between hosts is loaded here alone."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from signalnode import __version__
from signalnode.cli.numbers import joined_address
from signalnode.cli.terminal import is_coloured
from signalnode.clock import NS_PER_S, monotonic_ns, pause
from signalnode.cluster.connection import INSTALL, NothingUpError
from signalnode.cluster.overview import Status, as_table, host_named, told
from signalnode.cluster.place import Place, check_token, make_token
from signalnode.errors import ClusterError, ConfigError, RuntimeDirectoryError
from signalnode.files import ensure_directory, hold_lock
from signalnode.panels.cluster import advice_lines, cluster_lines, trouble_lines, whole_line
from signalnode.settings import ClusterSettings, NodeSettings, config_found, load_node, user_state_dir
from signalnode.settings.environment import config_option
from signalnode.settings.reading import shown

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from signalnode.cluster.connection import Carrier, Cluster

CARRIER = "signalnode.cluster.carrier"
LOOK_NS = NS_PER_S // 2
LOOKS = 2  # in a row that must show it done: what was asked for is obeyed a moment later


def head(arguments: argparse.Namespace) -> int:
    """Be the head until SIGTERM or Ctrl-C."""
    node, cluster = _config(arguments)
    place, carrier = _place(arguments, node), _carrier()
    _ensure(place)
    with hold_lock(place.base / "head.lock"):
        made = " was made" if make_token(place.token) else ""
        _tell(f"token: {place.token}{made}; it lets a machine in, and whoever has it may run code on all")
        _tell(f"on each machine: put it there, mode 600; then: signalnode cluster join {cluster.head}")
        carrier.start_head(place, cluster, _tell)
    return 0


def join(arguments: argparse.Namespace) -> int:
    """Be a host until SIGTERM or Ctrl-C."""
    address = joined_address(arguments.head)
    place, carrier = _place(arguments, _node_here(arguments)), _carrier()
    check_token(place.token, address)
    _ensure(place)
    with hold_lock(place.base / "host.lock"):
        carrier.join(place, address, _tell)
    return 0


def up(arguments: argparse.Namespace) -> int:
    """Have the config's markets run; returns when each gives scores, or says which do not."""
    from signalnode.cli.check import ConfigCheck, store_faults
    from signalnode.cluster.config import ClusterConfig
    from signalnode.cluster.keys import cluster_keys

    node = ConfigCheck().node(arguments.config)
    if faults := store_faults(node):
        raise ConfigError(faults)
    cluster, place, carrier = _cluster(node), _place(arguments, node), _carrier()
    check_token(place.token, cluster.head)
    with carrier.connect(place, cluster) as there:
        directory = _keys_of(node, place)
        keys = cluster_keys(directory, anew=arguments.new_keys)
        there.up(ClusterConfig(node, __version__, keys))
        _tell(f"{len(node.markets)} markets wanted; subscribers trust {directory / 'node.key'}")
        last = _watched(there, arguments.wait, lambda status: status.is_settled)
    if last is not None and last.ready < len(node.markets):
        _tell_trouble(last)
        see = f"see: signalnode cluster status{config_option(node.path)}"
        raise ClusterError(f"{last.ready} of {len(node.markets)} markets give scores; {see}")
    if last is not None:
        _tell_trouble(last)
        for line in advice_lines(told(last)):
            _tell(line)
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Print how the cluster stands, as tables or as one JSON object."""
    with _connected(arguments) as there:
        status = there.status()
    if arguments.json:
        print(json.dumps(as_table(status)))
    else:
        print("\n".join(cluster_lines(told(status), coloured=is_coloured(sys.stdout))))
    return 0


def drain(arguments: argparse.Namespace) -> int:
    """Move every market away from a host; returns when it has none."""
    with _connected(arguments) as there:
        host = host_named(there.status().hosts, arguments.host)
        there.drain(host)
        last = _watched(there, arguments.wait, lambda status: _is_as_empty_as_may_be(status, host))
    if last is None:
        return 0
    if left := _markets_on(last, host):
        _tell_trouble(last)
        raise ClusterError(f"{arguments.host} still has {len(left)} markets; add a host, or --wait longer")
    _tell(f"{arguments.host} has no market; end its `signalnode cluster join` when you like")
    return 0


def rebalance(arguments: argparse.Namespace) -> int:
    """Move markets until shards are even; returns when nothing moves any more."""
    with _connected(arguments) as there:
        there.rebalance()
        last = _watched(there, arguments.wait, lambda status: status.is_settled)
    if last is not None and not last.is_settled:
        raise ClusterError(f"{len(last.moving)} markets are still on their way; --wait longer")
    return 0


def down(arguments: argparse.Namespace) -> int:
    """Stop every shard; returns when none is left. The hosts stay joined."""
    with _connected(arguments) as there:
        there.down()
        try:
            last = _watched(there, arguments.wait, lambda _: False)
        except NothingUpError:
            _tell("the cluster is down; its hosts stay joined")
            return 0
    if last is not None:
        raise ClusterError(f"{len(last.shards)} shards have not ended yet; --wait longer")
    return 0


def endpoint(arguments: argparse.Namespace) -> int:
    """Print where Layer 5 is heard."""
    from signalnode.bus.curve import own_keys

    node, _ = _config(arguments)
    with _connected(arguments) as there:
        found = there.endpoint()
    if arguments.json:
        public, _ = own_keys(_keys_of(node, _place(arguments, node)))
        print(json.dumps({"endpoint": found, "key": public.decode()}))
    else:
        print(found)
    return 0


def heard_at(config: Path | None) -> tuple[str, Path]:
    """Where Layer 5 of the config's cluster is heard now, and the keys that it asks for."""
    arguments = argparse.Namespace(config=config, dir=None)
    node, _ = _config(arguments)
    with _connected(arguments) as there:
        return there.endpoint(), _keys_of(node, _place(arguments, node))


def _keys_of(node: NodeSettings, place: Place) -> Path:
    return node.aggregator.keys_dir or place.keys


def _watched(there: Cluster, wait_s: float, is_done: Callable[[Status], bool]) -> Status | None:
    """How it stands when it is done or `wait_s` have passed, changes told; None where nobody waits."""
    if not wait_s:
        return None
    until_ns, said, in_a_row = monotonic_ns() + int(wait_s * NS_PER_S), "", 0
    while True:
        pause(LOOK_NS)
        status = there.status()
        line = whole_line(told(status))
        if line != said:
            _tell(line)
        said = line
        in_a_row = in_a_row + 1 if is_done(status) else 0
        if in_a_row >= LOOKS or monotonic_ns() >= until_ns:
            return status


def _markets_on(status: Status, host: str) -> set[str]:
    return {market for shard in status.shards if shard.host == host for market in shard.markets}


def _is_as_empty_as_may_be(status: Status, host: str) -> bool:
    """Whether all that is left on the host finds no place elsewhere, and nothing is on its way."""
    return not status.moving and _markets_on(status, host) <= status.unplaced.keys()


def _tell_trouble(status: Status) -> None:
    for line in trouble_lines(told(status)):
        _tell(line)


def _connected(arguments: argparse.Namespace) -> AbstractContextManager[Cluster]:
    node, cluster = _config(arguments)
    place, carrier = _place(arguments, node), _carrier()
    check_token(place.token, cluster.head)
    return carrier.connect(place, cluster)


def _carrier() -> Carrier:
    """What carries a cluster. Raises ClusterError where the extra is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise ClusterError(f"cluster: Ray is not installed in {sys.prefix}; run: {INSTALL}")
    return cast("Carrier", importlib.import_module(CARRIER))


def _config(arguments: argparse.Namespace) -> tuple[NodeSettings, ClusterSettings]:
    node = load_node(arguments.config, with_markets=False)
    return node, _cluster(node)


def _cluster(node: NodeSettings) -> ClusterSettings:
    if node.cluster is None:
        assert node.path is not None
        raise ConfigError(f"{shown(node.path)}: cluster: is missing; give it `head` and `checkpoints`")
    return node.cluster


def _node_here(arguments: argparse.Namespace) -> NodeSettings | None:
    """The config of a machine that joins, which needs none."""
    path = config_found(arguments.config)
    node = load_node(path, with_markets=False) if path else None
    return node if node is not None and (arguments.config is not None or node.cluster) else None


def _place(arguments: argparse.Namespace, node: NodeSettings | None) -> Place:
    """`--dir`, else below the config's state_dir, else this user's own."""
    if arguments.dir is not None:
        return Place(Path(arguments.dir).expanduser().resolve())
    return Place((node.state_dir if node is not None else user_state_dir()) / "cluster")


def _ensure(place: Place) -> None:
    try:
        ensure_directory(place.base)
    except OSError as error:
        mend = "choose another with --dir"
        raise RuntimeDirectoryError(f"{place.base}: cannot be made ({error.strerror}); {mend}") from None


def _tell(line: str) -> None:
    print(line, flush=True)
