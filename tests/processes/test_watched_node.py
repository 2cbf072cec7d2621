"""A real node as its operator has it watched: by alerts, to a webhook and a program."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from signalnode.bus.subscriber import subscribe
from tests.effort import PATIENCE_S
from tests.ports import free_port
from tests.processes.test_node import MARKETS, Node, heard

RANKING = '[strategies.ranking]\nby = "score"\nvalue_min = 0.0\nwarm_min = 0.0\ninterval_s = 1.0\n'
WRITES = "import os, sys; open('told', 'a').write(os.environ['SIGNALNODE_ALERT'] + chr(10))"


class Webhook(ThreadingHTTPServer):
    """A receiver of alerts; `status` is what it answers from now on."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 200
        self.messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        super().__init__(("127.0.0.1", 0), _Posted)

    def next(self, kind: str) -> dict[str, Any]:
        """The next message of this kind; all before it are dropped."""
        while (message := self.messages.get(timeout=PATIENCE_S))["kind"] != kind:
            pass
        return message


class _Posted(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.server.messages.put({"status": self.server.status, **json.loads(body)})

    def log_message(self, *_words: object) -> None:
        pass


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
    panel = f'[panel]\nendpoint = "127.0.0.1:{free_port()}"\npage = false'
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


def ends(alert: dict[str, Any], webhook: Webhook) -> None:
    """It is over: which the alert says itself where nobody had looked before."""
    (begun,) = alert["alerts"]
    if not begun["why"].endswith("; is back"):
        while begun["subject"] not in [each["subject"] for each in webhook.next("back")["alerts"]]:
            pass


def test_what_a_strategy_decides_is_told(node: Node, webhook: Webhook) -> None:
    message = webhook.next("decision.ranking")
    assert message["alerts"][0]["markets"][0] in MARKETS


def test_a_killed_market_is_one_alert_and_one_word_that_it_is_back(node: Node, webhook: Webhook) -> None:
    kill(node, "GAMMA-USD")  # of which nothing is to be told
    kill(node, "ALPHA-USD")
    again = webhook.next("restarted")
    assert [each["subject"] for each in again["alerts"]] == ["ALPHA-USD"]
    assert "SIGKILL" in again["text"]
    ends(again, webhook)
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
    refused = webhook.next("restarted")
    assert [webhook.next("restarted")["id"] for _ in range(2)] == 2 * [refused["id"]]
    child = node.children()["alerts"]
    assert child["outage"] == "webhook: 127.0.0.1: HTTP 503"
    assert child["tries"] >= 2
    assert "secret" not in json.dumps(child) + node.ask("logs", "alerts").stdout
    webhook.status = 200
    assert webhook.next("restarted")["id"] == refused["id"]
    ends(refused, webhook)


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
