"""Makers of messages and of sockets that never meet another test's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from signalnode.bus.wire import SCORE_NAMES, End, Heartbeat, Score


def moment(**changes: Any) -> dict[str, Any]:
    """The keywords every message of a publisher takes, times in ns."""
    return {
        "mid": 100.0,
        "time_event_ns": 1_000,
        "time_received_ns": 2_000,
        "time_published_ns": 3_000,
        "warm": 1.0,
        "status": "live",
    } | changes


@pytest.fixture
def score() -> Callable[..., Score]:
    def make(market: str = "A", seq: int = 1, epoch: int = 1, level: float = 50.0, **changes: Any) -> Score:
        scores = changes.pop("scores", dict.fromkeys(SCORE_NAMES, level))
        return Score(v=1, market=market, epoch=epoch, seq=seq, scores=scores, **moment(**changes))

    return make


@pytest.fixture
def heartbeat() -> Callable[..., Heartbeat]:
    def make(market: str = "A", seq: int = 1, epoch: int = 1, **changes: Any) -> Heartbeat:
        return Heartbeat(v=1, market=market, epoch=epoch, seq=seq, **moment(**changes))

    return make


@pytest.fixture
def end() -> Callable[..., End]:
    def make(market: str = "A", seq: int = 1, epoch: int = 1, **changes: Any) -> End:
        return End(v=1, market=market, epoch=epoch, seq=seq, **moment(**changes))

    return make


@pytest.fixture
def moments() -> Callable[..., dict[str, Any]]:
    return moment


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
        socket.setsockopt(zmq.RCVTIMEO, 10_000)
        socket.setsockopt(zmq.RECONNECT_IVL, 10)
        socket.subscribe(b"")
        socket.connect(endpoint)
        return socket

    yield listen
    for socket in sockets:
        socket.close(linger=0)
    context.term()
