"""Verbs of Layer 5: decisions, replay-decisions, keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from signalnode.bus.wire import DecisionMessage
from signalnode.cli.spans import time_of
from signalnode.clock import utc_text, wall_ns
from signalnode.errors import DataError, UsageError
from signalnode.settings import NodeSettings, find_node, load_node


def decisions(arguments: argparse.Namespace) -> int:
    """Print what the strategies decided, oldest first."""
    from signalnode.aggregator.journal import damaged_files, journal_dir, read_journal

    since_ns = 0 if arguments.since is None else time_of(arguments.since, wall_ns(), "--since")
    directory = journal_dir(find_node(arguments.config).state_dir)
    for each in read_journal(directory, since_ns):
        _print(each.decision, arguments.json)
    for path in damaged_files(directory):
        raise DataError(f"{path}: damaged, so that there may be more than is shown; move the file away")
    return 0


def replay_decisions(arguments: argparse.Namespace) -> int:
    """Put recorded scores through Layer 5 and print the decisions; strategies are those of the config."""
    from signalnode.aggregator.replay import named_files
    from signalnode.aggregator.replay import replay_decisions as replayed
    from signalnode.strategies import STRATEGIES
    from signalnode.strategies.loading import load_strategies

    files = named_files(arguments.files)
    node = load_node(arguments.config)
    assert node.path is not None
    loaded = load_strategies(node.strategies, node.path, STRATEGIES)
    strategies = {name: each.strategy for name, each in loaded.items()}
    for outcome in replayed(files, strategies, node.aggregator, node.assets):
        for fault in outcome.faults:
            print(f"signalnode: {fault.strategy} lost its turn: {fault.reason}", file=sys.stderr)
        for decision in outcome.decisions:
            _print(decision, arguments.json)
    return 0


def keys_new(arguments: argparse.Namespace) -> int:
    """Make a pair of keys; the public one is printed, to be given to the other side."""
    from signalnode.bus.curve import new_keys

    print(new_keys(_keys_dir(arguments)))
    return 0


def keys_allow(arguments: argparse.Namespace) -> int:
    """Let the holder of a public key subscribe; a running node knows it after `reload`."""
    from signalnode.bus.curve import allow

    path = allow(_keys_dir(arguments), arguments.name, arguments.key)
    print(f"{path}: allowed; a running node takes it over with: signalnode reload")
    return 0


def keys_trust(arguments: argparse.Namespace) -> int:
    """On a subscriber's side: remember the public key of the node."""
    from signalnode.bus.curve import trust_server

    print(f"{trust_server(_keys_dir(arguments), arguments.key)}: trusted")
    return 0


def _keys_dir(arguments: argparse.Namespace) -> Path:
    if arguments.dir is not None:
        directory: Path = arguments.dir
        return directory
    node: NodeSettings = load_node(arguments.config, with_markets=False)
    if node.aggregator.keys_dir is None:
        raise UsageError(f"{node.path}: aggregator.keys_dir is not set; set it, or give --dir DIRECTORY")
    return node.aggregator.keys_dir


def _print(decision: DecisionMessage, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(decision).decode(), flush=True)
        return
    head = f"{utc_text(decision.time_published_ns)} {decision.strategy} {decision.action}"
    what = f"{decision.direction} {' '.join(decision.markets)} {decision.strength:.1f}"
    print(f"{head} {what}  {'; '.join(decision.reasons)}", flush=True)
