"""`doctor` between here and a strict venue, over real TLS and a real proxy; and before what is broken."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from signalnode.cli import INTERRUPTED_STATUS, main
from signalnode.errors import UsageError, VenueError
from signalnode.feeds.live import probe
from tests.command_line import refused
from tests.feeds.live.listing_answers import answer
from tests.feeds.live.sockets import answering, closed_port, head_of, http, listening, proxying, silent
from tests.venues.server import Running, Server

DYDX = answer("dydx", "/v4/perpetualMarkets")
SOON_S = 0.2  # of what never comes
CLOSED_1012 = b"\x88\x02\x03\xf4"
Told = Callable[..., tuple[int, list[str], str]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("SIGNALNODE_CONFIG", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return tmp_path


@pytest.fixture(scope="module")
def venue(authority: trustme.CA) -> Iterator[Running]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with Running(Server("dydx"), tls=tls) as running:
        yield running


@pytest.fixture
def told(venue: Running, capsys: pytest.CaptureFixture[str]) -> Told:
    """Status, steps passed and what stands on stderr; looks at the strict venue, where not told elsewhere."""

    def look(*more: str, ws_url: str = "", rest_url: str = "") -> tuple[int, list[str], str]:
        server = venue.servers[0]
        urls = ("--ws-url", ws_url or server.ws_url, "--rest-url", rest_url or server.rest_url)
        status = main(["doctor", "dydx", *urls, *more])
        out, err = capsys.readouterr()
        steps = [line[4:16].strip() for line in out.splitlines() if line.startswith("    ")]
        return status, steps, err

    return look


def opening(stream: socket.socket) -> None:
    """Answer a WebSocket's opening (RFC 6455, 4.2.2)."""
    head = head_of(stream).decode()
    (key,) = (line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}", "", ""]
    stream.sendall("\r\n".join(lines).encode())


