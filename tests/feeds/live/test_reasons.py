"""Errors of sockets and TLS are told in words, whoever raised them."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from signalnode.feeds.live.reasons import reason_of

TWO = "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] Connect call failed"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
            "connection refused",
        ),
        (
            ImportError("connecting through a SOCKS proxy requires python-socks"),
            "the environment names a SOCKS proxy, and none is taken; write HTTPS_PROXY=http://HOST:PORT",
        ),
        (OSError(TWO), "connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "connection reset"),
        (
            OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)),
            "no connection (Cannot assign requested",
        ),
        (OSError("odd"), "no connection (odd)"),
        (TimeoutError("timed out during opening handshake"), "no answer in time"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no address for its name (Name or"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "no TLS with what answers there ("),
        (ConnectionClosedError(Close(1012, ""), None), "closed: 1012 (service restart)"),
        (
            ConnectionClosedError(None, Close(1011, "keepalive")),
            "closed from here: 1011 (internal error) keepalive",
        ),
        (ConnectionClosedError(None, None), "broken off without a word"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_an_error_is_told_in_words(error: Exception, said: str) -> None:
    assert reason_of(error).startswith(said)
