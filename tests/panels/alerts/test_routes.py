"""Webhooks and programs, real ones: that take a message, refuse it, hang, and know secrets."""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import sys
import time
from pathlib import Path

import pytest
import trustme

from signalnode.feeds.live import reach
from signalnode.panels.alerts import routes
from signalnode.panels.alerts.events import Event
from signalnode.panels.alerts.message import Message
from signalnode.settings import AlertSettings
from tests.feeds.live.sockets import Serve, closed_port, head_of, http, listening, proxying, silent

SECRET = "T0000/B0000/XXXXXXXX"
MESSAGE = Message("7", "host1", "stale", 0, (Event("stale", "BTC-USD", "trades silent", 0),))
SOON_S = 0.3


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy", "wss_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def posted(port: int, scheme: str = "http", host: str = "127.0.0.1") -> routes.Outcome:
    return routes.post(f"{scheme}://{host}:{port}/services/{SECRET}?token={SECRET[-8:]}", MESSAGE)


def taking(reply: bytes, seen: list[tuple[bytes, bytes]]) -> Serve:
    """A webhook that takes the whole request in, notes head and body, and says this."""

    def serve(stream: socket.socket) -> None:
        head = head_of(stream)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = b""
        while len(body) < length:
            body += stream.recv(65_536)
        seen.append((head, body))
        stream.sendall(reply)

    return serve


def test_a_webhook_gets_the_message_as_json() -> None:
    seen: list[tuple[bytes, bytes]] = []
    with listening(taking(http("204 No Content"), seen)) as port:
        assert posted(port) == routes.Outcome("")
    ((head, body),) = seen
    assert head.startswith(f"POST /services/{SECRET}?token=XXXXXXXX HTTP/1.1\r\n".encode())
    assert b"Content-Type: application/json" in head
    assert json.loads(body)["text"] == MESSAGE.text


def test_a_webhook_is_reached_by_tls_and_the_proxy_of_the_environment(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    serve = taking(http("200 OK", b"ok"), [])
    with listening(serve, tls) as port, listening(proxying(asked)) as proxy:
        assert posted(port, "https", "localhost") == routes.Outcome("")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy}")
        assert posted(port, "https", "localhost") == routes.Outcome("")
    assert asked[0].startswith(f"CONNECT localhost:{port} ".encode())
    assert SECRET.encode() not in b"".join(asked)


def test_a_certificate_that_nobody_vouches_for_is_not_taken(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with listening(taking(http("200 OK"), []), tls) as port:
        assert (
            "its certificate is of an authority that is not known" in posted(port, "https", "localhost").fault
        )


@pytest.mark.parametrize(
    ("reply", "fault", "after_s"),
    [
        (http("404 Not Found", b"no_team"), "HTTP 404: no_team", 0.0),
        (http("404 Not Found", f"Cannot POST /services/{SECRET}".encode()), "HTTP 404", 0.0),
        (http("403 Forbidden", b"bad token XXXXXXXX"), "HTTP 403", 0.0),
        (http("429 Too Many", b"", "Retry-After: 30"), "HTTP 429", 30.0),
        (http("500 Oh", b"\x1b[31m\n\xff"), "HTTP 500: [31m \ufffd", 0.0),
        (
            http("302 Found", b"", "Location: https://b.example/"),
            "HTTP 302, it is elsewhere; a redirect is not followed",
            0.0,
        ),
        (b"SSH-2.0\r\n\r\n", "no answer as HTTP has it", 0.0),
        (b"", "no answer as HTTP has it", 0.0),
        (http("200 OK", bytes(routes.ANSWER_BYTES_MAX + 1)), "no answer as HTTP has it", 0.0),
    ],
)
def test_a_webhook_that_does_not_take_it_says_why_and_no_secret(
    reply: bytes, fault: str, after_s: float
) -> None:
    with listening(taking(reply, [])) as port:
        assert posted(port) == routes.Outcome(f"127.0.0.1: {fault}", after_s)


def drips(stream: socket.socket) -> None:
    head_of(stream)
    while True:
        stream.sendall(b"H")
        stream.recv(1)


def test_a_webhook_that_hangs_or_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "WEBHOOK_S_MAX", SOON_S)
    for serve in (silent, drips):
        with listening(serve) as port:
            assert posted(port).fault == f"127.0.0.1: no answer within {SOON_S} s"