def test_a_sound_venue_passes_every_step_through_a_proxy(told, monkeypatch, venue):
    seen: list[bytes] = []
    with listening(proxying(seen)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{port}")
        status, steps, err = told()
    reaching = ["name", "tcp", "proxy", "tls"]
    assert (status, err) == (0, "")
    assert steps == [*reaching, "http", "clock", *reaching, "websocket", "first frame", "first book"]
    assert len(seen) == 2
    assert not venue.servers[0].venue.broken_rules


@pytest.mark.parametrize(
    ("http_status", "said"), [(403, "it may not serve your country"), (429, "says: 30 s")]
)
def test_a_venue_that_refuses_is_told_with_its_status(told, venue, http_status, said):
    script = venue.servers[0].venue.script
    script.status, script.retry_after = http_status, "30"
    try:
        status, steps, err = told()
    finally:
        script.status, script.retry_after = 0, ""
    assert status == VenueError.exit_status
    assert steps[-1] == "tls"
    assert f"HTTP {http_status}" in err
    assert said in err


def test_one_fault_does_not_hide_the_other(told):
    closed = closed_port()
    urls = {"ws_url": f"ws://localhost:{closed}", "rest_url": f"http://127.0.0.1:{closed}"}
    status, steps, err = told(**urls)
    assert (status, steps) == (VenueError.exit_status, ["name", "name"])
    assert [line.count("connection refused") for line in err.splitlines()] == [1, 1]
    assert len(told(**urls | {"rest_url": f"http://localhost:{closed}"})[2].splitlines()) == 1


def test_a_venue_that_says_nothing_is_told(told, venue, monkeypatch):
    monkeypatch.setattr(probe, "FIRST_FRAME_S_MAX", SOON_S)
    venue.servers[0].venue.script.frozen = True
    try:
        status, steps, err = told()
    finally:
        venue.servers[0].venue.script.frozen = False
    assert (status, steps[-1]) == (VenueError.exit_status, "websocket")
    assert "open, but no frame within 0.2 s" in err


def test_a_market_that_is_not_there_is_told_as_the_venue_says_it(told, venue):
    status, steps, err = told("--market", "NONE-USD")
    venue.servers[0].venue.broken_rules.clear()
    assert (status, steps[-1]) == (VenueError.exit_status, "first frame")
    assert "NONE-USD is refused: dydx has no such market (Invalid subscription id" in err


def test_an_opening_that_is_eaten_is_told(told, monkeypatch):
    monkeypatch.setattr(probe, "OPENING_S_MAX", SOON_S)
    with listening(silent) as port:
        _, steps, err = told(ws_url=f"ws://127.0.0.1:{port}")
    assert steps[-1] == "tcp"
    assert "no answer to the WebSocket's opening" in err


def test_what_is_no_websocket_is_told(told):
    with listening(answering(http("200 OK", b"<html>"))) as port:
        assert (
            "no WebSocket answers there (server rejected WebSocket connection: HTTP 200)"
            in told(ws_url=f"ws://127.0.0.1:{port}")[2]
        )


def test_a_connection_that_is_closed_is_told_with_its_code(told):
    def serve(stream: socket.socket) -> None:
        opening(stream)
        stream.sendall(CLOSED_1012)
        silent(stream)

    with listening(serve) as port:
        err = told(ws_url=f"ws://127.0.0.1:{port}")[2]
    assert "closed: 1012 (service restart)" in err


def test_a_clock_that_is_wrong_is_told_by_how_much(told):
    with listening(answering(http("200 OK", DYDX, "Date: Thu, 01 Jan 2026 00:00:00 GMT"))) as port:
        status, steps, err = told(rest_url=f"http://127.0.0.1:{port}")
    assert status == VenueError.exit_status
    assert "the clock of this machine is " in err
    assert "s ahead of the venue's; set it" in err
    assert "first book" in steps


def test_clocks_agree_as_far_as_whole_seconds_tell():
    reply = probe.Reply(200, {"date": "Thu, 01 Jan 1970 00:01:40 GMT"}, b"")
    ahead = [probe.clock_ahead_s(reply, seconds * 10**9) for seconds in (90, 100, 101, 110)]
    assert ahead == [-10.0, 0.0, 0.0, 9.0]
    assert probe.clock_ahead_s(probe.Reply(200, {}, b""), 0) is None


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("at", ["tls", "opening", "frames"])
def test_ctrl_c_ends_each_step_at_once(told, at):
    def serve(stream: socket.socket) -> None:
        if at == "frames":
            opening(stream)
        else:
            stream.recv(1)  # it is under way, and waits for an answer: sooner, a library may hold the socket
        interrupt()
        silent(stream)

    with listening(serve) as port:
        url = f"wss://localhost:{port}" if at == "tls" else f"ws://127.0.0.1:{port}"
        assert told(ws_url=url)[0] == INTERRUPTED_STATUS


def test_ctrl_c_is_heard_while_the_resolver_hangs(told, monkeypatch):
    ended = threading.Event()

    def hang(*_: object, **__: object) -> None:
        interrupt()
        ended.wait(60)

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", hang)
        assert told()[0] == INTERRUPTED_STATUS
    ended.set()


def test_without_a_venue_those_of_the_config_are_looked_at(home, venue, capsys):
    server = venue.servers[0]
    urls = ("--ws-url", server.ws_url, "--rest-url", server.rest_url)
    assert main(["init", "config", *urls, "--venue", "dydx", "ETH-USD"]) == 0
    capsys.readouterr()
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "ETH-USD bid " in out
    assert out.endswith("dydx: can be heard\n")
    assert "the config's 1 are listed" in out
    assert main(["doctor", "--market", "ETH-USD"]) == 0
    capsys.readouterr()
    status, line = refused(capsys, "doctor", "--market", "DOGE-USD")
    assert status == UsageError.exit_status
    assert "is no live market of the config; name its venue" in line
    file = home / "config" / "markets" / "ETH-USD.toml"
    (file.parent / "DOGE-USD.toml").write_text(file.read_text().replace("ETH-USD", "DOGE-USD"))
    assert main(["doctor"]) == VenueError.exit_status
    assert "dydx: DOGE-USD: no such market; " in capsys.readouterr().err
    venue.servers[0].venue.broken_rules.clear()
    assert refused(capsys, "doctor", "dydx", "--ws-url", "http://x")[0] == UsageError.exit_status


def test_the_strict_venue_lists_ticks_and_volumes_as_its_markets_have_them(venue, capsys):
    urls = ("--rest-url", venue.servers[0].rest_url)
    assert main(["markets", "dydx", "--sort", "volume", *urls]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["SOL-USD", "ETH-USD", "BTC-USD"]
    assert {row[2] for row in rows} == {"0.01"}
