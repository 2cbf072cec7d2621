"""Makers of messages, for every test that needs some."""

from __future__ import annotations

import time
from typing import Any

from signalnode.bus.publisher import Publisher
from signalnode.bus.wire import SCORE_NAMES, End, Heartbeat, Score
from signalnode.clock import NS_PER_S


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


def score(market: str = "A", seq: int = 1, epoch: int = 1, level: float = 50.0, **changes: Any) -> Score:
    """A score; all seven at `level` unless `scores` says otherwise."""
    scores = dict.fromkeys(SCORE_NAMES, level) | changes.pop("scores", {})
    return Score(v=1, market=market, epoch=epoch, seq=seq, scores=scores, **moment(**changes))


def heartbeat(market: str = "A", seq: int = 1, epoch: int = 1, **changes: Any) -> Heartbeat:
    """A heartbeat after score `seq`."""
    return Heartbeat(v=1, market=market, epoch=epoch, seq=seq, **moment(**changes))


def end(market: str = "A", seq: int = 1, epoch: int = 1, **changes: Any) -> End:
    """A planned end after score `seq`."""
    return End(v=1, market=market, epoch=epoch, seq=seq, **moment(**changes))


def now_moment(**changes: Any) -> dict[str, Any]:
    """Keywords of a message that is sent now."""
    now = time.time_ns()
    return moment(**{"time_published_ns": now, "time_received_ns": now, "time_event_ns": now, **changes})


def send(publisher: Publisher, count: int = 1, **changes: Any) -> None:
    """Publish scores."""
    for _ in range(count):
        publisher.score(scores=score(**changes).scores, **now_moment())
    let_out(publisher)


def let_out(publisher: Publisher) -> None:
    """Serve its subscribers, as an engine does while it waits, until they have all that was sent."""
    while publisher._socket.is_owing:
        assert publisher._socket.wait(60 * NS_PER_S), "nobody reads"
        publisher.serve()
