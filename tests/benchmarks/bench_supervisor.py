"""The supervisor: how soon a fallen child works again, how many it carries, what it costs at rest.

Engines run on synthetic markets, slow ones where hundreds share the machine.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import zmq

from signalnode_supervisor.control import request
from signalnode_supervisor.linux.procfs import pss_bytes
from tests.benchmarks.bare_child import bare_children
from tests.benchmarks.bare_loop import bare_loops
from tests.benchmarks.peers import Ear, peer_recovery_s
from tests.benchmarks.processor import shares
from tests.benchmarks.table import Row
from tests.supervisor.harness import Node, is_alive

RUNS = 20
MANY = 200
KEPT = 50
IDLE_S = 10.0
PATIENCE_S = 180.0
ANSWERS = 50
CRASHING = {"args": {"status": 1}, "intensity": 10**6, "backoff_base_s": 0.01, "backoff_max_s": 0.01}
START_MOST, STOP_MOST = 3.0, 5.0  # times bare children's
IDLE_MOST, MEMORY_MOST = 8.0, 2.0  # times a bare loop's
ANSWER_MOST = 3.0  # times as slow as with nobody crashing
RECONNECT_MS = 10  # as every subscriber of the bus


class Engines:
    """A supervisor over so many engines on synthetic markets."""

    def __init__(self, home: Path, count: int, mode: str, events_per_s: float) -> None:
        self.home, self.count, self.mode = home, count, mode
        self.names = [f"M{i:03d}-USD" for i in range(count)]
        (home / "markets").mkdir()
        (home / "node.toml").write_text(
            'runtime_dir = "run"\nstate_dir = "state"\nmarkets_dir = "markets"\n'
            "[engine]\npublish_interval_ms = 100\n"
        )
        for i, name in enumerate(self.names):
            (home / "markets" / f"{name}.toml").write_text(
                f'market = "{name}"\n[feed]\nkind = "synthetic"\nseed = {i}\nevents_per_s = {events_per_s}\n'
            )
        self.process: subprocess.Popen[str] | None = None
        self.pids: dict[str, int] = {}
        self.adopted: set[str] = set()

    def start(self) -> None:
        argv = [sys.executable, "-m", "tests.benchmarks.supervised", str(self.home / "node.toml"), self.mode]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def all_up(self) -> None:
        """Wait until every engine has come up since the last call, or was adopted as it was."""
        assert self.process is not None
        assert self.process.stdout is not None
        seen: set[str] = set()
        while len(seen) < self.count:
            what, name, pid = self.process.stdout.readline().split()
            if what == "adopted":
                self.adopted.add(name)
            else:
                seen.add(name)
            self.pids[name] = int(pid)

    def ask(self, verb: str) -> None:
        request(self.home / "run" / "control.sock", verb, self.names)

    def kill(self) -> None:
        """SIGKILL to the supervisor alone."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=PATIENCE_S)


@contextmanager
def engines(count: int, mode: str = "terminate", events_per_s: float = 5.0) -> Iterator[Engines]:
    with tempfile.TemporaryDirectory(prefix="sb") as home:
        node = Engines(Path(home), count, mode, events_per_s)
        try:
            yield node
        finally:
            node.stop()


def rows() -> Iterator[Row]:
    yield from respawn_rows()
    yield from peer_rows()
    yield from many_rows()
    yield from idle_rows()
    yield from adoption_rows()


# one engine


def respawn_rows() -> Iterator[Row]:
    bare_s = bare_children(RUNS)["respawn_ms"] / 1000
    with engines(1, events_per_s=200.0) as node:
        node.start()
        node.all_up()
        score_s = kill_to_score_s(node)
    yield Row(
        what=f"kill -9 to first new score, median of {RUNS}",
        measured=score_s * 1000,
        unit="ms",
        reference="ms, bare fork-server respawn",
        reference_value=bare_s * 1000,
        at_most=3.0,
        aim="50 ms",
    )


def kill_to_score_s(node: Engines) -> float:
    """Median time from SIGKILL to the first score of a higher epoch, heard over the market's own socket."""
    context = zmq.Context()
    line = context.socket(zmq.SUB)
    line.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    line.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
    line.subscribe(b"score.")
    line.connect(f"ipc://{node.home}/run/{node.names[0]}.scores")
    times, epoch = [], 0
    for _ in range(RUNS):
        # A restart by request forgives earlier failures, so that each kill is a first one: no backoff.
        node.ask("restart")
        node.all_up()
        time.sleep(1.2)  # past the checkpoint interval
        while line.poll(0):
            epoch = msgpack.unpackb(line.recv_multipart()[1])["epoch"]
        begun_s = time.perf_counter()
        os.kill(node.pids[node.names[0]], signal.SIGKILL)
        while msgpack.unpackb(line.recv_multipart()[1])["epoch"] <= epoch:
            pass
        times.append(time.perf_counter() - begun_s)
        node.all_up()
    context.destroy(linger=0)
    return statistics.median(times)


# peers


def peer_rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="sb") as home:
        ear = Ear(Path(home))
        spec = {"name": "child", "target": "tests.benchmarks.peers:child", "args": {"address": ear.address}}
        node = Node(
            {**spec, "intensity": 1000, "backoff_base_s": 0.0},
            preload=["numpy", "msgpack", "tests.benchmarks.peers"],
        )
        node.start()
        ours_s = ear.recovery_s(RUNS)
        ear.close()
        node.stop()
        node.sweep()
    for name, runs in (("supervisor", 5), ("circus", 3)):
        with tempfile.TemporaryDirectory(prefix="sb") as home:
            theirs_s = peer_recovery_s(name, Path(home), runs)
        if theirs_s is not None:
            shown = "supervisord" if name == "supervisor" else name
            yield Row(
                what=f"kill -9 to working again, the same child as {shown}",
                measured=ours_s * 1000,
                unit="ms",
                reference=f"ms, {shown}",
                reference_value=theirs_s * 1000,
                at_most=1.0,
            )


