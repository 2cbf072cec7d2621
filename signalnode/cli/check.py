"""The config checked: `check` lists every fault; `run` and `reload` start nothing that `check` refuses."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from signalnode.cli.specs import group_faults, limit_faults, spec_faults
from signalnode.errors import ConfigError, ExtensionError, SignalnodeError
from signalnode.meaning import files_digest
from signalnode.settings import MarketSettings, NodeSettings, load_node
from signalnode.settings.code import own_code
from signalnode.settings.reading import shown

CHECK_TIMEOUT_S = 20.0  # a reload, and what is asked after it, waits for so long
FAULT_BYTES_MAX = 65_536
# A file of the user's may never end, and is to outlive nobody who asked about it.
_CHECK = """
import os, signal, sys
from signalnode_supervisor.linux.kernel import die_with_parent
die_with_parent(signal.SIGKILL)
asked_by = int(sys.argv.pop(1))
if os.getppid() != asked_by:
    sys.exit(1)
from signalnode.cli import main
sys.exit(main())
"""


def check(arguments: argparse.Namespace) -> int:
    """Check the config; every fault is listed by the ConfigError."""
    node = load_node(arguments.config)
    faults = [
        *spec_faults(node),
        *limit_faults(node),
        *group_faults(node),
        *_key_faults(node),
        *_strategy_faults(node),
        *_decision_faults(node),
        *store_faults(node),
        *(line for market in node.markets.values() for line in _signal_faults(market)),
    ]
    if faults:
        raise ConfigError(faults)
    assert node.path is not None
    print(f"{shown(node.path)}: no faults; markets: {', '.join(node.markets) or 'none yet'}")
    frameless = [name for name in node.markets if node.is_recorded_without_frames(name)]
    if frameless:
        print(f"record.raw: only live markets have frames; of {', '.join(frameless)} the events are kept")
    return 0


class ConfigCheck:
    """The whole config, after all that `check` checks.

    What a parameter of a signal or a strategy may be, only they know, and they bring the compiler with them:
    60 MB that the supervising process must not carry. So they are asked in a process of its own, which takes
    most of a second; what has passed is not asked again until the settings or the user's own files change.
    """

    def __init__(self) -> None:
        self._passed: object = None

    def node(self, path: Path | None) -> NodeSettings:
        """The config at `path`. Raises ConfigError with every fault."""
        node = load_node(path)
        faults = spec_faults(node) + limit_faults(node) + group_faults(node) + _key_faults(node)
        if faults:
            raise ConfigError(faults)
        strategies = node.strategies
        signals = {name: market.signals for name, market in node.markets.items() if market.signals}
        asked = strategies, signals, node.alerts.decisions, files_digest(own_code(node))
        if (strategies or signals or node.alerts.decisions) and asked != self._passed:
            _ask(node)
        self._passed = asked
        return node


def _ask(node: NodeSettings) -> None:
    assert node.path is not None
    command = [sys.executable, "-P", "-c", _CHECK, str(os.getpid()), "check", "--config", str(node.path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=CHECK_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            [f"{shown(node.path)}: not checked within {CHECK_TIMEOUT_S:g} s; does a file of yours wait?"]
        ) from None
    if done.returncode:
        lines = done.stderr[:FAULT_BYTES_MAX].splitlines()
        raise ConfigError(
            [line.removeprefix("signalnode: ") for line in lines] or ["the check did not end well"]
        )


def store_faults(node: NodeSettings) -> list[str]:
    """Of `cluster.checkpoints`, what only fsspec can tell, which `run` need not load."""
    if node.cluster is None or node.path is None:
        return []
    from signalnode.cluster.store import kind_fault

    fault = kind_fault(node.cluster.checkpoints)
    return [f"{shown(node.path)}: cluster.checkpoints: {fault}"] if fault else []


def _key_faults(node: NodeSettings) -> list[str]:
    if node.aggregator.keys_dir is None:
        return []
    from signalnode.bus.curve import let_in

    try:
        let_in(node.aggregator.keys_dir)
    except ConfigError as error:
        return error.faults
    return []


def _strategy_faults(node: NodeSettings) -> list[str]:
    if not node.strategies or node.path is None:
        return []
    from signalnode.strategies import STRATEGIES
    from signalnode.strategies.loading import load_strategies

    try:
        load_strategies(node.strategies, node.path, STRATEGIES)
    except SignalnodeError as error:
        return str(error).splitlines()
    return []


def _decision_faults(node: NodeSettings) -> list[str]:
    """Names in `alerts.decisions` of which no strategy is one."""
    if not node.alerts.decisions or node.path is None:
        return []
    from signalnode.strategies import STRATEGIES

    names = sorted(node.strategies) or [each.name for each in STRATEGIES]
    where = f"{shown(node.path)}: alerts.decisions"
    return [
        f"{where}: no strategy is {pattern!r}; there are {', '.join(names)}"
        for pattern in node.alerts.decisions
        if not any(fnmatchcase(name, pattern) for name in names)
    ]


def _signal_faults(market: MarketSettings) -> list[str]:
    if not market.signals or market.path is None:
        return []
    from signalnode.signals.extra import load_signals, places_of
    from signalnode.signals.parameters import parameters_of

    where = shown(market.path)
    faults = []
    try:
        parameters_of({key: value for key, value in market.signals.items() if key != "extra"}, where)
    except ConfigError as error:
        faults += error.faults
    try:
        load_signals(places_of(market.signals.get("extra", ())))
    except ExtensionError as error:
        faults.append(f"{where}: signals.extra: {error}")
    return faults
