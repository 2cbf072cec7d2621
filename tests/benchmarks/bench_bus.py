"""The bus and Layer 5: throughput, latency, nothing lost unseen, many markets."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import Score
from tests.benchmarks.bus_load import configure
from tests.benchmarks.table import RUNS, Row

REPO = Path(__file__).parents[2]
FLOOD_MARKETS, FLOOD_EACH = 50, 4_000
LATENCY_MARKETS, LATENCY_EACH, LATENCY_HZ = 50, 80, 1_000.0
SOAK_MARKETS, SOAK_HZ, SOAK_S = 500, 10.0, 60.0
SETTLED_S = (10.0, 20.0)
LATENCY_MOST = 3.0  # times a bare relay's
GROWTH_MOST = 1.05
CORRCOEFS = 9
VIEW_MOST = 3.0  # times the correlation alone, computed from scratch
CHILD = """
import sys
from signalnode.aggregator.process import main
class Link:
    def ready(self, **facts): print("ready", flush=True)
    def beat(self, **facts): pass
sys.exit(main(Link(), {"config": sys.argv[1]}))
"""


def rows() -> Iterator[Row]:
    """Every figure of the bus."""
    yield from throughput()
    yield from latency()
    yield from soak()


@contextlib.contextmanager
def scene() -> Iterator[Path]:
    """A directory with room for socket names."""
    with tempfile.TemporaryDirectory(prefix="sn-") as name:
        yield Path(name)


def started(*command: object) -> subprocess.Popen[str]:
    """A process of the benchmark that has said that it is ready."""
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPO,
    )
    heard(process)
    return process


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def load(*arguments: object) -> subprocess.Popen[str]:
    return started("-m", "tests.benchmarks.bus_load", *arguments)


def throughput() -> Iterator[Row]:
    """Flood the aggregator, and a loop that only receives, by turns."""
    rates: dict[str, list[float]] = {"bare": [], "full": []}
    for _ in range(RUNS):
        for kind, found in rates.items():
            with scene() as directory:
                sender = load("send", directory, FLOOD_MARKETS, FLOOD_EACH, 0)
                receiver = load(kind, directory, FLOOD_MARKETS, FLOOD_MARKETS * FLOOD_EACH)
                time.sleep(0.5)  # until every connection stands; there is nothing to ask
                go(sender)
                found.append(float(json.loads(heard(receiver))))
                sender.communicate("\n")
                receiver.communicate()
    bare, full = (statistics.median(rates[kind]) for kind in ("bare", "full"))
    yield Row(
        what="aggregator: decode, check, board, correlation, re-publish",
        measured=full,
        unit="messages/s",
        reference="messages/s: pyzmq receive loop",
        reference_value=bare,
        at_least=0.35,
        aim="50,000/s",
    )


def latency() -> Iterator[Row]:
    """Engine's send to a subscriber of the aggregator."""
    times: dict[str, list[float]] = {"relay": [], "full": []}
    for _ in range(RUNS):
        for kind, found in times.items():
            with scene() as directory:
                config = configure(directory, LATENCY_MARKETS)
                sender = load("send", directory, LATENCY_MARKETS, LATENCY_EACH, LATENCY_HZ)
                relay = (
                    load("relay", directory, LATENCY_MARKETS)
                    if kind == "relay"
                    else started("-c", CHILD, config)
                )
                with subscribe(
                    endpoint=f"ipc://{directory}/out", max_age_s=None, repair=False
                ) as subscription:
                    time.sleep(0.5)
                    go(sender)
                    for _ in range(LATENCY_MARKETS * LATENCY_EACH):
                        message = subscription.receive(5.0)
                        assert isinstance(message, Score)
                        found.append((time.time_ns() - message.time_published_ns) / 1e6)
                sender.communicate("\n")
                relay.terminate()
                relay.communicate()
    relay_ms, full_ms = np.array(times["relay"]), np.array(times["full"])
    for share, aim in ((50, "1 ms"), (99, "5 ms")):
        measured, beside = float(np.percentile(full_ms, share)), float(np.percentile(relay_ms, share))
        yield Row(
            what=f"engine to subscriber, 50 markets × 20/s, {'median' if share == 50 else '99%'}",
            measured=measured,
            unit="ms",
            reference="ms: bare pyzmq relay",
            reference_value=beside,
            at_most=LATENCY_MOST,
            aim=aim,
        )


def soak() -> Iterator[Row]:
    """500 publishers for a minute: every score received or counted, and memory that stays."""
    each = int(SOAK_HZ * SOAK_S)
    with scene() as directory:
        config = configure(directory, SOAK_MARKETS)
        sender = load("send", directory, SOAK_MARKETS, each, SOAK_HZ * SOAK_MARKETS)
        aggregator = started("-c", CHILD, config)
        process = psutil.Process(aggregator.pid)
        with subscribe(endpoint=f"ipc://{directory}/out", max_age_s=None) as subscription:
            time.sleep(2.0)
            go(sender)
            began, settled = time.monotonic(), list[int]()
            while subscription.receive(2.0) is not None:
                if len(settled) < len(SETTLED_S) and time.monotonic() - began > SETTLED_S[len(settled)]:
                    # Its own pages: shared ones come and go with other programs.
                    settled.append(process.memory_full_info().uss)
            at_end = process.memory_full_info().uss
            counts = subscription.counts().values()
            received, missed = (sum(getattr(c, name) for c in counts) for name in ("received", "missed"))
        sender.communicate("\n")
        aggregator.terminate()
        aggregator.communicate()
    yield Row(
        what="500 publishers × 10/s, 60 s: received, or counted as missed",
        measured=received + missed,
        unit=f"scores, {missed:,} missed",
        reference="scores sent",
        reference_value=SOAK_MARKETS * each,
        at_least=1.0,
        at_most=1.0,
    )
    for after_s, bytes_then in zip(SETTLED_S, settled, strict=True):
        yield Row(
            what=f"the same: the aggregator at the end, {(at_end - bytes_then) / 1e6:+.2f} MB",
            measured=at_end / 1e6,
            unit="MB",
            reference=f"MB after {after_s:g} s",
            reference_value=bytes_then / 1e6,
            at_most=GROWTH_MOST,
            aim="+2 MB",
        )
