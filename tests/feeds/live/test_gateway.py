"""A real gateway process against a venue of our own, over TLS: what an engine scores live is what replay
scores from the frames that were passed on, whatever happens on the way.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from signalnode.feeds.live import envelope
from tests.venues import faults
from tests.venues.listening import Listener
from tests.venues.server import Running, Server

Start = Callable[..., subprocess.Popen[bytes]]
GATEWAY = """
import json, sys
from signalnode.feeds.live.gateway import main
class Link:
    def ready(self, **facts): pass
    def beat(self, **facts): pass
sys.exit(main(Link(), json.loads(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def running(authority: trustme.CA) -> Iterator[Running]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with Running(Server("dydx", steps_per_s=100.0), tls=tls) as servers:
        yield servers


@pytest.fixture
def gateway(running: Running, authority: trustme.CA, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(trusted)

    def start(**environment: str) -> subprocess.Popen[bytes]:
        args = {
            "gateway": "gateway.dydx",
            "venue": "dydx",
            "url": running.servers[0].ws_url,
            "runtime_dir": str(tmp_path),
        }
        command = [sys.executable, "-c", GATEWAY, json.dumps(args)]
        environ = os.environ | {"SSL_CERT_FILE": str(trusted)} | environment
        started.append(subprocess.Popen(command, env=environ))
        return started[-1]

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    endpoint = envelope.frames_endpoint(tmp_path, "gateway.dydx")
    listening = Listener(endpoint, "gateway.dydx", "dydx", "BTC-USD")
    list(listening.feed.prepare())
    yield listening
    listening.close()


def test_what_is_scored_live_is_what_replay_scores_from_the_frames_with_faults_in_between(
    running, gateway, listener, tmp_path
):
    process = gateway()
    listener.until_sound()
    venue = running.servers[0].venue
    venue.script.faults.append(faults.broken_off("BTC-USD"))
    listener.until(lambda: "line_corrupt" in listener.feed.faults, "a frame that breaks off")
    listener.until_sound()
    venue.script.faults += [faults.number_put("BTC-USD", b"NaN"), faults.lost("BTC-USD")]
    listener.until_sound()
    running.do(lambda: venue.close_all(1012))
    listener.until(lambda: bool(listener.feed.outage), "the close")
    assert "1012" in listener.feed.outage
    listener.until_sound()
    process.kill()
    process.wait()
    process = gateway()
    listener.until(lambda: bool(listener.feed.outage), "the new gateway's first word")
    listener.until_sound()
    process.kill()
    process.wait()
    listener.drain()

    listener.check_replay(tmp_path / "passed_on")
    assert not venue.broken_rules


def test_a_refusal_is_told_with_its_reason_and_not_tried_again(running, gateway, listener):
    venue = running.servers[0].venue
    venue.script.status = 403
    gateway()
    listener.until(lambda: listener.feed.outage == "refused: HTTP 403", "the refusal")
    assert venue.connects == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(running, gateway, listener, tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    gateway(SSL_CERT_FILE=str(tmp_path / "other.pem"))
    listener.until(lambda: "CERTIFICATE_VERIFY_FAILED" in listener.feed.outage, "the refusal")
    assert running.servers[0].venue.connects == 0
