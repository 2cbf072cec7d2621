"""Digests: a host's markets as one packed message four times a second, beside one message a market."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zmq

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.digests import DigestWriter
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.wire import SCORE_NAMES, encode
from signalnode.settings import AggregatorSettings
from tests.benchmarks.bus_load import markets, score_of
from tests.benchmarks.table import Row
from tests.ports import free_port

REPO = Path(__file__).parents[2]
MARKETS, ROUNDS, EVERY_S = 5_000, 16, 0.25
TRIES = 3
DIGEST_MOST = 0.1
START_NS = 1_700_000_000_000_000_000


def rows() -> Iterator[Row]:
    """The one figure."""
    runs = [(_both_ends_s("digests"), _both_ends_s("messages")) for _ in range(TRIES)]
    digests_s, rows_s, messages_s = (
        statistics.median(each)
        for each in zip(*((one[0], one[1], other[0]) for one, other in runs), strict=True)
    )
    share = 100 / (ROUNDS * EVERY_S)
    yield Row(
        what=f"{MARKETS:,} markets × {1 / EVERY_S:g}/s over loopback TCP with CURVE, both ends, as digests",
        measured=share * digests_s,
        unit=f"% of a core; the rows, which the host's own view writes anyway, {share * rows_s:.1f} more",
        reference="% of a core: one message a market",
        reference_value=share * messages_s,
        at_most=DIGEST_MOST,
    )


def _both_ends_s(kind: str) -> tuple[float, float]:
    """Processor time of who sends and who receives, packing and reading included; and that of the rows."""
    keys = [each.decode() for each in zmq.curve_keypair()]
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "tests.benchmarks.bench_digest", kind, endpoint, *keys]
    both = [
        subprocess.Popen([*command, role], cwd=REPO, stdout=subprocess.PIPE, text=True)
        for role in ("send", "receive")
    ]
    try:
        told = [process.communicate()[0].split() for process in both]
        return sum(float(each[0]) for each in told), sum(float(each[1]) for each in told)
    finally:
        for process in both:
            process.kill()
            process.wait()


def _send(kind: str, out: zmq.Socket[bytes]) -> tuple[float, float]:
    """Seconds that sending took, and those of the rows, which its view writes anyway."""
    core = Aggregator(AggregatorSettings(), markets(MARKETS), StrategyRunner({}), 1, START_NS)
    writer, draw = DigestWriter("host-1", "host-1"), np.random.default_rng(7)
    spent_s = rows_s = 0.0
    out.recv()  # the subscription
    due = time.monotonic()
    for number in range(1, ROUNDS + 1):
        now_ns = START_NS + int(number * EVERY_S * 1e9)
        values = draw.uniform(0.0, 100.0, (MARKETS, len(SCORE_NAMES)))
        scores = [
            score_of(name, number, 100.0, values[row], now_ns) for row, name in enumerate(markets(MARKETS))
        ]
        for score in scores if kind == "digests" else ():
            core.take(encode(score), now_ns)
        due += EVERY_S
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.process_time()
        _ = core.board.rows
        rows_s += time.process_time() - began
        core.advance(now_ns)  # its own view, just before, which needs the rows as well
        began = time.process_time()
        if kind == "digests":
            out.send_multipart(writer.frames(core.board, now_ns, (1, number), now_ns))
        else:
            for score in scores:
                out.send_multipart(encode(score))
        time.sleep(EVERY_S / 2)  # what its thread for the wire spends
        spent_s += time.process_time() - began
    time.sleep(1.0)
    return spent_s, rows_s


def _receive(kind: str, out: zmq.Socket[bytes]) -> float:
    names = () if kind == "digests" else markets(MARKETS)
    core = Aggregator(AggregatorSettings(), names, StrategyRunner({}), 1, START_NS)
    wanted = ROUNDS if kind == "digests" else ROUNDS * MARKETS
    began = time.process_time()
    for _ in range(wanted):
        frames = out.recv_multipart()
        if kind == "digests":
            core.take_digest(frames, START_NS)
        else:
            core.take(frames, START_NS)
    return time.process_time() - began


def _role(kind: str, endpoint: str, public: str, secret: str, role: str) -> None:
    with zmq.Context() as context, context.socket(zmq.XPUB if role == "send" else zmq.SUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.curve_publickey, socket.curve_secretkey = public.encode(), secret.encode()
        if role == "send":
            socket.curve_server = True
            socket.bind(endpoint)
            print(*_send(kind, socket))
        else:
            socket.curve_serverkey = public.encode()
            socket.subscribe(b"")
            socket.connect(endpoint)
            print(_receive(kind, socket), 0.0)


if __name__ == "__main__":
    _role(*sys.argv[1:])
