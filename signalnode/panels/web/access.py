"""Who may ask for the page, and what every answer says of itself. Pure.

A page on this machine can be reached by any page in the user's browser. So the name it is asked by must be
ours (a foreign name that resolves to 127.0.0.1 is DNS rebinding), a WebSocket must come from our own page (a
browser lets any page open one, and says in `Origin` whose it is), and beyond this machine whoever asks must
know a token: as a cookie, which a visit to `/?token=…` leaves, or as `Authorization: Bearer …`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from signalnode.names import LOCAL_NAMES, host_and_port, is_loopback

TOKEN_CHARS_MIN = 16
TOKEN_COOKIE = "signalnode_token"  # and the port behind it: browsers give cookies to every port of a host

# No script but our own files, no frame around us, nothing fetched from elsewhere.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of the page."""

    status: HTTPStatus
    text: str
    headers: Mapping[str, str]


class Access:
    """The rule of one panel. `hosts`: further names it goes by; `token`: "" where none is asked for."""

    def __init__(self, endpoint: str, hosts: tuple[str, ...] = (), token: str = "") -> None:
        address = host_and_port(f"tcp://{endpoint}")
        assert address is not None
        host, port = address
        is_local = is_loopback(host)
        # An address can be no rebound name: whoever typed it has gone to it.
        own = LOCAL_NAMES if is_local else (host,)
        self._hosts = frozenset(name.lower() for each in (*own, *hosts) for name in (each, f"{each}:{port}"))
        self._token, self._cookie = token, f"{TOKEN_COOKIE}_{port}"

    def refusal(self, path: str, headers: Mapping[str, str], *, is_socket: bool) -> Refusal | None:
        """Why a request gets something else, None where it may have what it asks for.

        `headers` are by their names in small letters.
        """
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return _refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this is signalnode, and {host[:80]!r} is no name of it; add it to panel.hosts",
            )
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host:
            return _refused(HTTPStatus.FORBIDDEN, "only this page itself may ask")
        if is_socket and origin is None and not self._token:
            return None  # no browser: a program on this machine, which may as well read the bus
        return self._unknown(path, headers) if self._token else None

    def _unknown(self, path: str, headers: Mapping[str, str]) -> Refusal | None:
        if self._knows(headers):
            return None
        given = parse_qs(urlsplit(path).query).get("token", [""])[0]
        if _same(given, self._token):
            # Not Strict: whoever comes by a link would be refused. What another page asks for from within
            # itself does not bring it, and `Origin` says whose that is.
            cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000"
            return Refusal(HTTPStatus.SEE_OTHER, "", {"Location": "/", "Set-Cookie": cookie})
        return _refused(HTTPStatus.UNAUTHORIZED, "open /?token=… with the word of panel.token_file")

    def _knows(self, headers: Mapping[str, str]) -> bool:
        scheme, _, word = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(word.strip(), self._token):
            return True
        # Not by http.cookies, which leaves out whatever comes after a cookie of others that it cannot read.
        cookies = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
        return any(name == self._cookie and _same(word, self._token) for name, _, word in cookies)


def token_fault(token: str) -> str | None:
    """What is wrong with the word of a token file, with the mend."""
    if len(token) < TOKEN_CHARS_MIN or not token.isascii() or not token.isalnum():
        return f"write one word of {TOKEN_CHARS_MIN} letters and digits or more into it, drawn at random"
    return None


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # no address at all
        return ""


def _refused(status: HTTPStatus, text: str) -> Refusal:
    return Refusal(status, text + "\n", {})


def _same(given: str, token: str) -> bool:
    """Compared in a time that tells nothing of how far they agree. Bytes beyond ASCII are surrogates."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), token.encode())