def test_a_webhook_may_think_longer_than_the_way_to_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "STEP_S_MAX", 0.1)

    def thinks(stream: socket.socket) -> None:
        head_of(stream)
        time.sleep(0.3)  # it takes its time: three times a step's
        stream.sendall(http("200 OK"))

    with listening(thinks) as port:
        assert posted(port) == routes.Outcome("")


def test_a_webhook_that_is_not_there_is_told_without_its_secret() -> None:
    fault = posted(closed_port()).fault
    assert "connection refused" in fault
    assert "XXXX" not in fault


def program(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import json, os, signal, sys, time\n{text}")


def test_a_command_reads_the_text_and_finds_the_json(tmp_path: Path) -> None:
    told = tmp_path / "told"
    text = (
        f"open({str(told)!r}, 'w').write(sys.stdin.read() + json.loads(os.environ['SIGNALNODE_ALERT'])['id'])"
    )
    assert routes.run(program(text), MESSAGE) == routes.Outcome("")
    assert told.read_text() == f"{MESSAGE.text}\n7"


def test_a_command_need_not_read() -> None:
    assert routes.run(("true",), MESSAGE) == routes.Outcome("")


def test_a_command_that_fails_or_is_not_there_says_so() -> None:
    assert "exit status 3" in routes.run(program("sys.exit(3)"), MESSAGE).fault
    assert routes.run(("/nowhere/it",), MESSAGE).fault == "it: cannot be run (No such file or directory)"


def test_a_command_that_hangs_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "COMMAND_S_MAX", 1.0)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    left = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    command = ("sh", "-c", f"trap '' TERM; sleep 1000 > {pipe} & wait")
    assert routes.run(command, MESSAGE).fault == "sh: did not end within 1 s"
    while left >= 0:
        try:
            assert os.read(left, 1) == b""  # nobody is left who could write
        except BlockingIOError:
            select.select([left], [], [])
            continue
        os.close(left)
        left = -1


def test_a_courier_tells_how_each_try_ended_whatever_happens() -> None:
    def deliver(message: Message) -> routes.Outcome:
        raise KeyError(SECRET)

    courier = routes.Courier(deliver)
    assert courier.outcome() is None
    courier.send(MESSAGE)
    while (outcome := courier.outcome()) is None:
        pass
    assert outcome == routes.Outcome("could not be tried: KeyError")


def test_an_address_in_a_file_is_read_for_each_message(tmp_path: Path) -> None:
    file, seen = tmp_path / "secret", list[tuple[bytes, bytes]]()
    deliver = routes.receivers(AlertSettings(webhook_file=file))["webhook"]
    assert deliver(MESSAGE).fault == "alerts.webhook_file cannot be read (No such file or directory)"
    file.write_text("http://hooks.example.com/T0000")
    assert "what it holds is no address, or not encrypted" in deliver(MESSAGE).fault
    with listening(taking(http("200 OK"), seen)) as port:
        file.write_text(f"http://127.0.0.1:{port}/services/{SECRET}\n")
        assert deliver(MESSAGE) == routes.Outcome("")
    assert seen[0][0].startswith(f"POST /services/{SECRET} ".encode())


def test_another_file_in_the_place_of_that_one_holds_from_the_next_message_on(tmp_path: Path) -> None:
    """As a secret is rotated: the new one is written beside the old one, and moved over it."""
    file, seen = tmp_path / "secret", list[tuple[bytes, bytes]]()
    with listening(taking(http("410 Gone"), [])) as old, listening(taking(http("200 OK"), seen)) as new:
        (tmp_path / "first").write_text(f"http://127.0.0.1:{old}/services/{SECRET}")
        file.symlink_to(tmp_path / "first")
        deliver = routes.receivers(AlertSettings(webhook_file=file))["webhook"]
        assert deliver(MESSAGE).fault == "127.0.0.1: HTTP 410"
        (tmp_path / "second").write_text(f"http://127.0.0.1:{new}/services/other")
        (tmp_path / "second").replace(file)
        assert deliver(MESSAGE) == routes.Outcome("")
    assert seen[0][0].startswith(b"POST /services/other ")
