"""What an engine does in one turn of its loop: decided here, in plain code, with the monotonic time passed
in.

Each turn takes the events that are due, then says what is to be sent and saved, and when to come back. Scores
go out when they have moved, at most every `publish_interval_ms`; a heartbeat at least every
`heartbeat_interval_ms`; the last score of a feed that ends is that of its last event, whatever the pace was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from signalnode.bus.wire import STATUSES
from signalnode.clock import NS_PER_MS
from signalnode.engine.core import SignalEngine
from signalnode.engine.pace import Pace
from signalnode.feeds import ChannelHealth
from signalnode.feeds.base import Feed
from signalnode.settings import EngineSettings

TAKE_MAX = 2_048  # events in a turn; 0.1 ms of work, then whatever else is due gets its turn
TURN_MIN_NS = 2 * NS_PER_MS  # rest between turns while events trickle in
EARLY = 0.9  # a heartbeat goes out this share of its interval after the last, so that it is never late


class Moment(NamedTuple):
    """What every message says of the engine. Times in ns; `mid` NaN before the first price."""

    mid: float
    time_event_ns: int
    time_received_ns: int
    warm: float
    status: str  # warming, live, degraded, stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is to be done now. Scores, heartbeat and save are independent of each other."""

    moment: Moment | None  # there is one whenever something is to be sent
    scores: dict[str, float] | None = None  # send these
    heartbeat: bool = False  # send one
    save: bool = False  # write a checkpoint
    ended: bool = False  # the feed is at its end and its last scores are in this turn
    wake_ns: int = 0  # monotonic time of the next turn


class Work:
    """The decisions of one engine process. `start` before the first turn."""

    def __init__(
        self, engine: SignalEngine, feed: Feed, health: ChannelHealth, settings: EngineSettings, speed: float
    ) -> None:
        self.engine, self.feed, self.health = engine, feed, health
        self._pace = Pace(speed)
        self._publish_ns = settings.publish_interval_ms * NS_PER_MS
        self._heartbeat_ns = int(settings.heartbeat_interval_ms * NS_PER_MS * EARLY)
        self._checkpoint_ns = settings.checkpoint_interval_ms * NS_PER_MS
        self._next_publish_ns = self._next_heartbeat_ns = self._next_checkpoint_ns = 0
        self._sent: dict[str, float] | None = None

    def start(self, now_ns: int) -> None:
        """Let the feed's time run from its next event on; scores and a heartbeat are due at once."""
        first_ns = self.feed.next_time_ns()
        self._pace.start(self.engine.time_ns if first_ns is None else first_ns, now_ns)
        self._next_publish_ns = self._next_heartbeat_ns = now_ns
        self._next_checkpoint_ns = now_ns + self._checkpoint_ns

    def turn(self, now_ns: int) -> Turn:
        """Take what is due at monotonic time `now_ns` and say what is to be done about it."""
        until_ns = self._pace.kernel_at(now_ns)
        taken = self._take(until_ns)
        next_ns = self.feed.next_time_ns()
        ended = next_ns is None
        behind = taken == TAKE_MAX and not ended
        at_ns = (
            self.engine.time_ns if until_ns is None or behind or ended else max(until_ns, self.engine.time_ns)
        )
        scores = None
        if self.engine.events and (ended or now_ns >= self._next_publish_ns):
            scores = self.engine.scores_at(at_ns)
            self._next_publish_ns = _next(self._next_publish_ns, self._publish_ns, now_ns)
            if scores == self._sent and not ended:
                scores = None
            else:
                self._sent = scores
        heartbeat = now_ns >= self._next_heartbeat_ns
        if heartbeat:
            self._next_heartbeat_ns = now_ns + self._heartbeat_ns
        save = now_ns >= self._next_checkpoint_ns
        if save:
            self._next_checkpoint_ns = now_ns + self._checkpoint_ns
        return Turn(
            moment=self.moment(at_ns) if scores is not None or heartbeat else None,
            scores=scores,
            heartbeat=heartbeat,
            save=save,
            ended=ended,
            wake_ns=now_ns if behind else self._wake_ns(next_ns, now_ns),
        )

    def moment(self, at_ns: int) -> Moment:
        """How things stand at kernel time `at_ns`."""
        engine = self.engine
        return Moment(
            mid=engine.mid,
            time_event_ns=engine.time_event_ns,
            time_received_ns=engine.time_ns,
            warm=engine.warm,
            status=self._status(at_ns),
        )

    def _take(self, until_ns: int | None) -> int:
        limit_ns = 2**63 - 1 if until_ns is None else until_ns
        events = self.feed.take(limit_ns, TAKE_MAX)
        if len(events):
            self.engine.ingest(events)
            self.health.observe(events)
        return len(events)

    def _status(self, at_ns: int) -> str:
        return STATUSES[self.health.status(at_ns, self.feed.degraded(at_ns), self.engine.warm)]

    def _wake_ns(self, next_ns: int | None, now_ns: int) -> int:
        due = min(self._next_publish_ns, self._next_heartbeat_ns, self._next_checkpoint_ns)
        if next_ns is not None:
            due = min(due, max(self._pace.due_at(next_ns), now_ns + TURN_MIN_NS))
        return due


def _next(planned_ns: int, interval_ns: int, now_ns: int) -> int:
    """The next beat of a steady rhythm; after a pause the rhythm starts over instead of making up for it."""
    return planned_ns + interval_ns if now_ns < planned_ns + interval_ns else now_ns + interval_ns
