"""`logs`: what one process of the node has logged and printed, of a running node or of one at rest."""

from __future__ import annotations

import argparse
import sys

from signalnode.cli.specs import supervisor_settings
from signalnode.cli.terminal import is_coloured
from signalnode.errors import RequestError, UsageError
from signalnode.names import AGGREGATOR, market_name_fault
from signalnode.panels.log import json_line, log_line
from signalnode.settings import NodeSettings, find_node, names_of
from signalnode.settings.reading import shown
from signalnode_supervisor.logs import follow

SUPERVISOR = "supervisor"  # what it logs itself; see supervisor.logbook


def logs(arguments: argparse.Namespace) -> int:
    """Print the last `--lines` entries, and with `--follow` each new one until Ctrl-C."""
    node = find_node(arguments.config)
    name = arguments.name
    _check(name, node, waits=arguments.follow)
    coloured = is_coloured(sys.stdout)
    path = supervisor_settings(node).log_path(name)
    for entry in follow(path, lines_max=arguments.lines, follow=arguments.follow):
        print(
            json_line(entry) if arguments.json else log_line(entry, coloured=coloured),
            flush=arguments.follow,
        )
    return 0


def _check(name: str, node: NodeSettings, *, waits: bool) -> None:
    fault = None if name in (AGGREGATOR, SUPERVISOR) else market_name_fault(name)
    if fault:
        raise UsageError(f"logs: {fault}")
    path = supervisor_settings(node).log_path(name)
    if path.is_file():
        return
    known = [*names_of(node), SUPERVISOR]
    if name not in known:
        raise RequestError(f"no log of {name} in {shown(path.parent)}; known: {', '.join(known)}")
    if not waits:
        raise RequestError(
            f"{name} has logged nothing yet in {shown(path.parent)}; start it, or wait with --follow"
        )
