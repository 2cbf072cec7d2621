"""A real node, as `signalnode run` makes it, on so many markets; and what its processes are."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PATIENCE_S = 180.0


def synthetic(seed: int, events_per_s: float) -> str:
    """The `[feed]` of a synthetic market."""
    return f'kind = "synthetic"\nseed = {seed}\nevents_per_s = {events_per_s}'


@contextlib.contextmanager
def node_on(directory: Path, feeds: Sequence[str], extra: str = "") -> Iterator[Path]:
    """A running node of markets M0-USD, M1-USD, … with those feeds, all up; its config file."""
    (directory / "markets").mkdir()
    for i, feed in enumerate(feeds):
        (directory / "markets" / f"M{i}-USD.toml").write_text(f'market = "M{i}-USD"\n[feed]\n{feed}\n')
    config = directory / "node.toml"
    config.write_text(
        f'runtime_dir = "run"\nstate_dir = "state"\nmarkets_dir = "markets"\n'
        f'[aggregator]\nendpoint = "ipc://{directory}/bus"\n[supervisor]\nintensity = 1000\n{extra}\n'
    )
    command = [sys.executable, "-m", "signalnode", "--config", str(config), "run"]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as node:
        try:
            _wait_until_up(config, node)
            yield config
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(30)


def children(config: Path) -> list[dict[str, Any]]:
    """What `status` says of each child, the aggregator included."""
    shown: list[dict[str, Any]] = _status(config)["children"]
    return shown


def roles_by_pid(config: Path) -> dict[int, str]:
    """The role of each process of the node, by pid."""
    shown = _status(config)
    return {child["pid"]: child["role"] for child in shown["children"]} | {
        shown["supervisor"]["pid"]: "supervisor"
    }


def engines(config: Path) -> list[dict[str, Any]]:
    """The same of the engines alone."""
    return [child for child in children(config) if child["role"] == "engine"]


def _status(config: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "signalnode", "--config", str(config), "status", "--json"]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


def _wait_until_up(config: Path, node: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and node.poll() is None:
        with contextlib.suppress(subprocess.CalledProcessError):
            if all(child["state"] == "up" for child in children(config)):
                return
        time.sleep(0.5)
    raise RuntimeError(f"the node did not come up: {(config.parent / 'log').read_text()[-2000:]}")
