"""What an engine costs at rest and at work, and how punctual two hundred are.

Beside each node run a few bare loops, which do the least that sends the same messages: `bare_loop.py`. Both
are measured in the same seconds, so that a busy machine is as hard on the one as on the other.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgpack
import numpy as np
import numpy.typing as npt
import zmq

from signalnode.bus.sockets import receive, waits
from tests.benchmarks.bare_loop import INTERVAL_S, bare_loops
from tests.benchmarks.nodes import engines, node_on, roles_by_pid, synthetic
from tests.benchmarks.processor import by_role, idle_s, shares
from tests.benchmarks.table import RUNS, Row

ENGINES, MANY, BARE = 20, 200, 5
TARGETS = {2.0: 3.0, 100.0: 4.0, 1_000.0: 8.0}  # events/s: at most so many bare loops
SETTLE_S, WINDOW_S, MANY_S = 3.0, 4.0, 10.0
LATE_S = 0.020
LATE_MOST = 5.0  # times as late as a bare loop
BENCH = "the bench's own loops and listener"
RHYTHM = 10  # scores over which a market's own rhythm is looked for

Series = npt.NDArray[np.float64]


def rows() -> Iterator[Row]:
    for events_per_s, at_most in TARGETS.items():
        yield _cost(events_per_s, at_most)
    yield from _many()


def places_in(directory: Path) -> list[str]:
    """Where BARE loops send."""
    return [f"ipc://{directory}/bare{i}" for i in range(BARE)]


def _cost(events_per_s: float, at_most: float) -> Row:
    feeds = [synthetic(seed, events_per_s) for seed in range(ENGINES)]
    with _scene() as directory, node_on(directory, feeds) as config, bare_loops(places_in(directory)) as bare:
        time.sleep(SETTLE_S)
        pids = [child["pid"] for child in engines(config)]
        measured = [shares(pids, bare, WINDOW_S) for _ in range(RUNS)]
    return Row(
        what=f"an engine at {events_per_s:g} events/s, {ENGINES} on a node",
        measured=statistics.median(share for share, _ in measured),
        unit="% of a core",
        reference="% of a core, a bare loop that sends as often",
        reference_value=statistics.median(share for _, share in measured),
        at_most=at_most,
    )


def _many() -> Iterator[Row]:
    """Two hundred engines on however many cores there are."""
    feeds = [synthetic(seed, 100.0) for seed in range(MANY)]
    with _scene() as directory, node_on(directory, feeds) as config, bare_loops(places_in(directory)) as bare:
        time.sleep(SETTLE_S)
        pids = [child["pid"] for child in engines(config)]
        each = roles_by_pid(config) | dict.fromkeys([os.getpid(), *bare], BENCH)
        idle_before_s, used_before_s, began_s = idle_s(), by_role(each), time.monotonic()
        with _heard(f"ipc://{directory}/bus") as heard, _heard(*places_in(directory)) as bare_heard:
            share, bare_share = shares(pids, bare, MANY_S)
            machine_s = (time.monotonic() - began_s) * (os.cpu_count() or 1)
            idle = (idle_s() - idle_before_s) / machine_s
            used = {role: used_s / machine_s for role, used_s in (by_role(each) - used_before_s).items()}
    late_s, bare_late_s = _delays_s(heard), _delays_s(bare_heard)
    names = f"{MANY} engines at 100 events/s"
    bare_name = f"{BARE} bare loops beside them"
    yield Row(
        what=f"{names}: one of them",
        measured=share,
        unit="% of a core",
        reference=f"% of a core, {bare_name}",
        reference_value=bare_share,
        at_most=TARGETS[100.0],
        aim=f"half the machine idle: {idle:.0%}; "
        + ", ".join(f"{role} {used[role]:.0%}" for role in sorted(used)),
    )
    yield Row(
        what=f"{names}: how late a score is, 99%",
        measured=float(np.percentile(late_s, 99)) * 1e3,
        unit="ms",
        reference=f"ms, {bare_name}",
        reference_value=float(np.percentile(bare_late_s, 99)) * 1e3,
        at_most=LATE_MOST,
        aim=f"under 1% by more than {1e3 * LATE_S:g} ms: {np.mean(late_s > LATE_S):.2%}",
    )


@contextlib.contextmanager
def _heard(*endpoints: str) -> Iterator[dict[str, list[bytes]]]:
    """What is sent there while the block runs, as it came, by endpoint and topic."""
    found: dict[str, list[bytes]] = defaultdict(list)
    done = threading.Event()

    def hear() -> None:
        with zmq.Context() as context, contextlib.ExitStack() as sockets:
            poller = zmq.Poller()
            places = {}
            for endpoint in endpoints:
                socket = sockets.enter_context(context.socket(zmq.SUB))
                socket.subscribe(b"score.")
                socket.connect(endpoint)
                poller.register(socket, zmq.POLLIN)
                places[socket] = endpoint
            while not done.is_set():
                for socket, _ in poller.poll(100):
                    while waits(socket):
                        topic, content = receive(socket)
                        found[f"{places[socket]} {topic.decode()}"].append(content)

    thread = threading.Thread(target=hear)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def _delays_s(heard: dict[str, list[bytes]]) -> Series:
    """By how much each score was sent after its turn in its market's own rhythm."""
    late = []
    for contents in heard.values():
        messages = [msgpack.unpackb(content) for content in contents]
        sent_s = (
            np.array([m["time_published_ns"] - messages[0]["time_published_ns"] for m in messages]) * 1e-9
        )
        offsets_s = sent_s - INTERVAL_S * np.array([m["seq"] - messages[0]["seq"] for m in messages])
        late += [offset - min(offsets_s[max(0, i - RHYTHM) : i + 1]) for i, offset in enumerate(offsets_s)]
    return np.array(late)


@contextlib.contextmanager
def _scene() -> Iterator[Path]:
    """A directory with room for socket names."""
    with tempfile.TemporaryDirectory(prefix="sb") as name:
        yield Path(name)