# many


def many_rows() -> Iterator[Row]:
    bare = bare_children(MANY)
    with engines(MANY, events_per_s=1.0) as node:
        begun_s = time.perf_counter()
        node.start()
        node.all_up()
        cold_s = time.perf_counter() - begun_s
        begun_s = time.perf_counter()
        for pid in node.pids.values():
            os.kill(pid, signal.SIGKILL)
        node.all_up()
        again_s = time.perf_counter() - begun_s
        begun_s = time.perf_counter()
        node.stop()
        stop_s = time.perf_counter() - begun_s
    for what, seconds, bare_s, aim in (
        ("cold start to all up", cold_s, bare["start_s"], "6 s"),
        ("all killed at once to all up", again_s, bare["start_s"], "6 s"),
        ("stop", stop_s, bare["stop_s"], "5 s, the grace"),
    ):
        yield Row(
            what=f"{MANY} engines: {what}",
            measured=seconds,
            unit="s",
            reference=f"s, {'end' if what == 'stop' else 'start'} of as many bare fork-server children",
            reference_value=bare_s,
            at_most=STOP_MOST if what == "stop" else START_MOST,
            aim=aim,
        )


def idle_rows() -> Iterator[Row]:
    specs = [{"name": f"c{i}", "target": "tests.supervisor.targets:steady"} for i in range(MANY)]
    node = Node(*specs)
    node.from_nothing = True  # of what it is forked from it would carry a part
    try:
        node.up()
        assert node.process is not None
        pid = node.process.pid
        with bare_loops([f"ipc://{node.home}/bare"]) as bare:
            time.sleep(2.0)
            share, bare_share = shares([pid], bare, IDLE_S)
            memory_mb, bare_mb = ((pss_bytes(each) or 0) / 1e6 for each in (pid, bare[0]))
        calm_ms = _answers_ms(node)
        node.specs.append({**CRASHING, "name": "bad", "target": "tests.supervisor.targets:exits"})
        node.write()
        node.ask("reload")
        busy_ms = _answers_ms(node)
    finally:
        node.sweep()
    names = f"idle supervisor, {MANY} children"
    yield Row(
        what=f"{names}: processor time",
        measured=share,
        unit="% of a core",
        reference="% of a core, a bare loop that sends 10 scores a second",
        reference_value=bare_share,
        at_most=IDLE_MOST,
        aim="1%",
    )
    yield Row(
        what=f"{names}: memory",
        measured=memory_mb,
        unit="MB PSS",
        reference="MB PSS, that bare loop",
        reference_value=bare_mb,
        at_most=MEMORY_MOST,
        aim="40 MB",
    )
    yield Row(
        what=f"status of {MANY} children while one crash-loops, slowest of {ANSWERS}",
        measured=max(busy_ms),
        unit="ms",
        reference="ms, while none does",
        reference_value=max(calm_ms),
        at_most=ANSWER_MOST,
        aim="100 ms",
    )


def _answers_ms(node: Node) -> list[float]:
    answers_ms = []
    for _ in range(ANSWERS):
        begun_s = time.perf_counter()
        node.ask("status")
        answers_ms.append((time.perf_counter() - begun_s) * 1000)
        time.sleep(0.02)
    return answers_ms


# adoption


def adoption_rows() -> Iterator[Row]:
    with engines(KEPT, "keep", events_per_s=20.0) as node:
        begun_s = time.perf_counter()
        node.start()
        node.all_up()
        cold_s = time.perf_counter() - begun_s
        context = zmq.Context()
        line = context.socket(zmq.SUB)
        line.setsockopt(zmq.RCVHWM, 0)
        line.subscribe(b"score.")
        for name in node.names:
            line.connect(f"ipc://{node.home}/run/{name}.scores")
        time.sleep(1.0)
        pids = dict(node.pids)
        node.kill()
        begun_s = time.perf_counter()
        node.start()
        node.all_up()
        node.ask("status")
        control_s = time.perf_counter() - begun_s
        kept = len(node.adopted & {name for name, pid in pids.items() if node.pids[name] == pid})
        time.sleep(1.0)
        heard, gaps = _gaps(line)
        context.destroy(linger=0)
        node.stop()
        assert not any(map(is_alive, pids.values()))
    yield Row(
        what=f"supervisor killed, {KEPT} engines left: new start to full control",
        measured=control_s,
        unit="s",
        reference="s, their cold start",
        reference_value=cold_s,
        at_most=1.0,
        aim="1 s",
    )
    yield Row(
        what="the same: engines adopted as they were",
        measured=kept,
        unit="engines",
        reference="engines",
        reference_value=KEPT,
        at_least=1.0,
    )
    yield Row(
        what="the same: sequence gaps meanwhile",
        measured=gaps,
        unit="gaps",
        reference="scores heard",
        reference_value=heard,
        at_most=0.0,
    )


def _gaps(line: zmq.Socket[bytes]) -> tuple[int, int]:
    """Scores received; and sequence numbers missing from them, or epochs begun in them."""
    last: dict[str, tuple[int, int]] = {}
    heard = gaps = 0
    while line.poll(0):
        message = msgpack.unpackb(line.recv_multipart()[1])
        market, at = message["market"], (message["epoch"], message["seq"])
        heard += 1
        if market in last and at != (last[market][0], last[market][1] + 1):
            gaps += 1
        last[market] = at
    return heard, gaps + (KEPT - len(last))
