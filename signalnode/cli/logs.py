"""`logs`: what the node's processes have logged and printed, of a running node or of one at rest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from signalnode.cli.specs import supervisor_settings
from signalnode.cli.terminal import is_coloured
from signalnode.errors import RequestError, UsageError
from signalnode.files import raise_file_limit
from signalnode.names import GATEWAY_PREFIX, OWN, market_name_fault, name_fault
from signalnode.panels.log import json_line, log_line
from signalnode.settings import NodeSettings, find_node, names_of
from signalnode.settings.reading import shown
from signalnode_supervisor.logs import Entry, follow, follow_all

SUPERVISOR = "supervisor"  # what it logs itself; see supervisor.logbook
NODE = "node"  # the whole node's log under `run --panel`, which says all of it once more


def logs(arguments: argparse.Namespace) -> int:
    """Print the last `--lines` entries, and with `--follow` each new one until Ctrl-C."""
    node = find_node(arguments.config)
    coloured, is_named = is_coloured(sys.stdout), arguments.name is None
    try:
        for entry in _all(node, arguments) if is_named else _of_one(node, arguments):
            text = json_line(entry) if arguments.json else log_line(entry, coloured=coloured, named=is_named)
            print(text, flush=arguments.follow)
    except PermissionError as error:
        where = f"{shown(Path(error.filename))}: cannot be read"
        raise RequestError(f"{where}; ask as the user whose node it is, or as root") from None
    return 0


def _of_one(node: NodeSettings, arguments: argparse.Namespace) -> Iterator[Entry]:
    _check(arguments.name, node, waits=arguments.follow)
    path = supervisor_settings(node).log_path(arguments.name)
    return follow(path, arguments.lines, arguments.follow)


def _all(node: NodeSettings, arguments: argparse.Namespace) -> Iterator[Entry]:
    """Every process's entries, by time; under `child` stands whose each is."""
    raise_file_limit()  # every log is held open
    directory = supervisor_settings(node).log_path(SUPERVISOR).parent
    if not directory.is_dir() and not arguments.follow:
        raise RequestError(f"nothing was logged yet in {shown(directory)}; start the node, or use --follow")
    entries = follow_all(directory, arguments.lines, arguments.follow, leave_out=(NODE,))
    return (entry | {"child": name} for name, entry in entries)


def _check(name: str, node: NodeSettings, *, waits: bool) -> None:
    is_own = name in (*OWN, SUPERVISOR) or name.startswith(GATEWAY_PREFIX)
    fault = name_fault(name) if is_own else market_name_fault(name)
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
