"""How a venue is reached, against real sockets that misbehave: each fault is a line with its mend."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from signalnode.errors import VenueError
from signalnode.feeds.live import reach as reaching
from signalnode.feeds.live.reach import address_of, interruptible, proxy_of, reach
from tests.feeds.live.sockets import answering, closed_port, http, listening, proxying, silent, swallowing

SOON_S = 0.2  # of what never comes


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "https_proxy",
        "http_proxy",
        "all_proxy",
        "no_proxy",
        "ws_proxy",
        "wss_proxy",
        "SSL_CERT_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "STEP_S_MAX", SOON_S)


def context_of(
    authority: trustme.CA, name: str = "localhost", until: dt.datetime | None = None
) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=until).configure_cert(tls)
    return tls


def fault_of(url: str) -> str:
    with pytest.raises(VenueError) as caught:
        reach(url).close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sound_venue_is_reached_and_each_step_told(authority, trusted):
    told: dict[str, str] = {}
    with listening(silent, context_of(authority)) as port:
        reach(f"https://localhost:{port}", told.__setitem__).close()
    assert list(told) == ["name", "tcp", "tls"]
    assert told["tcp"] == f"127.0.0.1 port {port}"
    assert "good until" in told["tls"]


def test_a_name_that_nobody_knows_is_told(monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert fault_of("https://nowhere.example").startswith(
        "nowhere.example: no address for this name (Name or"
    )


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr(reaching, "NAME_S_MAX", SOON_S)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: asked.wait(60))
    assert "nowhere.example: the resolver has not answered within 0.2 s" in fault_of(
        "https://nowhere.example"
    )
    asked.set()


def test_what_runs_aside_gives_its_answer_and_its_fault():
    assert interruptible(lambda: 3, 60) == 3
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0, 60)


def test_a_closed_port_refuses():
    port = closed_port()
    assert fault_of(f"https://localhost:{port}").startswith(
        f"localhost:{port} (127.0.0.1): connection refused"
    )


def test_a_port_that_swallows_is_given_up(hasty):
    with swallowing() as port:
        assert "no answer within 0.2 s; a firewall may swallow it" in fault_of(f"https://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("name", "days", "said"),
    [
        ("localhost", -1, "its certificate has expired; where the clock of this machine is right"),
        ("elsewhere.example", 1, "its certificate is another name's; "),
    ],
)
def test_a_certificate_that_does_not_hold_is_told(authority, trusted, name, days, said):
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    with listening(silent, context_of(authority, name, until)) as port:
        assert said in fault_of(f"https://localhost:{port}")


def test_an_authority_that_is_not_known_is_told_with_what_makes_it_known(authority):
    with listening(silent, context_of(authority)) as port:
        fault = fault_of(f"https://localhost:{port}")
    assert "is of an authority that is not known here" in fault
    assert "by SSL_CERT_FILE" in fault


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), ("no certificate", "no certificates")])
def test_a_file_of_certificates_that_is_none_is_told(tmp_path, monkeypatch, content, said):
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    fault = fault_of("https://localhost:1")
    assert fault.startswith(f"SSL_CERT_FILE: {path}: ")
    assert said in fault


def test_a_port_without_tls_is_told(trusted):
    with listening(lambda stream: stream.sendall(http("400 Bad Request"))) as port:
        assert "no TLS with what answers there" in fault_of(f"https://localhost:{port}")


def test_tls_that_never_begins_is_given_up(trusted, hasty):
    with listening(silent) as port:
        assert "TLS does not begin within 0.2 s" in fault_of(f"https://localhost:{port}")


def test_tls_that_is_hung_up_on_is_told(trusted):
    with listening(lambda _: None) as port:
        assert f"localhost:{port}: " in fault_of(f"https://localhost:{port}")


def test_a_proxy_of_the_environment_is_gone_through(authority, trusted, monkeypatch):
    seen: list[bytes] = []
    told: dict[str, str] = {}
    with listening(silent, context_of(authority)) as port, listening(proxying(seen)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:a%40b@localhost:{proxy}")
        reach(f"https://localhost:{port}", told.__setitem__).close()
        assert list(told) == ["name", "tcp", "proxy", "tls"]
        assert told["proxy"] == f"localhost:{proxy} lets us through to localhost:{port}"
        (head,) = seen
        assert head.startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n".encode())
        assert b"Proxy-Authorization: Basic bWU6YUBi\r\n" in head
        monkeypatch.setenv("NO_PROXY", "localhost")
        reach(f"https://localhost:{port}").close()
        assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            http("407 Proxy Authentication Required"),
            "wants a name and password (HTTP 407); HTTPS_PROXY=http://",
        ),
        (http("403 Forbidden"), "does not let us through to venue.example:443 (HTTP 403); ask who runs it"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "speaks no HTTP; is HTTPS_PROXY right?"),
        (b"", "speaks no HTTP; is HTTPS_PROXY right?"),
    ],
)
def test_a_proxy_that_does_not_let_us_through_is_told(monkeypatch, answer, said):
    with listening(answering(answer)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{proxy}")
        fault = fault_of("https://venue.example/")
    assert fault.startswith(f"the proxy localhost:{proxy} ")
    assert said in fault


@pytest.mark.parametrize(
    "named", ["socks5://localhost:1", "https://localhost:1", "localhost", "http://a:b:c"]
)
def test_a_proxy_that_cannot_be_used_is_told_with_how_to_write_one(monkeypatch, named):
    monkeypatch.setenv("HTTPS_PROXY", named)
    assert "write HTTPS_PROXY like http://HOST:PORT" in fault_of("https://venue.example/")


def test_a_proxy_that_is_not_there_is_told_by_its_own_name(monkeypatch):
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{port}")
    assert fault_of("https://venue.example/").startswith(
        f"the proxy localhost:{port} (127.0.0.1): connection refused"
    )


def test_what_has_no_tls_is_this_machines_and_goes_through_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:1")
    for url in ("http://localhost:8765", "ws://127.0.0.1:8765/v4/ws"):
        assert proxy_of(address_of(url)) is None
    assert proxy_of(address_of("wss://localhost")) is not None


def test_an_address_says_its_port_or_its_schemes():
    assert [str(address_of(url)) for url in ("wss://a.b/c", "http://a", "https://[::1]:8")] == [
        "a.b:443",
        "a:80",
        "[::1]:8",
    ]
