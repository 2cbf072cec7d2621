"""A real node of twenty markets: what an engine weighs, and how soon it is back after kill -9.

Beside it, children of multiprocessing's fork server that only import numpy, zmq and numba: `bare_child.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import zmq

from tests.benchmarks.bare_child import bare_children, pss_mb
from tests.benchmarks.table import Row

MARKETS = 20
KILLS = 20
SETTLE_S = 5.0  # of running before memory is read
PATIENCE_S = 120.0
SAMPLE = Path("signalnode/sample").resolve()


def rows() -> Iterator[Row]:
    bare = bare_children(MARKETS)
    bare_mb, bare_ms = bare["pss_mb"], bare["respawn_ms"]
    with tempfile.TemporaryDirectory() as directory, _node(Path(directory)) as config:
        engines = _engines(config)
        time.sleep(SETTLE_S)
        engine_mb = statistics.median(pss_mb(child["pid"]) for child in engines)
        yield Row(
            what=f"PSS an engine adds, {MARKETS} markets running",
            measured=engine_mb,
            unit="MB",
            reference="MB, a fork-server child that only imports numpy, zmq, numba",
            reference_value=bare_mb,
            ratio=engine_mb / bare_mb,
            target="≤ 1.2",
            met=engine_mb / bare_mb <= 1.2,
        )
        back_ms = statistics.median(_kills(Path(directory), config))
        yield Row(
            what="kill -9 of an engine to its next score on the bus",
            measured=back_ms,
            unit="ms",
            reference="ms, a bare fork-server respawn",
            reference_value=bare_ms,
            ratio=back_ms / bare_ms,
            target="≤ 4",
            met=back_ms / bare_ms <= 4,
        )


@contextlib.contextmanager
def _node(directory: Path) -> Iterator[Path]:
    """A running node of MARKETS markets, half from the sample and half synthetic; its config file."""
    markets = directory / "markets"
    markets.mkdir()
    for i in range(MARKETS):
        feed = f'kind = "synthetic"\nseed = {i}\nevents_per_s = 100.0'
        if i % 2:
            feed = (
                f'kind = "capture"\nvenue = "binance"\nloop = true\npaths = ["{SAMPLE}/btcusdt_20240808.xz"]'
            )
        (markets / f"M{i}-USD.toml").write_text(f'market = "M{i}-USD"\n[feed]\n{feed}\n')
    config = directory / "node.toml"
    config.write_text(
        f'runtime_dir = "run"\nstate_dir = "state"\nmarkets_dir = "markets"\n'
        f'[aggregator]\nendpoint = "ipc://{directory}/bus"\n[supervisor]\nintensity = 1000\n'
    )
    command = [sys.executable, "-m", "signalnode", "--config", str(config), "run"]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as node:
        try:
            _wait_until_up(config, node)
            yield config
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(30)


def _wait_until_up(config: Path, node: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and node.poll() is None:
        with contextlib.suppress(subprocess.CalledProcessError, RuntimeError):
            if all(child["state"] == "up" for child in _engines(config)):
                return
        time.sleep(0.2)
    raise RuntimeError(f"the node did not come up: {(config.parent / 'log').read_text()[-2000:]}")


def _engines(config: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "signalnode", "--config", str(config), "status", "--json"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    engines = [child for child in answer["children"] if child["role"] == "engine"]
    if len(engines) != MARKETS:
        raise RuntimeError(f"{len(engines)} engines")
    return engines


def _kills(directory: Path, config: Path) -> Iterator[float]:
    """Kill engines one after the other; milliseconds to the first score of the next epoch."""
    context = zmq.Context()
    try:
        for i in range(KILLS):
            market = f"M{i % MARKETS}-USD"
            with context.socket(zmq.SUB) as heard:
                heard.setsockopt(zmq.RECONNECT_IVL, 1)
                heard.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1e3))
                heard.setsockopt(zmq.SUBSCRIBE, f"score.{market}".encode())
                heard.connect(f"ipc://{directory}/run/{market}.scores")
                epoch = msgpack.unpackb(heard.recv_multipart()[1])["epoch"]
                pid = next(child["pid"] for child in _engines(config) if child["name"] == market)
                started = time.perf_counter()
                os.kill(pid, signal.SIGKILL)
                while msgpack.unpackb(heard.recv_multipart()[1])["epoch"] == epoch:
                    pass
                yield (time.perf_counter() - started) * 1e3
    finally:
        context.term()
