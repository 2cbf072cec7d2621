"""The engine process: the lock, the checkpoint, the sockets and the clock around `work.Work`."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec

from signalnode import logs
from signalnode.bus.epoch import next_epoch
from signalnode.bus.publisher import Header, Publisher
from signalnode.bus.sockets import RECONNECT_MAX_MS
from signalnode.bus.topics import EVERYTHING
from signalnode.bus.wire import Score
from signalnode.clock import NS_PER_S, await_signal, monotonic_ns, wall_ns
from signalnode.engine.checkpoint import CheckpointFile
from signalnode.engine.core import SignalEngine
from signalnode.engine.news import News
from signalnode.engine.outages import Outages
from signalnode.engine.standing import Standing, is_all_silent
from signalnode.engine.work import Turn, Work
from signalnode.errors import CheckpointError, SignalnodeError
from signalnode.feeds import ChannelHealth, open_feed
from signalnode.feeds.base import Feed, Outside
from signalnode.files import Lock, hold_lock, seems_held
from signalnode.forked import POLL_MS, only_forward, run_forked
from signalnode.names import AGGREGATOR, scores_endpoint
from signalnode.settings import MarketSettings, NodeSettings, node_of
from signalnode.settings.arguments import Link

if TYPE_CHECKING:
    from signalnode.feeds.recorded.tape import Tape

# Blocked until there is work to do, and taken while waiting; from then on they are noted when they come.
STOPS = (signal.SIGTERM, signal.SIGINT)
AGGREGATOR_WAIT_MS = 4 * RECONNECT_MAX_MS  # for it to find the engine, also on a busy machine
SUBSCRIBER_WAIT_MS = 20  # for whoever else heard the engine before: they look every 10 ms
PROGRESS_S = 2.0  # between two lines that say how far a decoding has come
COMPLAINT_S = 60.0  # between two lines about a checkpoint that cannot be written, or about faulty data


def main(link: Link, args: Mapping[str, Any]) -> int:
    """Run one market until the end of its feed, which is status 0, or until SIGTERM or SIGINT, by which it
    then ends, with everything saved. Returns the exit status. `args`: see `engine_args`.
    """
    logs.configure()
    log = logs.logger(market=args["market"])
    try:
        node = node_of(args)
        market = node.markets[args["market"]]
        with hold_lock(node.lock_path_of(market.market)) as lock:
            stopped_by = _Process(link, node, market, log, lock).run()
    except SignalnodeError as error:
        log.error("cannot run", reason=str(error))  # noqa: TRY400 (one line: the user can mend it)
        return error.exit_status
    if stopped_by:
        _end_by(stopped_by)
    return 0


def _end_by(number: int) -> None:
    """End as one who does not catch this signal. So it can be seen what ended us; and with status 0 for a
    finished feed alone, a policy of "on-failure" starts a market again that somebody ended behind the
    supervisor's back.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
    signal.raise_signal(number)


