"""A reference: the least that a process can do which sends ten scores a second over ZeroMQ.

It sleeps until the next tenth of a second, packs the same message as an engine's, and sends it. A script of
its own, as anybody would write it. `hear` is who listens to several of them, as an aggregator does.

    python bare_loop.py send ENDPOINT
    python bare_loop.py hear ENDPOINT...
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import msgpack
import zmq

INTERVAL_S = 0.1
NAMES = (
    "momentum_long",
    "momentum_short",
    "mean_reversion_long",
    "mean_reversion_short",
    "volatility_breakout",
    "volume_spike",
    "liquidity_opportunity",
)


def send(endpoint: str) -> None:
    """Send for ever."""
    socket = zmq.Context().socket(zmq.PUB)
    socket.bind(endpoint)
    message = {"v": 1, "kind": "score", "market": "M0-USD", "epoch": 1_700_000_000, "seq": 0}
    message |= {"time_event_ns": time.time_ns(), "time_received_ns": time.time_ns(), "time_published_ns": 0}
    message |= {"mid": 60_000.125, "warm": 0.5, "status": "warming", "scores": dict.fromkeys(NAMES, 51.23456)}
    print("up", flush=True)
    due_s = time.monotonic()
    while True:
        due_s += INTERVAL_S
        time.sleep(max(0.0, due_s - time.monotonic()))
        message["seq"] += 1
        message["time_published_ns"] = time.time_ns()
        socket.send(b"score.M0-USD", zmq.SNDMORE)
        socket.send(msgpack.packb(message))


def hear(*endpoints: str) -> None:
    """Take what they send, for ever."""
    socket = zmq.Context().socket(zmq.SUB)
    socket.subscribe(b"")
    for endpoint in endpoints:
        socket.connect(endpoint)
    print("up", flush=True)
    while True:
        socket.recv_multipart()


@contextlib.contextmanager
def bare_loops(endpoints: list[str]) -> Iterator[list[int]]:
    """A loop that sends on each of them, and one process that listens to all; the pids of the loops."""
    with contextlib.ExitStack() as running:
        pids = [_started(running, "send", endpoint) for endpoint in endpoints]
        _started(running, "hear", *endpoints)
        yield pids


def _started(running: contextlib.ExitStack, *arguments: str) -> int:
    command = [sys.executable, __file__, *arguments]
    process = running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
    running.callback(process.kill)
    assert process.stdout is not None
    process.stdout.readline()
    return process.pid


if __name__ == "__main__":
    {"send": send, "hear": hear}[sys.argv[1]](*sys.argv[2:])
