"""In words: why a stream to a venue could not be made, or ended (sockets, TLS), and what a book lacks."""

from __future__ import annotations

import errno
import socket
import ssl

from websockets.exceptions import ConnectionClosed

KEEPALIVE = "keepalive ping timeout"  # by which websockets closes
UNANSWERED = "no answer to a ping"
TROUBLES = {  # by the status of a book that is not sound
    "empty": "no image of the book yet",
    "gap": "updates of the book are missing: waiting for an image",
    "crossed": "the book is crossed",
    "thin": "the book has too few of the levels before: waiting for another image",
}

_WORDS: dict[int, str] = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ENETUNREACH: "its network cannot be reached",
    errno.EHOSTUNREACH: "it cannot be reached",
    errno.ETIMEDOUT: "no answer in time",
}
# verify_code of OpenSSL, x509_vfy.h.
_CERTIFICATE: dict[int, str] = {
    9: "is not valid yet",
    10: "has expired",
    62: "is another name's",
    64: "is another address's",
    **dict.fromkeys((18, 19, 20, 21), "is of an authority that is not known here"),
}


def reason_of(error: Exception) -> str:
    """What has happened, in words that do not say with whom: a proxy may stand before the venue."""
    if isinstance(error, ConnectionClosed):
        return _closed(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        wrong = _CERTIFICATE.get(error.verify_code, f"cannot be verified ({error.verify_message})")
        return f"its certificate {wrong}"
    if isinstance(error, ssl.SSLError):
        why = (getattr(error, "reason", None) or str(error)).lower().replace("_", " ")
        return f"no TLS with what answers there ({why})"
    if isinstance(error, OSError):
        return _words(error)
    if isinstance(error, ImportError):  # websockets has no SOCKS without python-socks
        return "the environment names a SOCKS proxy, and none is taken; write HTTPS_PROXY=http://HOST:PORT"
    return f"{type(error).__name__}: {error}"


def _closed(error: ConnectionClosed) -> str:
    """The venue's code and word first: ours may only answer it."""
    if error.rcvd is not None:
        return f"closed: {error.rcvd}"
    if error.sent is not None and error.sent.reason == KEEPALIVE:
        return UNANSWERED
    return "broken off without a word" if error.sent is None else f"closed from here: {error.sent}"


def _words(error: OSError) -> str:
    """asyncio tells of several addresses in one text, without a number."""
    if isinstance(error, socket.gaierror):
        return f"no address for its name ({error.strerror})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    number = error.errno
    if number is None:
        number = next((each for each in _WORDS if f"[Errno {each}]" in str(error)), 0)
    return _WORDS.get(number, f"no connection ({error.strerror or error})")
