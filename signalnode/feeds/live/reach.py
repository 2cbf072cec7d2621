"""A stream to a venue, made step by step and told step by step, for commands: name, TCP, proxy, TLS.

As a gateway reaches it: through the proxy that the environment names, with certificates always verified.
What fails is one line: what, where, the mend. Each wait is bounded, and Ctrl-C ends it.
"""

from __future__ import annotations

import http.client
import io
import queue
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.errors import VenueError
from signalnode.feeds.live.reasons import reason_of
from signalnode.settings.environment import certificates_fault

NAME_S_MAX = 10.0  # that the resolver may take
STEP_S_MAX = 10.0  # that each further step may take
HEAD_BYTES_MAX = 65_536  # of a proxy's answer

T = TypeVar("T")
_Place = tuple[Any, Any, int, str, Any]  # as getaddrinfo gives it
Tell = Callable[[str, str], None]  # a step that is done, and what was seen

# By OpenSSL's verify_code, see `reasons`: the mend.
_MENDS: dict[int, str] = {
    9: "; is the clock of this machine right?",
    10: "; where the clock of this machine is right, whoever runs it must renew it",
    62: "; is the address right, and does nothing stand in between?",
    64: "; is the address right, and does nothing stand in between?",
    **dict.fromkeys(
        (18, 19, 20, 21),
        "; where your network has its own, name the file of its certificates by SSL_CERT_FILE",
    ),
}


class Address(NamedTuple):
    """Where a URL leads."""

    host: str
    port: int
    secure: bool

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Proxy(NamedTuple):
    """A proxy that opens streams to others (CONNECT). `credentials`: NAME:PASSWORD, or nothing."""

    address: Address
    credentials: str


def address_of(url: str) -> Address:
    """Where an http, https, ws or wss URL leads."""
    parts = urlsplit(url)
    secure = parts.scheme in {"https", "wss"}
    return Address(parts.hostname or "", parts.port or (443 if secure else 80), secure)


def silent(_step: str, _seen: str) -> None:
    """A `Tell` that tells nobody."""


