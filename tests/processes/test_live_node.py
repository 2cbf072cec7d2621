"""A real node on a venue of our own, over TLS and under load: what is killed comes back, what it carried says
so meanwhile, and nobody else notices.
"""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from signalnode.bus.subscriber import subscribe
from signalnode.bus.wire import Heartbeat, Score
from tests.processes.test_node import SOON_S, Node
from tests.venues.server import Running, Server

LIVE = ("ALPHA-USD", "BETA-USD")
OTHER = "GAMMA-USD"  # a synthetic one
GATEWAY = "gateway.dydx"
MARKET = 'market = "{name}"\n[feed]\nkind = "live"\nvenue = "dydx"\n'
STEPS_PER_S = 100.0


class LiveNode(Node):
    """Two live markets, and one that is not."""

    def write_market(self, name: str, seed: int) -> None:
        super().write_market(name, seed)
        if name in LIVE:
            (self.config.parent / "markets" / f"{name}.toml").write_text(MARKET.format(name=name))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with Running(Server("dydx", steps_per_s=STEPS_PER_S, symbols=LIVE), tls=tls) as running:
        yield running


@pytest.fixture
def node(server: Running, tmp_path: Path) -> Iterator[LiveNode]:
    made = LiveNode(tmp_path, extra=f'[venues.dydx]\nws_url = "{server.servers[0].ws_url}"')
    try:
        yield made
    finally:
        made.clear()


class Heard:
    """What a subscriber to all markets hears."""

    def __init__(self, messages: Any) -> None:
        self._messages = messages
        self.newest: dict[str, Score | Heartbeat] = {}
        self.statuses: set[str] = set()  # of live markets

    def until(self, holds: Callable[[dict[str, Score | Heartbeat]], bool], wait_s: float = SOON_S) -> None:
        for _ in range(20_000):
            if holds(self.newest):
                return
            message = self._messages.receive(wait_s)
            assert message is not None, self.newest
            self.newest[message.market] = message
            self.statuses |= {message.status} if message.market in LIVE else set()
        raise AssertionError(f"never came: {self.newest}")

    def are_live(self) -> bool:
        return len(self.newest) == 3 and all(each.status != "stale" for each in self.newest.values())


def kill(child: dict[str, Any]) -> None:
    os.kill(child["pid"], signal.SIGKILL)


def test_what_is_killed_comes_back_and_nobody_else_notices(node: LiveNode, server: Running) -> None:
    venue = server.servers[0].venue
    with subscribe(endpoint=node.endpoint, kinds=("score", "heartbeat")) as messages:
        heard = Heard(messages)
        heard.until(lambda _: heard.are_live(), SOON_S)
        heard.statuses.clear()
        old = node.children()[GATEWAY]
        assert node.ask("restart", GATEWAY).returncode == 0
        heard.newest.clear()
        heard.until(lambda _: heard.are_live())
        first = node.children()
        assert first[GATEWAY]["pid"] != old["pid"]
        assert first[GATEWAY]["restarts"] == 0
        assert not heard.statuses & {"stale", "degraded"}, "a restart that is asked for is a handover"
        connects = venue.connects

        venue.script.status = 503  # so that the loss lasts until it was seen
        kill(first[GATEWAY])
        heard.until(lambda newest: all(newest[name].status == "stale" for name in LIVE))
        heard.until(lambda _: "503" in node.children()["ALPHA-USD"].get("outage", ""))
        assert heard.newest[OTHER].status != "stale"
        venue.script.status = 0
        heard.until(lambda _: heard.are_live())
        assert venue.connects - connects <= 10  # what a minute at dYdX may cost

        second = node.children()
        kill(second["ALPHA-USD"])
        heard.until(lambda newest: newest["ALPHA-USD"].epoch > first["ALPHA-USD"]["epoch"])
        heard.until(lambda _: heard.are_live())

        third = node.children()
        kill(third["aggregator"])
        heard.until(lambda _: node.children()["aggregator"]["restarts"] == 1)
        heard.newest.clear()
        heard.until(lambda _: heard.are_live())
    last = node.children()
    assert last[GATEWAY]["restarts"] == last["ALPHA-USD"]["restarts"] == last["aggregator"]["restarts"] == 1
    for name in ("BETA-USD", OTHER):
        assert (last[name]["pid"], last[name]["restarts"]) == (first[name]["pid"], 0)
    assert not venue.broken_rules
