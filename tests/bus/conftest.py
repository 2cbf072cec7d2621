"""Sockets that never meet another test's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from tests.effort import PATIENCE_MS


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path leaves room for a socket name (pytest's own may be over 107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="sn-") as name:
        yield Path(name)


@pytest.fixture
def listener() -> Iterator[Callable[[str], zmq.Socket[bytes]]]:
    """Plain SUB sockets to everything on an endpoint, with a receive timeout instead of a hang."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    sockets: list[zmq.Socket[bytes]] = []

    def listen(endpoint: str) -> zmq.Socket[bytes]:
        socket = context.socket(zmq.SUB)
        sockets.append(socket)
        socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        socket.setsockopt(zmq.RECONNECT_IVL, 10)
        socket.subscribe(b"")
        socket.connect(endpoint)
        return socket

    yield listen
    for socket in sockets:
        socket.close(linger=0)
    context.term()
