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

import numpy as np
import pytest
import trustme

from signalnode import SignalEngine, load_events
from signalnode.clock import NS_PER_S, monotonic_ns, pause
from signalnode.events import QUOTE, Events, join_events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.live import envelope
from signalnode.feeds.live.feed import LiveFeed
from signalnode.feeds.venues import decoder_of
from signalnode.scores import MarketScores
from tests.venues import faults
from tests.venues.server import Running, Server

Start = Callable[..., subprocess.Popen[bytes]]
GRID_NS = NS_PER_S // 10
WAIT_S = 30.0  # on a busy machine
GATEWAY = """
import json, sys
from signalnode.feeds.live.gateway import main
class Link:
    def ready(self, **facts): pass
    def beat(self, **facts): pass
sys.exit(main(Link(), json.loads(sys.argv[1])))
"""


class Tapped(LiveFeed):
    """Keeps the frames that the gateway passed on."""

    frames: list[tuple[int, bytes]]

    def _take_in(self, header: envelope.Header, body: bytes) -> None:
        if header.kind == envelope.FRAME:
            self.frames.append((header.time_ns, body))
        super()._take_in(header, body)


class Listener:
    """A feed with an engine behind it."""

    def __init__(self, directory: Path, market: str) -> None:
        endpoint = envelope.frames_endpoint(directory, "gateway.dydx")
        self.feed = Tapped(endpoint, "gateway.dydx", market, decoder_of("dydx"), DEPTH_BPS)
        list(self.feed.prepare())
        self.engine = SignalEngine(market)
        self.events: list[Events] = []
        self.frames: list[tuple[int, bytes]] = []
        self.feed.frames = self.frames
        self.scores: dict[int, MarketScores] = {}
        self._grid_ns = 0

    def close(self) -> None:
        self.feed.close()

    def turn(self) -> None:
        heard_ns = self.feed.kernel_at(monotonic_ns())
        while (next_ns := self.feed.next_time_ns()) is not None:
            self._grid_ns = self._grid_ns or next_ns
            self._score_before(next_ns)
            events = self.feed.take(next_ns, 2_048)
            self.engine.ingest(events)
            self.events.append(events)
        self._score_before(heard_ns + 1)
        pause(NS_PER_S // 500)

    def _score_before(self, time_ns: int) -> None:
        """Ask at each grid point before `time_ns` that was not asked at yet."""
        while 0 < self._grid_ns < time_ns:
            self.scores[self._grid_ns] = self.engine.scores_at(self._grid_ns)
            self._grid_ns += GRID_NS

    def until(self, holds: Callable[[], bool], what: str) -> None:
        end_ns = monotonic_ns() + int(WAIT_S * NS_PER_S)
        while not holds():
            assert monotonic_ns() < end_ns, f"never: {what}; {self.feed.outage}; {self.feed.faults}"
            self.turn()

    def drain(self) -> None:
        """Take what is on the way still; the gateway is gone."""
        tapped = -1
        while tapped < len(self.frames):
            tapped = len(self.frames)
            pause(NS_PER_S // 20)
            self.turn()

    def until_sound(self) -> None:
        """Until a quote has come of a book that is whole again."""
        self.until(lambda: not self.feed.outage and not self.feed.degraded(0), "a sound book")
        count = self.quotes
        self.until(lambda: self.quotes > count + 5, "quotes")

    @property
    def quotes(self) -> int:
        return sum(int((block["kind"] == QUOTE).sum()) for block in self.events)


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
    listening = Listener(tmp_path, "BTC-USD")
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

    capture = tmp_path / "passed_on"
    capture.write_bytes(b"".join(b"%d %s\n" % each for each in listener.frames))
    live = join_events(listener.events)
    replayed = load_events(capture, venue="dydx", market="BTC-USD")
    assert np.array_equal(live, replayed)
    assert np.all(np.diff(live["time_received_ns"]) >= 0)
    table = SignalEngine("BTC-USD").replay(replayed, GRID_NS)
    times_ns = [int(time_ns) for time_ns in table["time_ns"]]
    assert len(listener.scores.keys() & set(times_ns)) > 10
    for row, time_ns in enumerate(times_ns):
        for name, score in listener.scores.get(time_ns, {}).items():
            assert float(table[name][row]) == score, (name, time_ns)
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