def interruptible(work: Callable[[], T], within_s: float) -> T:
    """What `work` gives or raises, in a thread of its own: the resolver does not hear Ctrl-C.

    Raises TimeoutError where it takes longer.
    """
    answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((True, work()))
        except BaseException as error:
            answers.put((False, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        is_done, found = answers.get(timeout=within_s)
    except queue.Empty:
        raise TimeoutError from None
    if is_done:
        result: T = found
        return result
    raise found


def reach(url: str, tell: Tell = silent) -> socket.socket:
    """An open stream to where `url` leads, TLS included. Raises VenueError."""
    address = address_of(url)
    fault = certificates_fault() if address.secure else None
    if fault:
        raise VenueError(fault)
    proxy = proxy_of(address)
    stream = _connected(*(("the proxy ", proxy.address) if proxy else ("", address)), tell)
    try:
        if proxy:
            _through(proxy, stream, address)
            tell("proxy", f"{proxy.address} lets us through to {address}")
        return _secured(stream, address, tell) if address.secure else stream
    except BaseException:
        stream.close()
        raise


def proxy_of(address: Address) -> Proxy | None:
    """The proxy that a gateway would take, by the environment and in websockets' order; none without TLS,
    which is for this machine alone. Raises VenueError for one that is unfit.
    """
    if not address.secure or proxy_bypass(str(address)):
        return None
    given = getproxies()
    named = next((given[scheme] for scheme in ("wss", "socks", "https") if scheme in given), None)
    if named is None:
        return None
    mend = "write HTTPS_PROXY like http://HOST:PORT, or name what needs none in NO_PROXY"
    try:
        parts = urlsplit(named)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        host = ""
    if not host:
        raise VenueError(f"the environment names a proxy that is no address; {mend}")
    if parts.scheme != "http":
        raise VenueError(f"a proxy of kind {parts.scheme}:// is not taken, by the node neither; {mend}")
    credentials = unquote(f"{parts.username}:{parts.password or ''}") if parts.username else ""
    return Proxy(Address(host, port, False), credentials)


def _resolved(what: str, address: Address) -> list[tuple[str, _Place]]:
    """Each address of a name, as text and as sockets take it."""
    try:
        found = interruptible(
            lambda: socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM), NAME_S_MAX
        )
    except TimeoutError:
        fault = f"{what}{address.host}: the resolver has not answered within {NAME_S_MAX:g} s"
        raise VenueError(f"{fault}; is this machine online, and /etc/resolv.conf right?") from None
    except (OSError, UnicodeError) as error:
        fault = f"no address for this name ({getattr(error, 'strerror', None) or error})"
        mend = "is it right, and this machine online? Where a proxy alone knows names, set HTTPS_PROXY"
        raise VenueError(f"{what}{address.host}: {fault}; {mend}") from None
    return [(str(each[4][0]), each) for each in found]


def _connected(what: str, address: Address, tell: Tell) -> socket.socket:
    found = _resolved(what, address)
    start_ns = monotonic_ns()
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    tell("name", f"{what}{address.host} is {found[0][0]}{more}")
    fault = ""
    for number, (family, kind, protocol, _, place) in found:
        stream = socket.socket(family, kind, protocol)
        stream.settimeout(max(0.1, STEP_S_MAX - (monotonic_ns() - start_ns) / NS_PER_S))
        try:
            stream.connect(place)
        except OSError as error:
            stream.close()
            fault = f"({number}): {_why_not(error)}"
            continue
        except BaseException:
            stream.close()
            raise
        tell("tcp", f"{number} port {address.port}")
        stream.settimeout(STEP_S_MAX)
        return stream
    raise VenueError(f"{what}{address} {fault}")


def _why_not(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        mend = "a firewall may swallow it: is there a proxy to be named by HTTPS_PROXY?"
        return f"no answer within {STEP_S_MAX:g} s; {mend}"
    return f"{reason_of(error)}; is the address right, and this machine online?"


def _through(proxy: Proxy, stream: socket.socket, address: Address) -> None:
    where = f"the proxy {proxy.address}"
    lines = [f"CONNECT {address} HTTP/1.1", f"Host: {address}", "User-Agent: signalnode"]
    if proxy.credentials:
        lines.append(f"Proxy-Authorization: Basic {b64encode(proxy.credentials.encode()).decode()}")
    try:
        stream.sendall("\r\n".join([*lines, "", ""]).encode())
        head = _head(stream)
        status = int(head.split(maxsplit=2)[1]) if head.startswith(b"HTTP/") else 0
    except TimeoutError:
        raise VenueError(f"{where} does not answer within {STEP_S_MAX:g} s; is HTTPS_PROXY right?") from None
    except (OSError, ValueError, IndexError) as error:
        raise VenueError(f"{where} does not answer as one does ({error}); is HTTPS_PROXY right?") from None
    if 200 <= status < 300:
        return
    if status == http.client.PROXY_AUTHENTICATION_REQUIRED:
        raise VenueError(
            f"{where} wants a name and password (HTTP 407); HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
        )
    if not status:
        raise VenueError(f"{where} speaks no HTTP; is HTTPS_PROXY right?")
    raise VenueError(
        f"{where} does not let us through to {address} (HTTP {status}); ask who runs it, or name"
        f" {address.host} in NO_PROXY where it can be reached without"
    )


def _head(stream: socket.socket) -> bytes:
    """A proxy's answer up to its empty line, byte by byte: what follows is the venue's."""
    head = io.BytesIO()
    end_ns = monotonic_ns() + int(STEP_S_MAX * NS_PER_S)
    while not head.getvalue().endswith(b"\r\n\r\n") and head.tell() < HEAD_BYTES_MAX:
        if monotonic_ns() > end_ns:
            raise TimeoutError
        byte = stream.recv(1)
        if not byte:
            break
        head.write(byte)
    return head.getvalue()


def _secured(stream: socket.socket, address: Address, tell: Tell) -> socket.socket:
    secured = ssl.create_default_context().wrap_socket(
        stream, server_hostname=address.host, do_handshake_on_connect=False
    )
    try:
        secured.do_handshake()
    except BaseException as error:
        secured.close()
        if isinstance(error, OSError):
            raise VenueError(f"{address}: {_why_not_secured(error)}") from None
        raise
    until = dict(secured.getpeercert() or {}).get("notAfter", "")
    tell("tls", f"{secured.version()}, certificate good until {until}")
    return secured


def _why_not_secured(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"TLS does not begin within {STEP_S_MAX:g} s; what stands in between may hold it back"
    if isinstance(error, ssl.SSLCertVerificationError):
        return reason_of(error) + _MENDS.get(error.verify_code, "")
    if isinstance(error, ssl.SSLError):
        return f"{reason_of(error)}; is the address right?"
    return f"{reason_of(error)} at TLS; a firewall may be in between"
