"""What Layer 5 weighs with 500 and 4,000 markets: its process, and the one that relates them in a pass."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.digests import DigestWriter
from signalnode.aggregator.measures.grid import grid_of
from signalnode.aggregator.relating.apart import Apart
from signalnode.aggregator.relating.child import ONE_THREAD
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.wire import SCORE_NAMES, encode
from signalnode.settings import AggregatorSettings
from signalnode.strategies import STRATEGIES
from tests.benchmarks.bare_child import pss_mb
from tests.benchmarks.bus_load import Link, configure, markets, score_of
from tests.benchmarks.table import Row

REPO = Path(__file__).parents[2]
MOST_MB = {500: 150.0, 4_000: 400.0}
DIRECT = (500,)  # 4,000 engines on one aggregator come by digests: a connection is 59 kB of ZeroMQ's
ROUNDS, STEP_NS = 80, 1_000_000_000  # digests, one a step
DIRECT_SCORES = 150  # of each market: over the 128 at which ZeroMQ takes more
DIRECT_HZ = 1_000  # scores of all together
START_NS = 1_700_000_000_000_000_000


def rows() -> Iterator[Row]:
    """By digests, and of engines that it hears itself."""
    relating_mb = {count: _weighed("relating_load", str(count)) for count in MOST_MB}
    for load, how, counts in (
        ("digests", "markets that come by digests", MOST_MB),
        ("direct", "engines heard directly", DIRECT),
    ):
        for count in counts:
            process_mb = _weighed("bench_memory", load, str(count))
            yield Row(
                what=f"PSS of Layer 5, {count:,} {how}",
                measured=process_mb + relating_mb[count],
                unit=f"MB: {process_mb:.0f}, and {relating_mb[count]:.0f} in a pass that relates them",
                reference="MB that it may take",
                reference_value=MOST_MB[count],
                at_most=1.0,
            )


def _weighed(module: str, *words: str) -> float:
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *words]
    env = os.environ | ONE_THREAD
    done = subprocess.run(command, cwd=REPO, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def _digests(count: int) -> float:
    """Of a board that hears no engine, after ROUNDS views; another process makes the digests."""
    settings = AggregatorSettings()
    apart = Apart([], grid_of(settings))
    apart.begin(lambda _content: True)
    runner = StrategyRunner({each.name: each.make() for each in STRATEGIES})
    core = Aggregator(settings, [], runner, 1, START_NS, relating=apart)
    command = [sys.executable, "-m", "tests.benchmarks.bench_memory", "write", str(count)]
    with subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for number in range(1, ROUNDS + 1):
            size = int(writer.stdout.readline())
            now_ns = START_NS + number * STEP_NS
            core.take_digest([b"digest", writer.stdout.read(size)], now_ns)
            core.advance(now_ns)
    return pss_mb(os.getpid())


def _write(count: int) -> None:
    names, draw = markets(count), np.random.default_rng(4)
    core = Aggregator(AggregatorSettings(), names, StrategyRunner({}), 1, START_NS)
    writer, scores = DigestWriter("host-1", "host-1"), draw.uniform(0.0, 100.0, (count, len(SCORE_NAMES)))
    for number in range(1, ROUNDS + 1):
        now_ns = START_NS + number * STEP_NS
        scores = np.clip(scores + draw.normal(0.0, 5.0, scores.shape), 0.0, 100.0)
        for name, row in zip(names, scores.tolist(), strict=True):
            core.take(encode(score_of(name, number, 100.0, row, now_ns)), now_ns)
        _, content = writer.frames(core.board, now_ns, (1, number), now_ns)
        sys.stdout.buffer.write(b"%d\n" % len(content) + content)
    sys.stdout.buffer.flush()


def _direct(count: int) -> float:
    """The aggregator's own process, sockets and journal included, that hears so many publishers."""
    from signalnode import logs
    from signalnode.aggregator.process import Process
    from signalnode.settings import load_node

    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        config = configure(directory, count)
        logs.configure(io.StringIO())
        rate = str(float(DIRECT_HZ))
        command = [sys.executable, "-m", "tests.benchmarks.bus_load", "send", path, str(count)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        sender = subprocess.Popen([*command, str(DIRECT_SCORES), rate], cwd=REPO, **pipes)
        try:
            _read_line(sender)
            with Process(load_node(config), config, logs.logger()) as process:
                link, until = Link(), time.monotonic() + 3.0
                while time.monotonic() < until:  # until all are connected
                    process.turn(link)
                sender.stdin.write("\n")
                sender.stdin.flush()
                while not select.select([sender.stdout], [], [], 0.0)[0]:
                    process.turn(link)
                assert process.core.taken > 0.95 * count * DIRECT_SCORES
                return pss_mb(os.getpid())
        finally:
            sender.kill()
            sender.wait()


def _read_line(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.readline()


if __name__ == "__main__":
    role, number = sys.argv[1], int(sys.argv[2])
    if role == "write":
        _write(number)
    else:
        print({"digests": _digests, "direct": _direct}[role](number))
