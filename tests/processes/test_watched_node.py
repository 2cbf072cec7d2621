"""A real node as its operator has it watched: by alerts, to a webhook and a program, and by a Prometheus."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest

from signalnode.bus.subscriber import Subscription, subscribe
from signalnode.names import DEFAULT_PANEL
from tests.documents import ROOT
from tests.effort import PATIENCE_S
from tests.grafana.board import expressions
from tests.ports import free_port
from tests.processes.test_node import MARKETS, Node, heard
from tests.supervisor.harness import eventually

RANKING = '[strategies.ranking]\nby = "score"\nvalue_min = 0.0\nwarm_min = 0.0\ninterval_s = 1.0\n'
SHIPPED = ROOT / "config" / "prometheus"
WRITES = "import os, sys; open('told', 'a').write(os.environ['SIGNALNODE_ALERT'] + chr(10))"


class Webhook(ThreadingHTTPServer):
    """A receiver of alerts; `status` is what it answers from now on."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 200
        self.messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        super().__init__(("127.0.0.1", 0), _Posted)

    def any(self) -> dict[str, Any]:
        """The next message, taken or refused."""
        return self.messages.get(timeout=PATIENCE_S)

    def next(self, kind: str) -> dict[str, Any]:
        """The next message of this kind; all before it are dropped."""
        while (message := self.any())["kind"] != kind:
            pass
        return message


class _Posted(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.status
        self.send_response(status)
        self.end_headers()
        self.server.messages.put({"status": status, **json.loads(body)})

    def log_message(self, *_words: object) -> None:
        pass


@functools.cache
def page_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, webhook: Webhook) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("watched")
    alerts = {
        "webhook": f"http://127.0.0.1:{webhook.server_port}/secret-T0000",
        "command": [sys.executable, "-c", WRITES],
        "states": ["restarted", "given_up"],
        "decisions": ["ranking"],
        "silent": ["GAMMA-*"],
        "after_s": 2.0,
    }
    table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in alerts.items())
    patient = "strategy_budget_ms = 10_000.0"  # so that no turn is lost, however busy the machine is
    panel = f'{patient}\n[panel]\nendpoint = "127.0.0.1:{page_port()}"\npage = false'
    made = Node(folder, extra=f"{panel}\n[alerts]\n{table}\n{RANKING}")
    try:
        heard(made)
        yield made
        assert made.end()[0] == 0
    finally:
        made.clear()


def kill(node: Node, name: str) -> None:
    os.kill(node.children()[name]["pid"], signal.SIGKILL)


def told(node: Node) -> list[dict[str, Any]]:
    """What the program was told."""
    path = node.folder / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def subjects(message: dict[str, Any]) -> list[str]:
    return [each["subject"] for each in message["alerts"]]


def ends(message: dict[str, Any], market: str, webhook: Webhook) -> None:
    """It is over: which the alert says itself where nobody had looked before."""
    while message["kind"] != "restarted" or market not in subjects(message):
        message = webhook.next("restarted")
    if not message["alerts"][subjects(message).index(market)]["why"].endswith("; is back"):
        while market not in subjects(webhook.next("back")):
            pass


def test_what_a_strategy_decides_is_told(node: Node, webhook: Webhook) -> None:
    message = webhook.next("decision.ranking")
    assert message["alerts"][0]["markets"][0] in MARKETS


def test_a_killed_market_is_one_alert_and_one_word_that_it_is_back(node: Node, webhook: Webhook) -> None:
    kill(node, "GAMMA-USD")  # of which nothing is to be told
    kill(node, "ALPHA-USD")
    again = webhook.next("restarted")
    assert subjects(again) == ["ALPHA-USD"]
    assert "SIGKILL" in again["text"]
    ends(again, "ALPHA-USD", webhook)
    states = [each for each in told(node) if not each["kind"].startswith("decision")]
    assert {each["alerts"][0]["subject"] for each in states} <= {"ALPHA-USD"}


def test_a_process_that_died_goes_on_and_a_webhook_that_refuses_is_told_in_status(
    node: Node, webhook: Webhook
) -> None:
    """Without the secret of its address."""
    died = node.children()["alerts"]["pid"]
    os.kill(died, signal.SIGKILL)
    with subscribe(endpoint=node.endpoint, kinds=("view",)) as views:
        while (child := node.children()["alerts"])["pid"] in (died, None) or "sent" not in child:
            views.receive(PATIENCE_S)
    webhook.status = 503
    kill(node, "BETA-USD")
    refused = webhook.any()
    while refused["status"] != 503:
        refused = webhook.any()
    assert webhook.any()["id"] == refused["id"]
    outage = "webhook: 127.0.0.1: HTTP 503"
    eventually(lambda: node.children()["alerts"].get("outage") == outage, "the outage in status")
    child = node.children()["alerts"]
    assert child["tries"] >= 1
    eventually(lambda: "127.0.0.1: HTTP 503" in node.ask("logs", "alerts").stdout, "the outage in the log")
    logged = node.ask("logs", "alerts")
    assert "secret" not in json.dumps(child) + logged.stdout + logged.stderr
    webhook.status = 200
    taken = webhook.any()
    while taken["status"] == 503:
        taken = webhook.any()
    assert taken["id"] == refused["id"]
    ends(taken, "BETA-USD", webhook)


