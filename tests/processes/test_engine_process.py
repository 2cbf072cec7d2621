"""Engines as real processes: killed, doubled, stopped; heard over real sockets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from signalnode import SignalEngine
from signalnode.bus.wire import End, Score, decode
from signalnode.feeds import synthetic_events
from signalnode.feeds.files.recording import write_recording
from signalnode.files import hold_lock
from tests.effort import PATIENCE_MS, PATIENCE_S, drawn, some
from tests.forked import Forked

PROGRAM = """
import json, sys
from signalnode.engine.process import main
class Link:
    def ready(self, **facts): pass
    def beat(self, **facts): pass
sys.exit(main(Link(), json.loads(sys.argv[1])))
"""
# Whoever heard the engine before does so again, however long it takes to come.
PROGRAM_THAT_IS_HEARD = (
    f"from signalnode.engine import process\nprocess.SUBSCRIBER_WAIT_MS = {PATIENCE_MS}\n{PROGRAM}"
)
PROGRAM_WITH_A_THREAD = """
import json, signal, sys, threading
from signalnode.engine.news import News
from signalnode.engine.process import main
resting, rest = threading.Event(), News.wait_until
def rest_seen(*args, **how):
    resting.set()
    return rest(*args, **how)
def take_the_signal():
    resting.wait()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
News.wait_until = rest_seen
threading.Thread(target=take_the_signal, daemon=True).start()
class Link:
    def ready(self, **facts): pass
    def beat(self, **facts): pass
sys.exit(main(Link(), json.loads(sys.argv[1])))
"""
PROGRAM_THAT_TELLS = """
import json, sys
from signalnode.engine.process import main
class Link:
    def ready(self, **facts): print(json.dumps({"event": "ready"}), flush=True)
    def beat(self, **facts):
        if "progress" in facts: print(json.dumps({"event": "progress", **facts}), flush=True)
sys.exit(main(Link(), json.loads(sys.argv[1])))
"""
# With what a node's fork server has loaded, and no more of the package.
PROGRAM_WITHOUT_ITS_PACKAGE = (
    """
import sys
from tests.preloaded import LOADED
PACKAGES = "signalnode", "signalnode_supervisor"
for name in sorted(sys.modules.keys() - LOADED, reverse=True):
    package, _, own = name.rpartition(".")
    if package.partition(".")[0] in PACKAGES:
        del sys.modules[name]
        delattr(sys.modules[package], own)
class Gone:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in PACKAGES:
            raise ModuleNotFoundError(f"{name} is asked for after the fork")
sys.meta_path.insert(0, Gone())
"""
    + PROGRAM_THAT_TELLS
)
# As `unshare --user --map-root-user --mount` and `mount` do it; the directory is the last word.
PROGRAM_ON_A_FULL_DISK = (
    """
import ctypes, os, sys
NEW_USER_AND_MOUNTS, PRIVATE_BELOW = 0x1002_0000, 0x4_4000  # Linux: sched.h, mount.h
libc, user, group = ctypes.CDLL(None, use_errno=True), os.geteuid(), os.getegid()
def done(status):
    if status:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
