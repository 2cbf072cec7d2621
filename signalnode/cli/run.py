"""`run`: the whole node in the foreground. What can be refused is refused before anything is started."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import os
import socket
import sys
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import signalnode_supervisor as supervisor
from signalnode.cli.check import ConfigCheck
from signalnode.cli.logs import NODE
from signalnode.cli.panel import Panel
from signalnode.cli.specs import group_number, specs_of, supervisor_settings
from signalnode.cli.terminal import ending_with_terminal, is_coloured, terminal_to_ourselves
from signalnode.errors import (
    AlreadyRunningError,
    ConfigError,
    EndpointError,
    ExtensionError,
    RuntimeDirectoryError,
    SignalnodeError,
)
from signalnode.files import RotatingFile, ensure_directory, is_held, sweep
from signalnode.names import AGGREGATOR, host_and_port, snapshot_endpoint
from signalnode.panels.log import json_line, log_line
from signalnode.settings import NodeSettings, write_snapshot
from signalnode.settings.arguments import snapshot_path
from signalnode.settings.reading import shown
from signalnode_supervisor.control import LOOK_TIMEOUT_S, request
from signalnode_supervisor.host.loop import run as run_supervised

LOG_BYTES_MAX = 8_000_000  # of node.log; there are two, the present and the one before

_OUR_ERROR: dict[type[supervisor.SupervisorError], type[SignalnodeError]] = {
    supervisor.AlreadyRunning: AlreadyRunningError,
    supervisor.DirectoryUnusable: RuntimeDirectoryError,
    supervisor.SpecError: ConfigError,
    supervisor.PreloadError: ExtensionError,
}


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C; 0 after a clean stop. Raises SignalnodeError with nothing left behind."""
    check = ConfigCheck()
    node = check.node(arguments.config)
    if node.cluster is not None:
        assert node.path is not None
        mend = "start them with `signalnode cluster up`, or leave [cluster] out to run them on this one"
        raise ConfigError([f"{shown(node.path)}: cluster: these markets are for many machines; {mend}"])
    directories = {"runtime_dir": node.runtime_dir, "state_dir": node.state_dir}
    for key, path in directories.items():
        _check_directory(path, key, group_number(node.supervisor.control_group))
    _refuse_second_node(node)
    _check_endpoint_is_free(node)
    if node.aggregator.keys_dir is not None:
        _mark_keys(node.aggregator.keys_dir)
    created = [each for key, path in directories.items() for each in _create_directory(path, key)]
    try:
        with terminal_to_ourselves():
            return _supervise(node, check, panel_wanted=arguments.panel)
    except supervisor.SupervisorError as error:
        for path in created:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise _OUR_ERROR.get(type(error), SignalnodeError)(str(error)) from None


def _supervise(node: NodeSettings, check: ConfigCheck, *, panel_wanted: bool) -> int:
    applied = node

    def wanted_now(names: tuple[str, ...]) -> list[supervisor.ChildSpec]:
        nonlocal applied
        again = check.node(node.path)
        _check_unchanged(node, again)
        applied = with_names(applied, again, names) if names else again
        specs = specs_of(again)
        _write_snapshot(applied)  # last, when nothing can be refused any more
        return specs

    def put_back() -> list[str]:
        path = snapshot_path(applied)
        return [] if path.exists() else [str(write_snapshot(applied))]

    with _event_sink(node, panel_wanted) as tell:
        return run_supervised(
            supervisor_settings(node),
            specs_of(node),
            reload=wanted_now,
            on_event=ending_with_terminal(tell),
            alone=_runtime_files(node),
            put_back=put_back,
        )


@contextlib.contextmanager
def _runtime_files(node: NodeSettings) -> Iterator[None]:
    """What the aggregator reads; one that a second node wrote or removed would be the running node's own. At
    the end, what engines that had to be killed left; those that go on hold their locks.
    """
    _write_snapshot(node)
    try:
        yield
    finally:
        snapshot_path(node).unlink(missing_ok=True)
        for lock in node.runtime_dir.glob("*.lock"):
            sweep(lock, node.scores_path(lock.stem))


def _write_snapshot(node: NodeSettings) -> None:
    try:
        write_snapshot(node)
    except OSError as error:
        raise RuntimeDirectoryError(
            f"runtime_dir: {node.runtime_dir} cannot be written ({error.strerror}); make room there"
        ) from None


