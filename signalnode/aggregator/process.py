"""The aggregator process: sockets, signals and the clock around `core.Aggregator`. One thread, one poll."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import zmq

from signalnode import logs
from signalnode.aggregator import states
from signalnode.aggregator.budget import within
from signalnode.aggregator.core import Outcome
from signalnode.aggregator.gathering import Gathering
from signalnode.aggregator.journal import has_records, journal_dir
from signalnode.aggregator.kept import Keeper, outcomes_path
from signalnode.aggregator.memory import arrange as arrange_memory
from signalnode.aggregator.memory import settle as settle_memory
from signalnode.aggregator.notices import Withheld, failing, troubled
from signalnode.aggregator.parts import core_of, formulas_of, journal_of, objects_of
from signalnode.aggregator.relating.apart import elsewhere
from signalnode.aggregator.relating.child import child_for
from signalnode.aggregator.republisher import TOGETHER_MAX, Republisher
from signalnode.aggregator.runner import StrategyFault, StrategyRunner
from signalnode.aggregator.sources import Sources
from signalnode.bus.epoch import next_epoch
from signalnode.bus.intake import Intake
from signalnode.bus.supervision import LOOK_MS, Overview, Supervision
from signalnode.bus.wire import encode
from signalnode.clock import NS_PER_MS, NS_PER_S, monotonic_ns, pause, wall_ns
from signalnode.errors import SignalnodeError
from signalnode.files import hold_lock, raise_file_limit
from signalnode.names import AGGREGATOR, scores_endpoint
from signalnode.settings import NodeSettings, load_node
from signalnode.settings.arguments import Link
from signalnode.settings.model import AGGREGATOR_HEARTBEAT_S
from signalnode.strategies import STRATEGIES
from signalnode.strategies.loading import Loaded, load_strategies

RECONCILE_S = 30.0  # who should be heard and is not: the log says it again this often
CUT_OFF_BYTES = 1_048_576  # who sends more is cut off, unseen; what is too large and less is counted
STOPS = (signal.SIGTERM, signal.SIGINT)
WAKE_BYTES_MAX = 65_536  # a pipe's capacity; alarms come through it as well, one each 5 ms at most
STEP_NS_MIN = 100 * NS_PER_MS  # of the wall clock; less may pass between two readings on a busy machine
DOUBTED_MAX = 256  # of the markets that settle, or are behind, so many are named to the supervisor
FOREVER_MS = 1 << 30
DRAIN_MAX = 2_000  # messages taken before anything else gets its turn


def main(link: Link, args: Mapping[str, Any]) -> int:
    """Run until SIGTERM; returns the exit status. `args["config"]` names the config, read again at SIGHUP."""
    logs.configure()
    log = logs.logger(market=AGGREGATOR)
    try:
        path = Path(args["config"])
        node = load_node(path)
        with hold_lock(node.lock_path_of(AGGREGATOR)) as lock, Process(node, path, log) as process:
            process.put_back.append(lock.put_back)
            process.run(link)
    except SignalnodeError as error:
        log.error("cannot run", reason=str(error))  # noqa: TRY400 (one line: the user can mend it)
        return error.exit_status
    return 0


class Timeline:
    """Nanoseconds since 1970 that never step back: the wall clock at the start, monotonic from there.

    What leaves the process is stamped by the wall clock, `ahead_ns` later: that clock may have been set
    since, and goes on while the machine sleeps.
    """

    def __init__(self) -> None:
        self._offset_ns = wall_ns() - monotonic_ns()
        self.ahead_ns = 0

    def now_ns(self) -> int:
        """Now."""
        return monotonic_ns() + self._offset_ns

    def of(self, at_ns: int) -> int:
        """That monotonic time on this line."""
        return at_ns + self._offset_ns

    def step_ns(self) -> int:
        """By how much the wall clock was set since the last call; 0 for what two readings may lie apart."""
        step_ns = wall_ns() - self.now_ns() - self.ahead_ns
        if abs(step_ns) < STEP_NS_MIN:
            return 0
        self.ahead_ns += step_ns
        return step_ns


class Process:
    """One aggregator: engines' messages in, re-published messages, views and decisions out."""

    def __init__(self, node: NodeSettings, config: Path, log: logs.Logger) -> None:
        self._node, self._config, self._log = node, config, log
        settings = node.aggregator
        self._time = Timeline()
        self._strategies: dict[str, Loaded] = {}
        self._strategies = self._load(node)
        runner = StrategyRunner(objects_of(self._strategies), within(settings.strategy_budget_ms / 1e3))
        epoch = _epoch(node, log)
        begun_ns = self._time.now_ns()
        self._relating = child_for(node, log)
        apart = self._relating.apart if self._relating else None
        self.core = core_of(node, runner, epoch, begun_ns, apart)
        self.core.caught_up_ns = begun_ns
        raise_file_limit()
        arrange_memory()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._intake = Intake(max(settings.message_bytes_max, CUT_OFF_BYTES))
        try:
            self._republisher = Republisher(self._context, settings)
        except SignalnodeError:
            self._intake.close()
            self._context.term()
            raise
        self._sources = Sources(self._context, settings, log)
        for market in node.markets:
            self._intake.connect(scores_endpoint(node.runtime_dir, market))
        self._journal = journal_of(node)
        self._keeper = Keeper(outcomes_path(journal_dir(node.state_dir)), log, formulas_of(node))
        if (kept := self._keeper.begun(self._time.now_ns())) is not None:
            self.core.go_on(kept, self._time.now_ns())
        self._go_on(journal_dir(node.state_dir))
        self.withheld = Withheld()
        self._rejected_told: dict[str, int | str] = {}
        self._signals, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poller, self._patient = zmq.Poller(), zmq.Poller()  # for all there is, and all but messages
        self._poller.register(self._intake.fd, zmq.POLLIN)
        for each in (*self._republisher.sockets, *self._sources.sockets, self._signals):
            self._poller.register(each, zmq.POLLIN)
            self._patient.register(each, zmq.POLLIN)
        self._gathering = Gathering()
        # What makes again whatever of ours somebody removes; each says whether it had to.
        self.put_back: list[Callable[[], bool]] = [self._republisher.put_back]
        self._supervision = Supervision(node.standing_path)
        self._overview = Overview(node.shard.overview) if node.shard and node.shard.overview else None
        self._look_ns, self._stopping, self._is_settled = 0, False, False
        self._beat_ns = self._reconcile_ns = self._time.now_ns()

    def __enter__(self) -> Process:
        # What came is read from the pipe: a strategy's alarm may interrupt a handler before its first line.
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in (*STOPS, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        if self._relating is not None:
            self._relating.close()
        self._intake.close()
        self._sources.close()
        self._republisher.close()
        self._context.term()
        self._journal.close()
        self._keeper.keep(self.core.outcomes, self._time.now_ns(), at_once=True)
        os.close(self._wake)
        os.close(self._signals)

    def _go_on(self, directory: Path) -> None:
        """From what strategies held when an aggregator before this one ended."""
        held = states.begun(directory)
        self._report(self.core.runner.restore(held, self._time.now_ns()))
        if held or has_records(directory):
            self._tell_forgetful(self.core.runner.forgetful())

    def run(self, link: Link) -> None:
        """Work until told to stop."""
        link.ready(epoch=self.core.epoch, endpoint=self._node.aggregator.endpoint)
        while not self._stopping:
            self.turn(link)

    def turn(self, link: Link) -> None:
        """Wait for something to happen or to be due, and do all of it once."""
        gather_ms = self._gathering.wait_ms
        poller = self._patient if gather_ms else self._poller
        ready = [each for each, _ in poller.poll(min(gather_ms or FOREVER_MS, self._wait_ms()))]
        if step_ns := self._time.step_ns():
            self._log.warning("the clock was set, or the machine slept", by_s=round(step_ns / NS_PER_S, 3))
        now_ns = self._time.now_ns()
        self.core.is_digest_wanted = self._republisher.is_digest_asked
        if self._relating is not None:
            self._relating.turn(now_ns)
        for outcome in self.core.advance(now_ns, self._time.ahead_ns):
            self._publish(outcome)
        intake = self._intake
        if gather_ms or intake.fd in ready or intake.holds or intake.due_ns <= monotonic_ns():
            self._drain(now_ns)
        if not intake.holds:
            self.core.caught_up_ns = now_ns
        self._republisher.serve(self.core, now_ns, ready)
        self._sources.serve(self.core, self._republisher, ready, now_ns)
        if self._signals in ready:
            self._heed_signals()
        self._housekeeping(link, now_ns)

    def _drain(self, now_ns: int) -> None:
        """Take what has come; whoever was to be looked for is looked for as well."""
        take, send = self.core.take, self._republisher.publish_all
        came = self._intake.receive(DRAIN_MAX)
        taken: list[list[bytes]] = []
        for frames in came:
            if take(frames, now_ns):
                taken.append(frames)
            if len(taken) == TOGETHER_MAX:
                send(taken)
        send(taken)
        self._gathering.took(len(came), now_ns, are_more=self._intake.holds)

    def _publish(self, outcome: Outcome) -> None:
        if outcome.decisions and self._journaled(outcome):
            for decision in outcome.decisions:
                self._republisher.publish(encode(decision))
        self._report(outcome.faults)
        self._republisher.publish(outcome.frames)
        if outcome.digest is not None:
            self._republisher.publish(outcome.digest)

    def _report(self, faults: Iterable[StrategyFault]) -> None:
        for fault in faults:
            self._log.error(
                "strategy lost its turn",
                strategy=fault.strategy,
                reason=fault.reason,
                sits_out_views=fault.sits_out_views,
                trace=fault.trace,
            )

    def _journaled(self, outcome: Outcome) -> bool:
        """Whether the decisions are on disk; those that are not are withheld, and their `seq` shows it."""
        try:
            self._journal.append(msgspec.Raw(outcome.frames[1]), outcome.decisions, outcome.states)
        except OSError as error:
            self.core.withheld += len(outcome.decisions)
            if self.withheld.add(len(outcome.decisions), error.strerror or type(error).__name__):
                self._tell_withheld()
            return False
        if self._node.shard is not None:
            states.keep(journal_dir(self._node.state_dir), outcome)
        if self.withheld.is_over():
            self._log.warning("decisions are kept and sent again", withheld=self.withheld.total)
        return True

    def _tell_withheld(self) -> None:
        self._log.error(
            "decisions withheld: the journal cannot be written",
            reason=self.withheld.reason,
            decisions=self.withheld.total,
        )

    def _wait_ms(self) -> int:
        if self._intake.holds:
            return 0
        now_ns = self._time.now_ns()
        until_ns = min(self.core.due_ns, self._republisher.due_ns, self._time.of(self._intake.due_ns))
        return max(0, -(-(until_ns - now_ns) // NS_PER_MS))

    def _housekeeping(self, link: Link, now_ns: int) -> None:
        if now_ns >= self._look_ns:
            self._look_ns = now_ns + LOOK_MS * NS_PER_MS
            self._sources.look()
            if (processes := self._supervision.news()) is not None:
                self.core.board.tell(processes, now_ns)
            if self._overview is not None and (told := self._overview.news()) is not None:
                self.core.cluster = told.cluster, now_ns - (monotonic_ns() - told.monotonic_ns)
        if now_ns >= self._beat_ns:
            self._beat_ns = now_ns + int(AGGREGATOR_HEARTBEAT_S * NS_PER_S)
            core = self.core
            core.forget(now_ns)
            silent, doubted = core.board.silent(now_ns), core.board.doubted(now_ns)
            if True in [put_back() for put_back in self.put_back]:
                self._log.warning("somebody removed the lock or a socket, made again")
            link.beat(
                epoch=core.epoch,
                markets=len(core.board.entries),
                silent=len(silent),
                messages=core.taken,
                missed=core.missed,
                rejected=sum(core.rejected.values()),
                decisions=core.decided,
                withheld=self.withheld.total,
                sources=core.board.carried.heard(now_ns),
                failing=failing(core.runner.states()),
                settling=doubted["settling"][:DOUBTED_MAX],
                behind=doubted["behind"][:DOUBTED_MAX],
                behind_markets=len(doubted["behind"]),
            )
        self._keeper.keep(self.core.outcomes, now_ns)
        if now_ns >= self._reconcile_ns + int(RECONCILE_S * NS_PER_S):
            self._reconcile_ns = now_ns
            self._reconcile(now_ns)

    def _reconcile(self, now_ns: int) -> None:
        if not self._is_settled:  # by now every market has spoken
            self._is_settled = True
            settle_memory()
        self.core.journal_bytes = self._journal.bytes()
        silent = self.core.board.silent(now_ns)
        if silent:
            self._log.warning("markets are not heard", reason=troubled(silent), markets=len(silent))
        if behind := self.core.board.behind(now_ns):
            reason = troubled(dict.fromkeys(behind, "behind"))
            self._log.warning("newest scores do not come", reason=reason, markets=len(behind))
        waiting_ns = now_ns - self.core.caught_up_ns
        if waiting_ns > self.core.board.silent_after_ns:
            self._log.warning("more comes than can be taken", since_s=round(waiting_ns / NS_PER_S, 1))
        if self.withheld.reason:
            self._tell_withheld()
        if (rejected := self.core.rejected | self.core.board.carried.faults()) != self._rejected_told:
            self._rejected_told = rejected
            self._log.warning("messages rejected so far", reasons=self._rejected_told)

    def _heed_signals(self) -> None:
        try:
            numbers = os.read(self._signals, WAKE_BYTES_MAX)
        except BlockingIOError:
            return
        if any(number in numbers for number in STOPS):
            self._stopping = True
        elif signal.SIGHUP in numbers:
            self._reload()

    def _reload(self) -> None:
        """Read the config again; a faulty one changes nothing."""
        try:
            node = load_node(self._config)
            strategies = self._load(node)
            self._republisher.reload()
        except SignalnodeError as error:
            self._log.error("reload refused, going on as before", reason=str(error))
            return
        old, new = set(self._node.markets), set(node.markets)
        for market in sorted(new - old):
            self._intake.connect(scores_endpoint(node.runtime_dir, market))
        for market in sorted(old - new):
            self._intake.disconnect(scores_endpoint(self._node.runtime_dir, market))
        self.core.expect(node.markets, node.assets)
        self.core.outcomes.forget(self._keeper.changed(formulas_of(node)))
        self._report(self.core.runner.replace(objects_of(strategies), self._time.now_ns()))
        swapped = {name for name, each in self._strategies.items() if strategies.get(name) is not each}
        self._tell_forgetful([name for name in self.core.runner.forgetful() if name in swapped])
        self._sources.follow(node.aggregator)
        self._node, self._strategies, self._is_settled = node, strategies, False
        if reason := elsewhere(node.aggregator, len(new), is_apart=self._relating is not None):
            self._log.warning("markets are related as at the start", reason=reason)
        self._log.info("reloaded", markets=len(new), strategies=list(strategies))

    def _load(self, node: NodeSettings) -> dict[str, Loaded]:
        return load_strategies(node.strategies, node.path or self._config, STRATEGIES, self._strategies)

    def _tell_forgetful(self, names: list[str]) -> None:
        """Say which strategies begin anew, and may enter again what they hold already."""
        if names:
            self._log.warning(
                "strategies start afresh",
                strategies=names,
                reason="without state() and restore() they may decide again what they decided before",
            )


def _epoch(node: NodeSettings, log: logs.Logger) -> int:
    grant = node.shard.grant if node.shard else 0
    epoch, fault, wait_ns = next_epoch(journal_dir(node.state_dir), wall_ns(), grant)
    if fault:
        log.warning("the epoch is from the clock, and is not kept", reason=fault)
        pause(wait_ns)
    return epoch