class _Process:
    """One engine: feed in, scores out, checkpoints beside it."""

    def __init__(
        self, link: Link, node: NodeSettings, market: MarketSettings, log: logs.Logger, lock: Lock
    ) -> None:
        self._link, self._node, self._market, self._log, self._lock = link, node, market, log, lock
        self._directory = node.market_state_dir(market.market)
        self._stopped_by = 0  # the signal that told it to end
        self._ended = False  # its feed
        self._complaint_ns = 0
        self._ready = False
        self._scored_ns = 0
        self._outages = Outages()
        self._tape: Tape | None = None
        self._taping = ""  # what was said of it last
        self._faults_ns = 0  # when faults of a live feed may be told again

    @property
    def _stopping(self) -> bool:
        return self._stopped_by != 0

    def run(self) -> int:
        """Start, turn until told to stop or the feed ends, and leave `end` and a last checkpoint behind.
        Returns the signal that ended it, 0 where that was the end of the feed.
        """
        for number in STOPS:  # for a thread started before this line, which does not block them
            signal.signal(number, self._stop)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        epoch, fault, wait_ns = next_epoch(self._directory, wall_ns(), self._market.grant)
        self._log = self._log.bind(epoch=epoch)
        if fault:
            self._log.warning("the epoch is from the clock, and is not kept", reason=fault)
            self._rest(monotonic_ns() + wait_ns)
        endpoint = scores_endpoint(self._node.runtime_dir, self._market.market)
        publisher = Publisher(endpoint, self._market.market, epoch, self._node.engine.send_queue_max)
        # Bound first: those who heard the engine before find it again while the rest is being loaded.
        with contextlib.ExitStack() as open_things:
            open_things.callback(publisher.close)
            directories = self._node.state_dir, self._node.runtime_dir
            self._tape = self._tape_of()
            feed = open_things.enter_context(
                contextlib.closing(open_feed(self._market, *directories, tape=self._tape))
            )
            self._prepare(feed, publisher)
            if not self._stopping:
                self._work(feed, publisher)
        return 0 if self._ended else self._stopped_by

    def _tape_of(self) -> Tape | None:
        if not self._node.recorded_kinds(self._market.market):
            return None
        from signalnode.engine.recording import tape_of

        return tape_of(self._node, self._market)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what signal wants
        self._stopped_by = number

    def _prepare(self, feed: Feed, publisher: Publisher) -> None:
        """Let the feed decode what it must, alive to the supervisor and to SIGTERM meanwhile."""
        if not feed.is_prepared():
            self._decode(feed, publisher)
        if self._stopping:
            return
        for _ in feed.prepare():
            pass
        if feed.faults:
            self._log.warning("faults in the data", **feed.faults)

    def _decode(self, feed: Feed, publisher: Publisher) -> None:
        """Decode in a process of its own. Progress buys the time it takes from the supervisor; 1 is for its
        end, when there is no more to be heard before the first score.
        """
        told_ns = monotonic_ns()
        poll_ms = min(POLL_MS, self._node.engine.heartbeat_interval_ms)
        for done in only_forward(run_forked(feed.prepare(), poll_ms)):
            self._link.beat(progress=round(done, 6))
            publisher.serve()
            if monotonic_ns() - told_ns > PROGRESS_S * NS_PER_S:
                told_ns = monotonic_ns()
                self._log.info("decoding", percent=round(100 * done))
            if self._rest(0):
                return
        self._link.beat(progress=1.0)

    def _resume(self, engine: SignalEngine, feed: Feed, health: ChannelHealth) -> bool:
        """Go on from the last usable checkpoint; False for a cold start, whose reason is in the log."""
        checkpoint = self._file.load()
        for reason in self._file.refused:
            self._log.warning("checkpoint refused", reason=reason)
        if checkpoint is None:
            return False
        try:
            feed.seek(checkpoint.position)
            engine.restore(checkpoint.state)
        except CheckpointError as error:
            self._log.warning("checkpoint refused", reason=str(error))
            return False
        health.restore(checkpoint.health)
        return True

    def _work(self, feed: Feed, publisher: Publisher) -> None:
        engine, health = SignalEngine(self._market.market, self._market), ChannelHealth()
        self._file = CheckpointFile(self._directory, identity(engine, health))
        resumed = self._resume(engine, feed, health)
        tape = self._tape
        if tape is not None:
            from signalnode.engine.recording import begin_tape

            begin_tape(tape, engine, feed, publisher.epoch)
        work = Work(engine, feed, health, self._node.engine, self._market.feed.speed, tape)
        self._log.info("started", resumed=resumed, feed=self._market.feed.kind)
        self._wait_to_be_heard(publisher, resumed)
        work.start(monotonic_ns())
        news = News(None if feed.live is None else feed.live.inlet, STOPS, publisher)
        live, outages = feed.live, self._outages
        while not self._stopped_by:
            turn = work.turn(monotonic_ns())
            scores, heartbeat, beat, save, ended, wake_ns, listen = turn
            if scores:
                self._send(publisher, work)
            standing = None
            if heartbeat or beat or not self._ready:
                standing = self._say(publisher, work, turn)
            if tape is not None:
                work.commit(monotonic_ns())
            if save:
                self._save(work)
            if ended:
                self._log.info("the feed has ended", seq=publisher.seq)
                self._ended = True
                break
            if live is not None and (heartbeat or live.outage or not outages.is_over):
                self._follow(live, heartbeat, standing)
            if not self._stopped_by:
                news.wait_until(wake_ns, listen=listen)
        if tape is not None:
            tape.close(engine, monotonic_ns())
        self._save(work, durable=True)
        standing = work.standing(work.engine.time_ns)
        publisher.end(**standing._asdict(), time_published_ns=wall_ns())

    def _wait_to_be_heard(self, publisher: Publisher, resumed: bool) -> None:
        if seems_held(self._node.lock_path_of(AGGREGATOR)):
            publisher.wait_for_subscriber(AGGREGATOR_WAIT_MS, EVERYTHING)
        elif resumed:
            publisher.wait_for_subscriber(SUBSCRIBER_WAIT_MS)

    def _send(self, publisher: Publisher, work: Work) -> None:
        """Send the turn's scores."""
        framed = work.written(publisher.seq + 1, wall_ns())
        if framed:
            publisher.send_written(framed)
        else:
            work.learn(send_scores(publisher, work))
        self._scored_ns = monotonic_ns()

    def _say(self, publisher: Publisher, work: Work, turn: Turn) -> Standing | None:
        """Say what is due besides scores; returns how things stand where that had to be known."""
        # A market that its venue refuses, or that cannot be reached, is as ready as it will be: whoever
        # waits for it waits no longer.
        if not self._ready and (turn.scores or (self._outages.is_known and (turn.heartbeat or turn.beat))):
            self._ready = True
            self._link.ready(epoch=publisher.epoch)
        standing = None
        if turn.heartbeat:
            standing = work.standing()
            if self._lock.put_back() | publisher.put_back():
                self._log.warning("somebody removed the lock or the socket, made again")
            publisher.heartbeat(time_published_ns=wall_ns(), **standing._asdict())
            if self._tape is not None and self._tape.trouble != self._taping:
                self._taping = self._tape.trouble
                self._log.warning("recording", trouble=self._taping or "none any more")
        if turn.beat:
            self._beat(publisher, standing)
        return standing

    def _beat(self, publisher: Publisher, standing: Standing | None) -> None:
        """Tell the supervisor; how things stand once in a heartbeat, for it costs more than the rest."""
        facts: dict[str, Any] = {"epoch": publisher.epoch, "seq": publisher.seq}
        if standing is not None:
            facts["status"] = standing.status
            if standing.health is not None:  # a fact told stands until it is told anew, so "" is said, too
                facts["outage"] = self._outages.now
                facts["health"] = msgspec.to_builtins(standing.health)
        if self._scored_ns:
            facts["score_age_s"] = round((monotonic_ns() - self._scored_ns) / NS_PER_S, 3)
        self._link.beat(**facts)

    def _rest(self, wake_ns: int) -> bool:
        """Wait until monotonic time `wake_ns` or a signal to stop; whether to stop."""
        wait_s = max(0.0, (wake_ns - monotonic_ns()) / NS_PER_S)
        if not self._stopping and (taken := await_signal(STOPS, wait_s)) is not None:
            self._stopped_by = taken  # and never assigned 0: `_stop` may have run during the wait
        return self._stopping

    def _follow(self, live: Outside, heartbeat: bool, standing: Standing | None) -> None:
        """Tell what became of a live feed."""
        if (told := self._outages.hear(live.outage, monotonic_ns())) is not None:
            self._tell_outage(live, *told)
        if heartbeat:
            if not live.outage:  # else it may be told by itself soon
                self._tell_faults(live)
            health = None if standing is None else standing.health
            if health is not None and not live.outage and (live.is_mute or is_all_silent(health)):
                live.doubt(monotonic_ns())

    def _tell_outage(self, live: Outside, outage: str, lasted_s: float) -> None:
        if outage:
            self._log.warning("no news of the venue", reason=outage)
            live.drop_news()
        else:
            self._log.info("heard", connection=live.connection, after_s=round(lasted_s, 1))

    def _tell_faults(self, live: Outside) -> None:
        now_ns = monotonic_ns()
        if now_ns < self._faults_ns or not (told := live.news_of_faults()):
            return
        self._faults_ns = now_ns + int(COMPLAINT_S * NS_PER_S)
        self._log.warning("faults in the data", faults="; ".join(told))

    def _save(self, work: Work, *, durable: bool = False) -> None:
        try:
            self._file.save(
                work.engine.state(), work.health.state.tobytes(), work.feed.position, durable=durable
            )
        except CheckpointError as error:
            now_ns = monotonic_ns()
            if now_ns >= self._complaint_ns:
                self._complaint_ns = now_ns + int(COMPLAINT_S * NS_PER_S)
                self._log.warning("checkpoint not written", reason=str(error))


def send_scores(publisher: Publisher, work: Work) -> Score:
    """Send the newest turn's scores as a message made of them; returns it."""
    scores, standing = work.scores(), work.standing()
    header: Header = {"time_published_ns": wall_ns(), **standing._asdict()}  # type: ignore[typeddict-item]
    message = publisher.next_score(scores, scores.unknown, header)
    publisher.send_score(message)
    return message


def identity(engine: SignalEngine, health: ChannelHealth) -> str:
    """Who may use a checkpoint: an engine of the same formulas, parameters and layout of health."""
    layout = hashlib.sha256(repr(health.state.dtype.descr).encode()).hexdigest()[:8]
    return f"{engine.identity()}-{layout}"