def test_a_message_is_sent_to_try_whether_they_arrive(node: Node, webhook: Webhook, tmp_path: Path) -> None:
    done = node.ask("alerts", "test")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["webhook:", "delivered"],
        ["command:", "delivered"],
    ]
    assert webhook.next("test")["alerts"][0]["kind"] == "test"
    webhook.status = 404
    failed = node.ask("alerts", "test")
    webhook.status = 200
    assert failed.returncode == 17
    assert failed.stderr == "signalnode: webhook: 127.0.0.1: HTTP 404\n"


class Prometheus:
    """A real one, asked by its API; between two questions a view of the node's is awaited."""

    def __init__(self, port: int, views: Subscription) -> None:
        self._port, self._views = port, views

    def get(self, path: str, **query: str) -> Any:
        asked = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        with contextlib.closing(asked) as connection:
            connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
            reply = connection.getresponse()
            if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise ConnectionRefusedError  # it is not up yet
            answer = json.loads(reply.read())
        assert answer["status"] == "success", answer
        return answer["data"]

    def first(self, expression: str) -> list[Any]:
        """What an expression gives, as soon as it gives something."""
        until_s = time.monotonic() + PATIENCE_S
        while not (found := self.get("query", query=expression)["result"]) and time.monotonic() < until_s:
            self._views.receive(PATIENCE_S)
        return list(found)

    def await_scrape(self, running: subprocess.Popen[bytes]) -> None:
        """Until it has scraped the node."""
        while running.poll() is None:
            with contextlib.suppress(OSError):
                if self.first('up{job="signalnode"} == 1'):
                    return
            self._views.receive(PATIENCE_S)
        raise AssertionError("prometheus has ended")


@pytest.fixture(scope="module")
def prometheus(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not here; it is a package of Debian's")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    shutil.copy(SHIPPED / "alerts.yml", folder)
    text = (SHIPPED / "prometheus.yml").read_text().replace(DEFAULT_PANEL, f"127.0.0.1:{page_port()}")
    (folder / "prometheus.yml").write_text(re.sub("_interval: .*", "_interval: 1s", text))
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(command, stderr=log)
    try:
        with subscribe(endpoint=node.endpoint, kinds=("view",)) as views:
            found = Prometheus(port, views)
            found.await_scrape(running)
            yield found
    finally:
        running.terminate()
        running.wait(PATIENCE_S)


# Of a healthy node without live markets: what nothing is told of, and why.
NOTHING_OF = {  # names, or what they begin with
    "signalnode_cluster_": "no cluster is here",
    "signalnode_source_": "no other aggregator is heard",
    "signalnode_feed_gaps_total": "channels are of live markets",
    "signalnode_channel_age_seconds": "channels are of live markets",
    "signalnode_channel_silent": "channels are of live markets",
    "signalnode_recording": "nothing is recorded",
    "signalnode_recorded_bytes": "nothing is recorded",
    "signalnode_recording_gaps_total": "nothing is recorded",
    "signalnode_strategy_turns_lost_total": "no strategy has lost a turn",
}
TROUBLE = ("In trouble",)  # a panel that is empty while nobody is


def test_every_expression_of_the_board_gives_something(prometheus: Prometheus) -> None:
    board = json.loads((ROOT / "config" / "grafana" / "signalnode.json").read_text())
    panels = [each for each in board["panels"] if each["title"] not in TROUBLE]
    for expression in dict.fromkeys(expressions(panels)):
        if any(name in expression for name in NOTHING_OF):
            assert prometheus.get("query", query=expression)["result"] == []
        else:
            assert prometheus.first(expression.replace("$market", MARKETS[0])), expression
    markets = prometheus.get("label/market/values", **{"match[]": "signalnode_market_state"})
    assert set(markets) == set(MARKETS)


def test_every_rule_of_the_alerts_can_be_evaluated_and_rests_on_what_there_is(prometheus: Prometheus) -> None:
    groups = prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == (SHIPPED / "alerts.yml").read_text().count("- alert:")
    for rule in rules:
        prometheus.get("query", query=rule["query"])
        for name in set(re.findall(r"\bsignalnode_\w+", rule["query"])):
            assert name.startswith(tuple(NOTHING_OF)) or prometheus.first(name), rule["name"]
        assert rule["health"] in ("ok", "unknown"), rule