done(libc.unshare(NEW_USER_AND_MOUNTS))
for name, text in ("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1"):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
done(libc.mount(None, b"/", None, ctypes.c_ulong(PRIVATE_BELOW), None))
directory = sys.argv[2].encode()
done(libc.mount(b"tmpfs", directory, b"tmpfs", ctypes.c_ulong(0), b"size=8k,mode=700"))
try:
    with open(directory + b"/filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
except OSError:
    pass
"""
    + PROGRAM_THAT_TELLS
)
EVENTS = synthetic_events(11, 12_000, events_per_s=50.0)
COLD_STARTS = drawn(1, 30)
SLOW, FAST = 1.0, 1_000.0  # four minutes, so that no test sees the end before it wants to; at once
KILLS = drawn(1, 2)
MARKETS = ("ALPHA-USD", "BETA-USD")


class Home:
    """A config with two markets that play the same recording, and the engines started on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, list[Forked]()
        (folder / "markets").mkdir()
        write_recording(folder / "played.parquet", EVENTS, market=MARKETS[0], venue="synthetic")
        self.config = folder / "signalnode.toml"
        self.config.write_text(
            'runtime_dir = "run"\nstate_dir = "state"\n'
            "[engine]\npublish_interval_ms = 10\ncheckpoint_interval_ms = 10\n"
        )
        (folder / "run").mkdir(mode=0o700)
        for market in MARKETS:
            self.write_market(market, SLOW)

    def write_market(self, market: str, speed: float, more: str = "") -> None:
        """The market's file, with `more` behind its feed."""
        (self.folder / "markets" / f"{market}.toml").write_text(
            f'market = "{market}"\n[feed]\nkind = "recording"\npaths = ["../played.parquet"]\n'
            f'symbol = "{MARKETS[0]}"\nspeed = {speed}\n{more}'
        )

    def start(self, market: str, program: str = PROGRAM, *more: str) -> Forked:
        """An engine, forked as the node's are."""
        args = json.dumps({"config": str(self.config), "market": market})
        engine = Forked(program, [args, *more], os.environ, one_stream=True)
        self.running.append(engine)
        return engine

    def clear(self) -> None:
        """End whatever is still there."""
        for engine in self.running:
            if engine.poll() is None:
                engine.kill()
            if not engine.stdout.closed:
                engine.communicate()

    def left(self) -> list[str]:
        """What is in the runtime directory."""
        return sorted(path.name for path in (self.folder / "run").iterdir())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.clear()


def a_score(message: Any) -> bool:
    return isinstance(message, Score)


def an_end(message: Any) -> bool:
    return isinstance(message, End)


def a_score_past(seq: int) -> Callable[[Any], bool]:
    return lambda message: isinstance(message, Score) and message.seq > seq


def a_score_of_an_epoch_past(epoch: int) -> Callable[[Any], bool]:
    return lambda message: isinstance(message, Score) and message.epoch > epoch


class Ear:
    """Hears one engine's messages; connected before the engine is there."""

    def __init__(self, home: Home, market: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.subscribe(b"")
        self._socket.connect(f"ipc://{home.folder}/run/{market}.scores")
        self.heard: list[Any] = []

    def until(self, satisfied: Callable[[Any], bool], wait_s: float = PATIENCE_S) -> Any:
        """The first message from now on that satisfies."""
        while self._socket.poll(int(wait_s * 1_000)):
            frames = self._socket.recv_multipart()
            message = decode(frames)
            self.heard.append(message)
            if satisfied(message):
                return message
        raise AssertionError("nothing that satisfies was heard in time")

    def scores(self) -> list[Any]:
        """The score messages heard so far."""
        return [message for message in self.heard if a_score(message)]

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


@pytest.fixture
def listen(home: Home) -> Iterator[Callable[[str], Ear]]:
    ears: list[Ear] = []

    def made(market: str) -> Ear:
        ears.append(Ear(home, market))
        return ears[-1]

    yield made
    for ear in ears:
        ear.close()


def finished(engine: Forked) -> tuple[int, list[dict[str, Any]]]:
    """Its exit status and its log, a line each, once it is gone."""
    out, _ = engine.communicate(timeout=PATIENCE_S)
    assert engine.returncode is not None
    return engine.returncode, [json.loads(line) for line in out.splitlines()]


def lines_of(log: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in log if line["event"] == event]


def test_killed_again_and_again_the_last_scores_are_those_of_a_run_without_a_stop(
    home: Home, listen: Callable[[str], Ear]
) -> None:
    ear, neighbour = (listen(market) for market in MARKETS)
    engine, other = (home.start(market) for market in MARKETS)
    neighbour.until(a_score)
    reached = ear.until(a_score)
    for resumed in (False, *[True] * (KILLS - 1)):
        ear.until(a_score_past(reached.seq + 5))
        engine.send_signal(signal.SIGKILL)
        status, log = finished(engine)
        assert status == -signal.SIGKILL
        assert [line["resumed"] for line in lines_of(log, "started")] == [resumed]
        before, engine = ear.heard[-1].epoch, home.start(MARKETS[0])
        reached = ear.until(a_score_of_an_epoch_past(before))
    engine.send_signal(signal.SIGTERM)
    assert finished(engine)[0] == -signal.SIGTERM
    home.write_market(MARKETS[0], FAST)  # it would be over before an ear that comes late is there
    before, engine = ear.heard[-1].epoch, home.start(MARKETS[0], PROGRAM_THAT_IS_HEARD)
    ear.until(a_score_of_an_epoch_past(before))
    ear.until(an_end)
    status, log = finished(engine)
    assert status == 0
    assert [line["resumed"] for line in lines_of(log, "started")] == [True]

    reference = SignalEngine(MARKETS[0])
    reference.ingest(EVENTS)
    expected = reference.scores_at(reference.time_ns)
    final = ear.scores()[-1]
    assert final.time_received_ns == reference.time_ns
    assert np.array(list(final.scores.values())).tobytes() == np.array(list(expected.values())).tobytes()
    assert list(final.scores) == list(expected)
    assert final.mid == reference.mid

    other.send_signal(signal.SIGTERM)
    end = neighbour.until(an_end)
    assert finished(other)[0] == -signal.SIGTERM
    seqs = list(dict.fromkeys(message.seq for message in neighbour.scores()))  # the newest may come again
    assert seqs == list(range(seqs[0], end.seq + 1)), "the other market's subscriber missed nothing"
    assert {message.epoch for message in neighbour.heard} == {end.epoch}
    assert home.left() == []


def test_a_second_engine_of_a_market_is_refused_in_one_line(home: Home, listen: Callable[[str], Ear]) -> None:
    ear, first = listen(MARKETS[0]), home.start(MARKETS[0])
    heard = ear.until(a_score)
    status, log = finished(home.start(MARKETS[0]))
    assert status == 6
    (line,) = log
    assert str(first.pid) in line["reason"]
    assert "\n" not in line["reason"]
    ear.until(lambda message: message.seq > heard.seq and message.epoch == heard.epoch)
    first.send_signal(signal.SIGTERM)
    ear.until(an_end)
    assert {message.epoch for message in ear.heard} == {heard.epoch}


@pytest.mark.parametrize("number", some([signal.SIGTERM, signal.SIGINT], 1))
def test_a_stop_leaves_an_end_and_nothing_else_and_can_be_told_from_the_end_of_a_feed(
    home: Home, listen: Callable[[str], Ear], number: signal.Signals
) -> None:
    ear, engine = listen(MARKETS[0]), home.start(MARKETS[0])
    ear.until(a_score)
    assert home.left() == ["ALPHA-USD.lock", "ALPHA-USD.scores"]
    engine.send_signal(number)
    end = ear.until(an_end)
    assert end.seq == ear.scores()[-1].seq
    status, log = finished(engine)
    assert status == -number
    assert not [line for line in log if line["level"] in ("warning", "error")]
    assert home.left() == []


def test_a_stop_that_another_thread_receives_is_not_lost(home: Home) -> None:
    assert finished(home.start(MARKETS[0], PROGRAM_WITH_A_THREAD))[0] == -signal.SIGTERM


def test_a_first_decoding_tells_its_progress_to_the_end_and_a_second_start_has_none(
    home: Home, listen: Callable[[str], Ear]
) -> None:
    told = []
    for _ in range(2):
        ear, engine = listen(MARKETS[0]), home.start(MARKETS[0], PROGRAM_THAT_TELLS)
        ear.until(a_score)
        engine.send_signal(signal.SIGTERM)
        _, log = finished(engine)
        told.append([line["progress"] for line in lines_of(log, "progress")])
        assert lines_of(log, "ready")
    assert told[0] == sorted(told[0])
    assert told[0][-1] == 1.0
    assert 1.0 not in told[0][:-1]
    assert told[1] == []


def test_checkpoints_that_cannot_be_used_are_told_and_cost_no_more_than_the_warm_up(
    home: Home, listen: Callable[[str], Ear]
) -> None:
    ear, engine = listen(MARKETS[0]), home.start(MARKETS[0])
    ear.until(a_score_past(20))
    engine.send_signal(signal.SIGTERM)
    assert finished(engine)[0] == -signal.SIGTERM
    home.write_market(MARKETS[0], SLOW, "[signals]\ntrend_s = 20.0\n")
    for slot in (home.folder / "state" / MARKETS[0]).glob("checkpoint.1"):
        slot.write_bytes(b"torn")
    again = home.start(MARKETS[0])
    before = ear.heard[-1].epoch
    ear.until(a_score_of_an_epoch_past(before))
    again.send_signal(signal.SIGTERM)
    status, log = finished(again)
    assert status == -signal.SIGTERM
    assert len(lines_of(log, "checkpoint refused")) == 2
    assert [line["resumed"] for line in lines_of(log, "started")] == [False]


def test_the_first_score_of_a_still_market_is_not_lost_on_an_aggregator_that_connects_late(
    home: Home, listen: Callable[[str], Ear]
) -> None:
    still = EVENTS[:400].copy()
    for times in ("time_event_ns", "time_received_ns"):
        still[times][:-1] = still[times][0]
        still[times][-1] = still[times][0] + 3_600_000_000_000
    write_recording(home.folder / "played.parquet", still, market=MARKETS[0], venue="synthetic")
    run = home.folder / "run"
    with hold_lock(run / "aggregator.lock"):
        for _ in range(COLD_STARTS):
            engine = home.start(MARKETS[0])
            while not (run / f"{MARKETS[0]}.scores").exists():
                time.sleep(0.005)  # nothing can be awaited: this is how a connection is tried again
            assert listen(MARKETS[0]).until(a_score).seq == 1
            engine.kill()
            engine.communicate()
            (run / f"{MARKETS[0]}.scores").unlink()
            for checkpoint in (home.folder / "state" / MARKETS[0]).glob("checkpoint.*"):
                checkpoint.unlink()


def test_an_engine_that_starts_while_its_package_is_being_replaced_needs_nothing_of_it(
    home: Home, listen: Callable[[str], Ear]
) -> None:
    ear, engine = listen(MARKETS[0]), home.start(MARKETS[0], PROGRAM_WITHOUT_ITS_PACKAGE)
    ear.until(a_score)
    engine.send_signal(signal.SIGTERM)
    ear.until(an_end)
    assert finished(engine)[0] == -signal.SIGTERM


@pytest.mark.parametrize("directory", ["state", "run"])
def test_an_engine_starts_on_a_full_disk_and_says_what_it_cannot_keep(home: Home, directory: str) -> None:
    (home.folder / directory).mkdir(mode=0o700, exist_ok=True)
    (home.folder / "markets" / f"{MARKETS[0]}.toml").write_text(
        f'market = "{MARKETS[0]}"\n[feed]\nkind = "synthetic"\n'
    )
    apart = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    if subprocess.run(apart, check=False).returncode:
        pytest.skip("no namespaces of its own for a user here")
    engine = home.start(MARKETS[0], PROGRAM_ON_A_FULL_DISK, str(home.folder / directory))
    log: list[dict[str, Any]] = []
    while not lines_of(log, "ready"):
        log.append(json.loads(engine.stdout.readline()))  # its end, before that, is no JSON
    assert bool(lines_of(log, "the epoch is from the clock, and is not kept")) is (directory == "state")
