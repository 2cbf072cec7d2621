"""A real node of twenty markets: what an engine weighs, and how soon it is back after kill -9.

Beside it, children of multiprocessing's fork server that only import numpy, zmq and numba: `bare_child.py`.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import zmq

from tests.benchmarks.bare_child import bare_children, pss_mb
from tests.benchmarks.nodes import PATIENCE_S, engines, node_on, synthetic
from tests.benchmarks.table import Row

MARKETS = 20
KILLS = 20
SETTLE_S = 5.0  # of running before memory is read
SAMPLE = Path("signalnode/sample").resolve()


def rows() -> Iterator[Row]:
    bare = bare_children(MARKETS)
    bare_mb, bare_ms = bare["pss_mb"], bare["respawn_ms"]
    sample = f'symbol = "BTCUSDT"\npaths = ["{SAMPLE}/btcusdt_20240808.xz"]'
    capture = f'kind = "capture"\nvenue = "binance"\nloop = true\n{sample}'
    feeds = [capture if i % 2 else synthetic(i, 100.0) for i in range(MARKETS)]
    with tempfile.TemporaryDirectory() as directory, node_on(Path(directory), feeds) as config:
        time.sleep(SETTLE_S)
        engine_mb = statistics.median(pss_mb(child["pid"]) for child in engines(config))
        yield Row(
            what=f"PSS an engine adds, {MARKETS} markets running",
            measured=engine_mb,
            unit="MB",
            reference="MB, a fork-server child that only imports numpy, zmq, numba",
            reference_value=bare_mb,
            at_most=1.2,
        )
        back_ms = statistics.median(_kills(Path(directory), config))
        yield Row(
            what="kill -9 of an engine to its next score on the bus",
            measured=back_ms,
            unit="ms",
            reference="ms, a bare fork-server respawn",
            reference_value=bare_ms,
            at_most=4.0,
        )


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
                pid = next(child["pid"] for child in engines(config) if child["name"] == market)
                started = time.perf_counter()
                os.kill(pid, signal.SIGKILL)
                while msgpack.unpackb(heard.recv_multipart()[1])["epoch"] == epoch:
                    pass
                yield (time.perf_counter() - started) * 1e3
    finally:
        context.term()
