"""A real node of twenty markets: what an engine weighs, and how soon it is back after kill -9.

Beside it, children of multiprocessing's fork server with numpy, pyzmq and numba preloaded that do nothing at
all.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgpack
import zmq

from tests.benchmarks.table import Row

MARKETS = 20
KILLS = 20
SETTLE_S = 5.0  # of running before memory is read
PATIENCE_S = 120.0
PRELOAD = ["numpy", "zmq", "numba"]
SAMPLE = Path("signalnode/sample").resolve()


def rows() -> Iterator[Row]:
    bare_mb, bare_ms = _bare()
    with tempfile.TemporaryDirectory() as directory, _node(Path(directory)) as config:
        engines = _engines(config)
        time.sleep(SETTLE_S)
        engine_mb = statistics.median(pss_mb(child["pid"]) for child in engines)
        yield Row(
            what=f"PSS an engine adds, {MARKETS} markets running",
            measured=engine_mb,
            unit="MB",
            reference="MB, a fork-server child with numpy, zmq, numba",
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


def pss_mb(pid: int) -> float:
    """Proportional set size of one process, in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no Pss for {pid}")


def _idle(line: Connection) -> None:
    for name in PRELOAD:  # what a child of the fork server does first, and finds done
        importlib.import_module(name)
    line.send_bytes(b"up")
    while True:
        time.sleep(3600)


def _bare() -> tuple[float, float]:
    """PSS of an idle child in MB, median of MARKETS of them; and kill -9 to its successor's word, in ms."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOAD, "tests.benchmarks.bench_node"])
    children = [_start(context) for _ in range(MARKETS)]
    weight = statistics.median(pss_mb(child.pid or 0) for child in children)
    times = []
    for _ in range(KILLS):
        victim = children.pop(0)
        started = time.perf_counter()
        os.kill(victim.pid or 0, signal.SIGKILL)
        wait([victim.sentinel])
        children.append(_start(context))
        times.append((time.perf_counter() - started) * 1e3)
        victim.join()
    for child in children:
        child.kill()
        child.join()
    return weight, statistics.median(times)


def _start(context: ForkServerContext) -> BaseProcess:
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_idle, args=(theirs,))
    child.start()
    ours.recv_bytes()
    return child


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
