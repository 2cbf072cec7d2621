"""A real node that records, on a venue of our own: whatever is killed or lost, what was recorded gives every
score that was published, bit for bit, and brings an engine to the very state that the live one ended in.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from signalnode import SignalEngine
from signalnode.clock import monotonic_ns, pause
from signalnode.engine.checkpoint import CheckpointFile
from signalnode.engine.process import identity
from signalnode.engine.replaying import Replaying
from signalnode.feeds import ChannelHealth
from signalnode.feeds.recorded.gaps import read_gaps
from signalnode.feeds.recorded.hours import KINDS
from signalnode.research.recordings import open_span, recorded_markets
from signalnode.research.replay import whole_instants
from signalnode_supervisor import NotRunning
from tests.forked import Forked
from tests.processes.published import check_law, published
from tests.processes.test_node import ROOT, SOON_S, Node
from tests.venues import faults
from tests.venues.server import Running, Server

LIVE, MADE_UP, GATEWAY, RECORDER = "ALPHA-USD", "GAMMA-USD", "gateway.dydx", "recorder"
MARKET = 'market = "{name}"\n[feed]\nkind = "live"\nvenue = "dydx"\n'
RECORD = "[record]\nraw = true\nevents = true\nfree_bytes_min = 0\n"


class RecordedNode(Node):
    """One live market, and one that is made up; each engine has a witness."""

    PATHS: ClassVar = (ROOT, ROOT / "tests" / "processes" / "witness")

    def spawn(self, *argv: str) -> Forked | subprocess.Popen[str]:
        """See `Node.spawn`."""
        self.said.mkdir(exist_ok=True)
        os.environ["SIGNALNODE_WITNESS"] = str(self.said)
        try:
            return super().spawn(*argv)
        finally:
            del os.environ["SIGNALNODE_WITNESS"]

    @property
    def said(self) -> Path:
        """Where the witnesses write."""
        return self.folder / "said"

    def write_market(self, name: str, seed: int) -> None:
        if name == LIVE:
            (self.config.parent / "markets" / f"{name}.toml").write_text(MARKET.format(name=name))
        elif name == MADE_UP:
            super().write_market(name, seed)

    def until_heard(self, epoch: int = 0) -> int:
        """Until the live market has its book, in a later epoch than that; its epoch then."""
        end_ns = monotonic_ns() + int(SOON_S * 1e9)
        while monotonic_ns() < end_ns:
            try:
                child = self.children()[LIVE]
            except (NotRunning, KeyError):
                child = {}
            depth = (child.get("health") or {}).get("depth") or {}
            if (child.get("epoch") or 0) > epoch and not child.get("outage") and depth.get("snapshots", 0):
                return int(child["epoch"])
            pause(50_000_000)
        raise AssertionError(self.children())

    def until_published(self, count: int) -> None:
        """Until the live market has published so many more scores."""
        end_ns, file = monotonic_ns() + int(SOON_S * 1e9), self.said / LIVE
        wanted = len(file.read_bytes().splitlines()) + count
        while len(file.read_bytes().splitlines()) < wanted:
            assert monotonic_ns() < end_ns, self.children()
            pause(50_000_000)

    def until_published_past(self, market: str, time_ns: int) -> None:
        """Until a market has published a score as of a later kernel time than that."""
        end_ns, file = monotonic_ns() + int(SOON_S * 1e9), self.said / market
        while True:
            whole, _, _ = file.read_bytes().rpartition(b"\n")
            if json.loads(whole.rpartition(b"\n")[2])["at_ns"] > time_ns:
                return
            assert monotonic_ns() < end_ns, self.children()
            pause(50_000_000)

    def state_of(self, market: str) -> bytes:
        """What the engine knew when it ended."""
        directory = self.folder / "state" / market
        kept = CheckpointFile(directory, identity(SignalEngine(market), ChannelHealth())).load()
        assert kept is not None
        return kept.state

    def kill(self, name: str) -> None:
        """kill -9, and wait until it is back."""
        before = self.children()[name]
        os.kill(before["pid"], signal.SIGKILL)
        end_ns = monotonic_ns() + int(SOON_S * 1e9)
        while monotonic_ns() < end_ns:
            now = self.children()[name]
            if now["pid"] != before["pid"] and now["state"] == "up":
                return
            pause(50_000_000)
        raise AssertionError(name)


@pytest.fixture
def running() -> Iterator[Running]:
    with Running(Server("dydx", steps_per_s=50.0, symbols=(LIVE,))) as venue:
        yield venue


@pytest.fixture
def node(running: Running, tmp_path: Path) -> Iterator[RecordedNode]:
    (server,) = running.servers
    urls = f'[venues.dydx]\nws_url = "{server.ws_url}"\nrest_url = "{server.rest_url}"'
    made = RecordedNode(tmp_path, extra=f"{RECORD}{urls}")
    try:
        yield made
    finally:
        made.clear()


def test_what_a_killed_node_recorded_gives_all_that_it_published_and_the_state_of_its_end(
    running: Running,
    node: RecordedNode,
) -> None:
    (server,) = running.servers
    epoch = node.until_heard()
    for name in (RECORDER, GATEWAY, LIVE, MADE_UP):
        node.kill(name)
        epoch = node.until_heard(epoch if name == LIVE else 0)
    running.do(lambda: server.venue.script.faults.append(faults.lost(LIVE)))
    node.until_published(10)
    running.do(lambda: server.venue.close_all(1012))
    node.until_published(10)
    node.until_heard()
    node.process.kill()  # the supervisor; its children end with it
    node.process.communicate(timeout=SOON_S)
    newest_ns = published(node.said, MADE_UP)[-1].at_ns
    node.process = node.spawn("run")
    node.until_heard(epoch)
    node.until_published(5)
    # A killed engine may not have recorded what it told last: what was made up comes again, and then is.
    node.until_published_past(MADE_UP, newest_ns)
    assert node.end()[0] == 0

    folder = node.folder / "state" / "recordings"
    assert {(each.market, each.kind) for each in recorded_markets(folder)} == {
        (LIVE, "raw"),
        (LIVE, "events"),
        (MADE_UP, "events"),
    }
    for kind in KINDS:
        span = open_span(folder, LIVE, kind=kind)
        replaying = Replaying(LIVE, None, span.marks)
        for events, _ in whole_instants(span.slices()):
            replaying.score(events)
        assert replaying.engine.state() == node.state_of(LIVE), kind
        assert replaying.restored
        checked = check_law(folder, LIVE, kind, published(node.said, LIVE))
        assert checked.same > 20
        assert checked.epochs == 3  # of the engine that was killed, the next, and that of the next node
        assert checked.repeated + checked.missing < checked.same
    assert check_law(folder, MADE_UP, "events", published(node.said, MADE_UP)).same > 20
    live, made = SignalEngine(MADE_UP), SignalEngine(MADE_UP)
    live.restore(node.state_of(MADE_UP))
    # What comes again after a kill is recorded once; the recording may be ahead of the engine then.
    made.ingest(open_span(folder, MADE_UP).gather()[: live.events])
    assert made.state() == live.state()
    told = {gap.what for gap in read_gaps(folder, LIVE)}
    assert told >= {"stopped", "away"}
    assert not told & {"recorder"}
