"""Verbs that ask a running node: start, stop, restart, reload, status, shutdown."""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
from typing import Any

from signalnode import __version__
from signalnode.cli.outside import another_users, processes_alive
from signalnode.cli.terminal import is_coloured
from signalnode.errors import NotRunningError, RequestError, UsageError
from signalnode.names import ENGINE
from signalnode.panels.child import child_lines
from signalnode.panels.status import status_lines, trouble, with_ages_now, with_doubts
from signalnode.settings import find_node
from signalnode.settings.environment import config_option
from signalnode.settings.reading import shown

OTHER_VERSION = "the node runs {}, also in what it starts again, until you restart it; this command is {}"
LAST_ACTS_S_MAX = 10.0  # of a supervisor whose children have all ended


def start(arguments: argparse.Namespace) -> int:
    """Start markets; says for each where it stands now."""
    return _change("start", arguments)


def stop(arguments: argparse.Namespace) -> int:
    """Stop markets; they stay down until started."""
    return _change("stop", arguments)


def restart(arguments: argparse.Namespace) -> int:
    """Stop and start markets."""
    return _change("restart", arguments)


def reload(arguments: argparse.Namespace) -> int:
    """Have the node read its config again; says what was added, removed, restarted, adjusted and kept."""
    answer = _ask("reload", arguments)
    for key in ("added", "removed", "restarted"):
        if answer.get(key):
            print(f"{key}: {', '.join(answer[key])}")
    if answer.get("adjusted"):
        print(f"another policy, not restarted: {', '.join(answer['adjusted'])}")
    for changes in answer.get("reread", {}).values():  # the aggregator's strategies
        for kind, names in changes.items():
            print(f"strategies {kind}: {', '.join(names)}")
    print(f"untouched: {answer.get('kept', 0)}")
    begun = [name for key in ("added", "restarted") for name in answer.get(key, ())]
    for name, trouble_told in _troubles(arguments, begun).items():
        print(f"{name}: {trouble_told}")
    _warn(answer)
    return 0


def shutdown(arguments: argparse.Namespace) -> int:
    """Stop the whole node; returns when every process has ended.

    A service manager starts again what it did not end itself: such a node is its to stop.
    """
    supervisor = _ask("status", arguments)["supervisor"]
    if supervisor.get("service"):
        raise RequestError(
            "the node is a service, which would be started again; use `systemctl stop signalnode`, or the"
            " name of its unit, with --user for one of your own"
        )
    ended = os.pidfd_open(supervisor["pid"])
    try:
        _ask("shutdown", arguments, is_there=True)
        if not select.select([ended], [], [], LAST_ACTS_S_MAX)[0]:
            raise RequestError(f"its markets have stopped; process {supervisor['pid']} has not ended yet")
    finally:
        os.close(ended)
    print("the node has stopped")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Print every process of the node as a table, named ones in full, or either as one JSON object."""
    answer = _ask("status", arguments, arguments.names)
    whole = _ask("status", arguments, []) if arguments.names else answer  # the aggregator among them
    answer = with_ages_now(with_doubts(answer, whole))
    _warn(answer)
    if arguments.json:
        print(json.dumps(answer))
    elif arguments.names:
        print("\n\n".join("\n".join(child_lines(child)) for child in answer["children"]))
    else:
        print("\n".join(status_lines(answer, coloured=is_coloured(sys.stdout))))
    return 0


def _change(verb: str, arguments: argparse.Namespace) -> int:
    answer = _ask(verb, arguments, _names(arguments), is_there=arguments.all)
    troubles = {} if verb == "stop" else _troubles(arguments, list(answer.get("children", {})))
    for name, child in answer.get("children", {}).items():
        reason = child.get("reason") or troubles.get(name)
        print(f"{name}: {child['state'].replace('_', ' ')}{f' ({reason})' if reason else ''}")
    _warn(answer)
    return 0


def _troubles(arguments: argparse.Namespace, names: list[str]) -> dict[str, str]:
    """Why these bring nothing now, though their processes may be up."""
    if not names:
        return {}
    try:
        children = _ask("status", arguments, names, is_there=True)["children"]
    except RequestError:  # what was asked for is done; one of them has gone since
        return {}
    return {child["name"]: told for child in children if (told := trouble(child))}


def _names(arguments: argparse.Namespace) -> list[str]:
    """Those named, or with `--all` every market that the node has."""
    if arguments.all == bool(arguments.names):
        raise UsageError("name markets, or give --all for every one of them")
    if not arguments.all:
        return list(arguments.names)
    children = _ask("status", arguments)["children"]
    markets = [child["name"] for child in children if child["role"] == ENGINE]
    if not markets:
        raise RequestError("the node has no market; add one and run `signalnode reload`")
    return markets


def _warn(answer: dict[str, Any]) -> None:
    """What was done is not all that was asked for: for the eye, and not for a program that reads the rest."""
    version = answer.get("version") or answer.get("supervisor", {}).get("version")
    other = [] if version in (None, __version__) else [OTHER_VERSION.format(version, __version__)]
    for note in (*answer.get("notes", ()), *other):
        print(f"signalnode: {note}", file=sys.stderr)


def _ask(
    verb: str, arguments: argparse.Namespace, names: list[str] | None = None, *, is_there: bool = False
) -> dict[str, Any]:
    """The node's answer; with `is_there` it gave one to another question just before."""
    from signalnode_supervisor import NoAnswer, NotAllowed, NotRunning, RequestRefused, control

    node = find_node(arguments.config)
    looks = verb == "status"
    try:
        if not (
            looks or is_there
        ):  # what is to be done may take minutes: first whether anybody is there to do it
            control.request(node.control_path, "ping", (), control.LOOK_TIMEOUT_S)
        wait_s = control.LOOK_TIMEOUT_S if looks else control.TIMEOUT_S
        return control.request(node.control_path, verb, names or [], wait_s)
    except NotRunning:
        where, alive = shown(node.control_path), processes_alive(node)
        run = f"`signalnode run{config_option(node.path)}`"
        if alive:
            what = f"no supervisor answers on {where}, but these run on: {', '.join(alive)}"
            raise NotRunningError(f"{what}; {run} takes them over") from None
        raise NotRunningError(f"no node answers on {where}; start one with {run}") from None
    except NotAllowed as error:
        raise RequestError(another_users(node, error.owner)) from None
    except NoAnswer as error:
        alive = processes_alive(node)
        seen = f"; alive by their locks: {', '.join(alive)}" if alive else ""
        raise RequestError(f"{error}{seen}") from None
    except RequestRefused as error:
        raise RequestError(str(error)) from None
