"""What an engine does in one turn of its loop, and when the next turn is: decided here, in plain code, with
the monotonic time passed in.

An engine sleeps until a score, a heartbeat, a word to its supervisor or a save is due; events wait where they
are, and are taken in one batch. Only a market at rest, REST_INTERVALS without an event, is listened to: the
first event then gives a score at once, and the rhythm starts over with it. Whatever is nearly due when the
engine wakes is done with the rest, for a wake costs more than most of what it is for.

A rhythm begins at a full TOGETHER_NS of the machine's clock, so that engines wake one behind the other: what
they share is in the caches then, and the aggregator finds more messages at each of its wakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from signalnode.bus.wire import Score
from signalnode.clock import NS_PER_MS
from signalnode.engine.core import NO_EVENTS, SignalEngine
from signalnode.engine.kernelclock import KernelClock
from signalnode.engine.message import ScoreWriter
from signalnode.engine.standing import Standing, standing_of
from signalnode.feeds import ChannelHealth
from signalnode.feeds.base import Feed
from signalnode.scores import MarketScores
from signalnode.settings import EngineSettings
from signalnode.signals.kernel import ALL_NS

if TYPE_CHECKING:
    from signalnode.feeds.recorded.tape import Tape

# With one, a market of eight frames a second made two scores of each: one by time alone, one soon after.
REST_INTERVALS = 2
_new = tuple.__new__  # a named tuple's own is Python
TOGETHER_NS, TOGETHER_SHARES = 10 * NS_PER_MS, 10  # so many of them, at least, make an interval
TAKE_MAX = 2_048  # events in a turn; 0.1 ms of work, then whatever else is due gets its turn
# Shares of an interval: from when on a thing may be done, and when it must be. Between the two lies a score.
HEARTBEAT_SHARES = (0.75, 0.9)  # so that it is never late
BEAT_SHARES = (0.45, 0.6)  # of a heartbeat's, with which there is one besides; most are not sent: `Link.beat`
NOTHING = (False, False, False)  # of heartbeat, beat and save
SAVE_SHARES = (0.85, 1.0)  # of the checkpoint interval, which is the most that a kill may cost


class Turn(NamedTuple):
    """What is to be done now. Scores, heartbeat, beat and save are independent of each other. What is to be
    said `Work` has, until the next turn.
    """

    scores: bool  # send them
    heartbeat: bool  # send one
    beat: bool  # tell the supervisor that the loop turns
    save: bool  # write a checkpoint
    ended: bool  # the feed is at its end and its last scores are in this turn
    wake_ns: int  # monotonic time of the next turn
    listen: bool  # a live feed's next news is worth a turn of its own


class Rhythm:
    """What is due at an interval at the latest, and may as well be done a little sooner. Times in ns."""

    __slots__ = ("_latest_ns", "_soonest_ns", "by_ns", "from_ns")

    def __init__(self, interval_ms: int, shares: tuple[float, float]) -> None:
        self._soonest_ns, self._latest_ns = (int(interval_ms * NS_PER_MS * share) for share in shares)
        self.from_ns = self.by_ns = 0  # it may be done from the one time on, and must be by the other

    def done(self, now_ns: int) -> None:
        """It was done at `now_ns`; what is next counts from there."""
        self.from_ns, self.by_ns = now_ns + self._soonest_ns, now_ns + self._latest_ns


class Work:
    """The decisions of one engine process. `start` before the first turn."""

    def __init__(  # noqa: PLR0917
        self,
        engine: SignalEngine,
        feed: Feed,
        health: ChannelHealth,
        settings: EngineSettings,
        speed: float,
        tape: Tape | None = None,
    ) -> None:
        self.engine, self.feed, self.health = engine, feed, health
        self._live = feed.live
        self._tape = tape  # what is taken is recorded
        self._clock = KernelClock(speed)
        self._publish_ns = settings.publish_interval_ms * NS_PER_MS
        self._next_publish_ns = 0
        self._heartbeat = Rhythm(settings.heartbeat_interval_ms, HEARTBEAT_SHARES)
        self._beat = Rhythm(settings.heartbeat_interval_ms, BEAT_SHARES)
        self._save = Rhythm(settings.checkpoint_interval_ms, SAVE_SHARES)
        self._sent: object = None
        self._at_ns = self._time_ns = 0  # kernel times: of the turn, and of its newest event
        self._writer = None if engine.has_extra else ScoreWriter()
        self._heard = False  # an event since the last score
        self._behind = False  # more events are due than one turn takes
        self._quiet = REST_INTERVALS  # intervals without one, up to that score
        self._from_ns = self._by_ns = 0  # when one of the three may be done, and when one must be

    def start(self, now_ns: int) -> None:
        """Let the feed's time run from its next event on; scores and a heartbeat are due at once."""
        first_ns = self.feed.next_time_ns()
        self._clock.start(self.engine.time_ns if first_ns is None else first_ns, now_ns)
        self._next_publish_ns = now_ns - self._publish_ns
        self._heartbeat.from_ns = self._heartbeat.by_ns = now_ns
        self._beat.done(now_ns)
        self._save.done(now_ns)
        self._from_ns = self._by_ns = now_ns

    def turn(self, now_ns: int) -> Turn:
        """Take what is due at monotonic time `now_ns` and say what is to be done about it."""
        live, next_ns, ended, scores = self._live, None, False, False
        if live is not None:
            self._take(live.kernel_at(now_ns))
        else:
            next_ns = self._take(self._clock.kernel_at(now_ns)) or self.feed.next_time_ns()
            if ended := next_ns is None:
                self._look(0)
        if now_ns >= self._next_publish_ns or ended or (self._heard and self._quiet >= REST_INTERVALS):
            scores = self._score(now_ns, ended=ended)
        heartbeat, beat, save = NOTHING if now_ns < self._from_ns else self._besides(now_ns)
        wake_ns = self._next_publish_ns if self._next_publish_ns < self._by_ns else self._by_ns
        if self._behind and not ended:
            wake_ns = now_ns
        elif next_ns is not None and self._quiet >= REST_INTERVALS:
            wake_ns = min(wake_ns, max(self._clock.due_at(next_ns), now_ns))
        listen = live is not None and self._quiet >= REST_INTERVALS
        turn = (scores, heartbeat, beat, save, ended, wake_ns, listen)
        return _new(Turn, turn)

    def _besides(self, now_ns: int) -> tuple[bool, bool, bool]:
        """Which of heartbeat, beat and save are done now."""
        heartbeat = now_ns >= self._heartbeat.from_ns
        if heartbeat:
            self._heartbeat.done(now_ns)
        beat = heartbeat or now_ns >= self._beat.from_ns
        if beat:
            self._beat.done(now_ns)
        save = now_ns >= self._save.from_ns
        if save:
            self._save.done(now_ns)
        self._from_ns = min(self._heartbeat.from_ns, self._beat.from_ns, self._save.from_ns)
        self._by_ns = min(self._heartbeat.by_ns, self._beat.by_ns, self._save.by_ns)
        return heartbeat, beat, save

    def commit(self, now_ns: int) -> None:
        """Hand what was heard and taken in the last turn to the recorder, where there is one."""
        if self._tape is not None:
            settled = self.feed.live is None or (not self._behind and self.feed.next_time_ns() is None)
            self._tape.commit(self.engine, now_ns, settled=settled)

    def standing(self, at_ns: int | None = None) -> Standing:
        """How things stand in the newest turn; or at kernel time `at_ns`, or of the newest event where that
        is later.
        """
        if at_ns is not None:
            self._look(at_ns)
        return standing_of(self.engine.stood(), self.feed)

    def scores(self) -> MarketScores:
        """The scores of the newest turn."""
        return self.engine.stood_scores()

    def written(self, seq: int, published_ns: int) -> bytes:
        """The scores of the newest turn as a message in its frames, sent at `published_ns`; empty where it is
        to be made of `standing` and `scores`, and then shown to `learn`.
        """
        if self._writer is None:
            return b""
        return self._writer.written(self.engine.row, self.feed, self._at_ns, seq, published_ns)

    def learn(self, message: Score) -> None:
        """That message was made where `written` gave none."""
        if self._writer is not None:
            self._writer.learn(message)

    def _take(self, until_ns: int | None) -> int:
        """Take events up to kernel time `until_ns` (None: all) block by block, TAKE_MAX at most. Returns the
        time of the next one in the block; 0 where it is at its end.
        """
        take_ns, at_ns = (ALL_NS, 0) if until_ns is None else (until_ns, until_ns)
        left, feed, live = TAKE_MAX, self.feed, self._live
        since_ns = 0 if live is None else live.since_ns
        while True:
            block, start = feed.ahead()
            reached, coming_ns, self._at_ns, self._time_ns = self.engine.step(
                block, start, left, self.health, take_ns, at_ns, since_ns
            )
            if reached == start:
                break
            if self._tape is not None:
                self._tape.rows(block[start:reached])
            feed.pass_to(reached)
            self._heard = True
            left -= reached - start
            if live is not None or coming_ns or left <= 0:
                break  # a live one makes one block of all that it has heard
            next_ns = feed.next_time_ns()  # of the next block, which need not be looked at in vain
            if next_ns is None or next_ns > take_ns:
                break
        self._behind = left <= 0
        return coming_ns

    def _look(self, at_ns: int) -> None:
        """See how all stands at kernel time `at_ns`, or as of the newest event where that is later."""
        stood = self.engine.step(NO_EVENTS, 0, 1, self.health, 0, at_ns, self._since_ns())
        self._at_ns, self._time_ns = stood[2:]

    def _since_ns(self) -> int:
        return 0 if self._live is None else self._live.since_ns

    def _score(self, now_ns: int, *, ended: bool) -> bool:
        """Whether scores are to be sent: where they have moved, and in any case at the end. Sets the time of
        the next.
        """
        next_ns = self._next_publish_ns + self._publish_ns  # as nearly always: the rhythm goes on
        is_steady = self._next_publish_ns <= now_ns < next_ns
        self._next_publish_ns = next_ns if is_steady else _first(self._publish_ns, now_ns)
        self._quiet, self._heard = 0 if self._heard else self._quiet + 1, False
        if not self._time_ns:
            return False
        scored, sent = self.engine.scored(), self._sent
        self._sent = scored
        return ended or scored != sent


def _first(interval_ns: int, now_ns: int) -> int:
    """The first beat of a rhythm that starts over, as before its time or after a pause."""
    together_ns = min(TOGETHER_NS, interval_ns // TOGETHER_SHARES)
    return -(-(now_ns + interval_ns) // together_ns) * together_ns
