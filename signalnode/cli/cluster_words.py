"""What may be typed after `cluster`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from signalnode.cli.numbers import wait_s

WAIT_S = 300  # a first start compiles, on every host

_Verb = Callable[[str, str, str], argparse.ArgumentParser]


def add_cluster(verb: _Verb, common: argparse.ArgumentParser) -> None:
    """`cluster` and its own verbs."""
    cluster = verb("cluster", "cluster:status", "Run markets on many machines, with the extra `cluster`.")
    kinds = cluster.add_subparsers(metavar="WHAT", required=True, parser_class=type(common))

    def word(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = kinds.add_parser(
            name, help=text, description=text, parents=[common], allow_abbrev=False
        )
        made.set_defaults(target=f"signalnode.cli.cluster:{name}")
        made.add_argument(
            "--dir", type=Path, help="where this machine keeps token, keys and shards (default: see the docs)"
        )
        return made

    word("head", "Be the head, in the foreground; it holds no markets.")
    join = word("join", "Be a host of the cluster, in the foreground.")
    join.add_argument("head", metavar="HEAD:PORT", help="where the head listens: 10.0.0.1:6379, say")
    up = word("up", "Have the config's markets run; again, to bring in what changed.")
    up.add_argument("--new-keys", action="store_true", help="with another pair of CURVE keys")
    status = word("status", "Show hosts, shards, grants and ages.")
    status.add_argument("--json", action="store_true", help="one JSON object")
    drain = word("drain", "Move every market away from a host.")
    drain.add_argument("host", metavar="HOST", help="its address or its name, as `cluster status` has them")
    rebalance = word("rebalance", "Move markets until all shards are as even as may be.")
    down = word("down", "Stop every market and every shard.")
    endpoint = word("endpoint", "Print where Layer 5 is heard now, for subscribers.")
    endpoint.add_argument("--json", action="store_true", help="one JSON object, with its public key")
    for each in (up, drain, rebalance, down):
        each.add_argument(
            "--wait",
            type=wait_s,
            default=WAIT_S,
            metavar="S",
            help=f"until it is done, this long at most; 0: ask only (default: {WAIT_S})",
        )