@contextlib.contextmanager
def _event_sink(node: NodeSettings, panel_wanted: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Where events go: to the terminal, or with a panel to a file and, those worth a line, to the panel."""
    if not panel_wanted:
        people = partial(log_line, coloured=is_coloured(sys.stderr), named=True)
        yield _written(sys.stderr, people if sys.stderr.isatty() else json_line)
        return
    path = supervisor_settings(node).log_path(NODE)
    ensure_directory(path.parent)
    with RotatingFile(path, LOG_BYTES_MAX) as file, Panel(node) as panel:
        write = _written(file, json_line)

        def tell(event: dict[str, Any]) -> None:
            write(event)
            panel.tell(event)

        yield tell


def _written(
    stream: TextIO | RotatingFile, line: Callable[[dict[str, Any]], str]
) -> Callable[[dict[str, Any]], None]:
    """What writes an event as a line to `stream`, debugging ones left out."""

    def write(event: dict[str, Any]) -> None:
        if event.get("level") != "debug":
            stream.write(line(event) + "\n")
            stream.flush()

    return write


def _check_unchanged(before: NodeSettings, after: NodeSettings) -> None:
    """`reload` changes markets and policies; where and how the node itself lives, only a new start can."""
    values = {
        "runtime_dir": (before.runtime_dir, after.runtime_dir),
        "state_dir": (before.state_dir, after.state_dir),
        "supervisor.on_supervisor_death": (
            before.supervisor.on_supervisor_death,
            after.supervisor.on_supervisor_death,
        ),
        "supervisor.control_group": (before.supervisor.control_group, after.supervisor.control_group),
    }
    assert after.path is not None
    changed = [key for key, (old, new) in values.items() if old != new]
    if changed:
        what = "cannot change while the node runs; stop it and start it again"
        raise ConfigError([f"{shown(after.path)}: {key}: {what}" for key in changed])


def with_names(before: NodeSettings, after: NodeSettings, names: Collection[str]) -> NodeSettings:
    """What the aggregator is to know when these names alone are started: the rest waits for `reload`."""
    own = {name: after.markets[name] for name in names if name in after.markets}
    layer5 = after if AGGREGATOR in names else before
    return dataclasses.replace(
        before,
        aggregator=layer5.aggregator,
        strategies=layer5.strategies,
        markets=dict(sorted({**before.markets, **own}.items())),
    )


def _check_directory(path: Path, key: str, group: int | None) -> None:
    """Ours and nobody else's to write, if it is there at all; `group` may pass to the control socket."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RuntimeDirectoryError(
            f"{key}: {path} cannot be used ({error.strerror}); choose another"
        ) from None
    if not path.is_dir():
        raise RuntimeDirectoryError(f"{key}: {path} is not a directory; choose another or remove it")
    if found.st_uid != os.geteuid():
        owner = f"user {found.st_uid}"
        raise RuntimeDirectoryError(f"{key}: {path} belongs to {owner}; choose a directory of your own")
    closed = 0o022 if key == "state_dir" else 0o067 if found.st_gid == group else 0o077
    if found.st_mode & closed:
        mode = f"mode {found.st_mode & 0o777:04o}"
        raise RuntimeDirectoryError(f"{key}: {path} is open to other users ({mode}); run `chmod 700 {path}`")


def _mark_keys(directory: Path) -> None:
    from signalnode.bus.curve import mark_as_node

    with contextlib.suppress(OSError):  # a directory that we may only read: whoever allows a key makes it
        mark_as_node(directory)


def _create_directory(path: Path, key: str) -> list[Path]:
    """As `ensure_directory`; raises RuntimeDirectoryError."""
    try:
        return ensure_directory(path)
    except OSError as error:
        raise RuntimeDirectoryError(
            f"{key}: {path} cannot be created ({error.strerror}); choose another"
        ) from None


def _refuse_second_node(node: NodeSettings) -> None:
    """Asked before the port is tried, for a second node would find its port in use as well."""
    with contextlib.suppress(supervisor.NotRunning):
        try:
            pid = request(node.control_path, "status", timeout_s=LOOK_TIMEOUT_S)["supervisor"]["pid"]
        except (supervisor.NoAnswer, supervisor.RequestRefused, KeyError):
            pid = "unknown"
        where = shown(node.runtime_dir)
        raise AlreadyRunningError(
            f"a node runs on {where} already (process {pid}); stop it, or set another runtime_dir"
        )


def _check_endpoint_is_free(node: NodeSettings) -> None:
    """The aggregator binds it later, in a process of its own; here there is still somebody to tell."""
    if is_held(node.lock_path_of(AGGREGATOR)):
        return  # a killed node's works on, on that very port, and is about to be adopted
    for endpoint in (node.aggregator.endpoint, snapshot_endpoint(node.aggregator.endpoint)):
        address = host_and_port(endpoint)
        if address is not None:
            _try_to_bind("aggregator.endpoint", endpoint, *address, node)
    if (page := host_and_port(f"tcp://{node.panel.endpoint}")) is not None:
        _try_to_bind("panel.endpoint", node.panel.endpoint, *page, node)


def _try_to_bind(key: str, endpoint: str, host: str, port: int, node: NodeSettings) -> None:
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("" if host == "*" else host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = f"port {port} is in use" if taken else f"{endpoint} cannot be bound ({error.strerror})"
            assert node.path is not None
            where = f"{shown(node.path)}: {key}"
            raise EndpointError(f"{where}: {reason}; free it or choose another") from None
