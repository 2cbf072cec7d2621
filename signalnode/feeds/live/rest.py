"""One request to a venue's REST, for commands and in a gateway: bounded in time and size, over `reach`."""

from __future__ import annotations

import contextlib
import http.client
import socket
import string
import threading
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from signalnode.clock import NS_PER_S, wall_ns
from signalnode.errors import VenueError
from signalnode.feeds.live.reach import STEP_S_MAX, Tell, address_of, reach, silent

ANSWER_S_MAX = 60.0
ANSWER_BYTES_MAX = 64 * 1_048_576  # Binance's listing has a good ten of them
CHUNK_BYTES = 65_536
QUOTED_CHARS_MAX = 120  # of what a venue says to a request that it refuses

_MENDS: dict[int, str] = {
    403: "it may not serve your country or address; another address of it goes into rest_url",
    404: "there is no such thing; is rest_url right?",
    418: "this address was banned for asking too often; wait",
    429: "this address has asked too often; wait",
    451: "it does not serve your country",
}


class StatusError(VenueError):
    """A venue's answer does not say yes; `retry_after` is its header, "" for none."""

    def __init__(self, message: str, status: int, retry_after: str) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


class TooLongError(Exception):
    """An answer has more bytes than it may."""


class Reply(NamedTuple):
    """What came: HTTP status, headers by their names in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    base_url: str,
    url_path: str,
    body: bytes = b"",
    *,
    tell: Tell = silent,
    within_s: float = ANSWER_S_MAX,
    bytes_max: int = ANSWER_BYTES_MAX,
) -> Reply:
    """GET, or POST of the JSON `body`; whatever the status is. The answer is read for `within_s` at most.

    Raises VenueError.
    """
    url = base_url.rstrip("/") + url_path
    try:
        return exchange(url, body, tell=tell, within_s=within_s, bytes_max=bytes_max)
    except TooLongError:
        raise VenueError(
            f"{url}: answers with more than {bytes_max // 1_048_576} MB; is it the right address?"
        ) from None
    except TimeoutError:
        raise VenueError(f"{url}: no answer in time; try again, or ask `signalnode doctor`") from None
    except (OSError, http.client.HTTPException) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise VenueError(
            f"{url}: no whole answer came ({why[:QUOTED_CHARS_MAX]}); is the address right?"
        ) from None


def exchange(
    url: str,
    body: bytes = b"",
    *,
    tell: Tell = silent,
    within_s: float = ANSWER_S_MAX,
    bytes_max: int = ANSWER_BYTES_MAX,
    silent_s_max: float = STEP_S_MAX,
) -> Reply:
    """As `fetch`, of a whole URL, which no error repeats: it may be a secret. No two bytes of the answer may
    be further apart than `silent_s_max`, nor the first from the question.

    Raises VenueError where no stream can be made, TimeoutError, TooLongError, OSError, HTTPException.
    """
    address = address_of(url)
    stream = reach(url, tell)
    stream.settimeout(silent_s_max)
    connection = http.client.HTTPConnection(address.host, address.port)
    connection.sock = stream
    headers = {"User-Agent": "signalnode", "Accept": "application/json"}
    if body:
        headers["Content-Type"] = "application/json"
    parts = urlsplit(url)
    # A symbol may have any letters, a URL those of ASCII alone; what is of those is as it is to be sent.
    path = quote(f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", safe=string.punctuation)
    with _ended(stream, within_s) as late:
        try:
            connection.request("POST" if body else "GET", path, body or None, headers)
            with contextlib.closing(connection.getresponse()) as answer:
                content = _content(answer, bytes_max)
        except (OSError, http.client.HTTPException):
            if late.is_set():
                raise TimeoutError from None
            raise
    if late.is_set():
        raise TimeoutError
    return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)


@contextlib.contextmanager
def _ended(stream: socket.socket, within_s: float) -> Iterator[threading.Event]:
    """The stream is broken off when the time is over, which the event tells; at last it is closed.

    A timeout of the socket's is that of one read, so that who sends a byte now and then is never late.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):
            stream.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(within_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        stream.close()


def body_of(reply: Reply, url: str) -> bytes:
    """The body of an answer that says yes; raises StatusError for any other."""
    if reply.status == http.client.OK:
        return reply.body
    if 300 <= reply.status < 400:
        to = reply.headers.get("location", "nowhere")[:QUOTED_CHARS_MAX]
        what = f"{url}: is elsewhere, it says: {to}; where you trust that, write it as rest_url"
        raise StatusError(what, reply.status, "")
    mend = _MENDS.get(reply.status, "try again later" if reply.status >= 500 else "is rest_url right?")
    after = reply.headers.get("retry-after")
    wait = f" (it says: {after[:QUOTED_CHARS_MAX]} s)" if after else ""
    said = reply.body[:QUOTED_CHARS_MAX].decode(errors="replace").split("\n")[0]
    quoted = f": {said!r}" if said.isprintable() and said else ""
    raise StatusError(f"{url}: HTTP {reply.status}{quoted}; {mend}{wait}", reply.status, after or "")


def seconds_of(retry_after: str) -> float:
    """The header's seconds, or those until its date; 0 where it is neither (RFC 9110, 10.2.3)."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - wall_ns() / NS_PER_S)
    except (ValueError, TypeError):
        return 0.0


def _content(answer: http.client.HTTPResponse, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := answer.read1(CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > bytes_max:
            raise TooLongError
    if answer.length:
        raise http.client.IncompleteRead(b"".join(parts)[:1], answer.length)
    return b"".join(parts)
