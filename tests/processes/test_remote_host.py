"""A subscriber on another host, and a node whose host loses its power: two network namespaces, one cable."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.effort import PATIENCE_S

ROOT = Path(__file__).parents[2]
HERE, THERE = f"signalnode-here-{os.getpid()}", f"signalnode-there-{os.getpid()}"
ENDPOINT = "tcp://10.77.0.1:7450"
SPEAKING = f"""
import sys, time
from signalnode.bus.publisher import Publisher
from signalnode.bus.wire import SCORE_NAMES
publisher = Publisher({ENDPOINT!r}, "BTC-USD", int(sys.argv[1]), 100)
while True:
    now_ns = time.time_ns()
    publisher.score(
        scores=dict.fromkeys(SCORE_NAMES, 50.0), mid=1.0, warm=1.0, status="live",
        time_event_ns=now_ns, time_received_ns=now_ns, time_published_ns=now_ns,
    )
    time.sleep(0.02)
"""
LISTENING = f"""
from signalnode import subscribe
newest = 0
for score in subscribe("BTC-USD", endpoint={ENDPOINT!r}, repair=False, max_age_s=None):
    if score.epoch > newest:
        newest = score.epoch
        print(newest, flush=True)
"""


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True, timeout=PATIENCE_S)


def cable() -> None:
    run(f"ip link add here netns {HERE} type veth peer name there netns {THERE}")
    for host, end, number in ((HERE, "here", 1), (THERE, "there", 2)):
        run(f"ip -n {host} addr add 10.77.0.{number}/24 dev {end}")
        run(f"ip -n {host} link set {end} up")


@pytest.fixture
def two_hosts() -> Iterator[None]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("hosts of one's own want root and iproute2")
    try:
        run(f"ip netns add {HERE}")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        run(f"ip netns add {THERE}")
        cable()
        yield
    finally:
        for host in (HERE, THERE):
            with contextlib.suppress(subprocess.CalledProcessError):
                run(f"ip netns del {host}")


@contextlib.contextmanager
def program(host: str, code: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["ip", "netns", "exec", host, sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    watch = threading.Timer(PATIENCE_S, process.kill)
    watch.start()
    try:
        yield process
    finally:
        watch.cancel()
        process.kill()
        process.wait(PATIENCE_S)
        if process.stdout:
            process.stdout.close()


def test_a_subscriber_hears_a_host_again_that_lost_its_power_and_came_back(two_hosts: None) -> None:
    with program(THERE, LISTENING) as listener:
        assert listener.stdout is not None
        with program(HERE, SPEAKING, "1"):
            assert listener.stdout.readline() == "1\n"
            run(f"ip -n {HERE} link set here down")  # nobody hears how this host ends
        run(f"ip netns del {HERE}")
        run(f"ip netns add {HERE}")
        with contextlib.suppress(subprocess.CalledProcessError):  # it went with its other end, as a rule
            run(f"ip -n {THERE} link del there")
        cable()
        with program(HERE, SPEAKING, "2"):
            assert listener.stdout.readline() == "2\n"
