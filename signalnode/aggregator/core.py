"""Layer 5 without its sockets: frames and `now` in; frames to re-publish, views and decisions out.

Everything is a function of the sequence of calls, so that recorded scores give the same decisions, bit for
bit: `advance(now)` first, which does what was due up to then at the times it was due, then `take` with the
same now.
"""

from __future__ import annotations

import weakref
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from signalnode.aggregator.board import Board
from signalnode.aggregator.digests import DigestWriter
from signalnode.aggregator.kept import KeptOutcomes
from signalnode.aggregator.measures.core import Measures
from signalnode.aggregator.measures.gaps import Gaps
from signalnode.aggregator.measures.grid import Relating
from signalnode.aggregator.runner import StrategyFault, StrategyRunner
from signalnode.bus.cluster import ClusterState, aged
from signalnode.bus.digest_reader import DigestReader
from signalnode.bus.relations import TOPIC as RELATIONS
from signalnode.bus.sequence import DROP, SequenceTracker
from signalnode.bus.snapshot import Ring, RingRequest, answer
from signalnode.bus.topics import STREAMS
from signalnode.bus.wire import (
    DELAYS_S,
    DecisionMessage,
    End,
    Layer5State,
    MarketState,
    Score,
    ViewMessage,
    WireError,
    decode,
    encode,
)
from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.names import asset_of
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import View

DELAYS_NS = tuple(int(each * NS_PER_S) for each in DELAYS_S)
CATCH_UP_MAX = 20  # views made up for after a pause; older ones are skipped, nobody can act on them


@dataclass(slots=True)
class Decided:
    """What was decided on one view of these markets, and what went wrong in strategies."""

    time_ns: int
    markets: dict[str, MarketState]
    decisions: list[DecisionMessage]
    faults: list[StrategyFault]


@dataclass(slots=True)
class Outcome:
    """What one view brought: its message, the decisions taken on it, and what went wrong in strategies."""

    view: ViewMessage
    frames: list[bytes]  # of that message
    digest: list[bytes] | None = None  # where somebody asks for it
    decisions: list[DecisionMessage] = field(default_factory=list)
    faults: list[StrategyFault] = field(default_factory=list)
    states: dict[str, msgspec.Raw] = field(default_factory=dict)  # of the strategies, where any decided


class Delays:
    """Scores counted by how long they were on their way; a clock that was set makes none below 0."""

    def __init__(self) -> None:
        self.counts = [0] * (len(DELAYS_S) + 1)
        self.sum_ns = 0

    def add(self, delay_ns: int) -> None:
        """Count one."""
        delay_ns = max(delay_ns, 0)
        self.counts[bisect_left(DELAYS_NS, delay_ns)] += 1
        self.sum_ns += delay_ns


class Aggregator:
    """Board, measures and strategies. `now_ns`: ns since 1970, on one time line that never steps back.

    With `is_alone` nobody hears it: a replay, which calls `hear` and `decide`. Then what no strategy asks for
    is not worked out.
    """

    def __init__(
        self,
        settings: AggregatorSettings,
        markets: Iterable[str],
        runner: StrategyRunner,
        epoch: int,
        now_ns: int,
        *,
        assets: Mapping[str, str] | None = None,
        writer: DigestWriter | None = None,
        relating: Relating | None = None,
        is_alone: bool = False,
    ) -> None:
        self.board = Board(markets, settings.silent_after_s, settings.settle_s, settings.source_gone_s)
        self.ring = Ring(settings.ring_messages_max)
        self.runner = runner
        self.epoch = epoch
        self.rejected: dict[str, int] = {}
        self.taken = 0
        self.missed = 0
        self.decided = 0
        self.withheld = self.journal_bytes = 0  # whoever keeps the journal says so
        self.caught_up_ns = 2**63 - 1  # when nothing waited to be taken; whoever reads the sockets says so
        self.cluster: tuple[ClusterState, int] | None = None  # as it was told last, and when
        self.view_seq = 0
        self.view_frames: list[bytes] | None = None
        self.is_digest_wanted = False
        self._writer = writer or DigestWriter("", "")
        self._digests = DigestReader()
        self._streams: dict[str, SequenceTracker] = {}  # of carried markets that somebody asked for
        self._measures = Measures(settings, self.board, relating, waits=is_alone)
        self._later: dict[str, Callable[[], Any]] = {
            "regime": self._measures.regime,
            "measures": self._measures.numbers,
            "relations": self._measures.relations,
            "outcomes": self._measures.learnt,
        }
        self._shown: weakref.ref[View] | None = None  # the newest view of a replay, while somebody keeps it
        self.outcomes = self._measures.outcomes
        self._gaps = Gaps()
        self.expect(list(self.board.entries), assets)
        self._bytes_max = settings.message_bytes_max
        self._delays = Delays()
        self._ahead_ns = 0
        self._interval_ns = settings.view_interval_ms * NS_PER_MS
        self._next_ns = (now_ns // self._interval_ns + 1) * self._interval_ns

    def go_on(self, kept: KeptOutcomes, now_ns: int) -> None:
        """Go on with outcomes that an aggregator before this one has learnt; before the first view."""
        self._measures.go_on(kept, now_ns)

    @property
    def due_ns(self) -> int:
        """When the next view is to be made."""
        return self._next_ns

    def take(self, frames: Sequence[bytes], now_ns: int) -> bool:
        """Take what an engine sent; whether it is to be re-published. What is wrong is counted by reason."""
        try:
            message = decode(frames, self._bytes_max)
        except WireError as error:
            return self._reject(error.reason)
        kind = type(message)
        if isinstance(message, (ViewMessage, DecisionMessage)):
            return self._reject("kind")
        entry = self.board.own.get(message.market)
        if entry is None:
            return self._reject("market")
        delay_ns = now_ns + self._ahead_ns - message.time_published_ns
        # Clocks may be set, or be of another machine; what was read since the last time that nothing waited
        # is no older than that.
        late_ns = max(0, min(delay_ns, now_ns - self.caught_up_ns))
        missing = self.board.take_into(entry, message, now_ns, late_ns)
        if missing == DROP:
            return False
        self.taken += 1
        self.missed += missing
        if kind is Score:
            self._delays.add(delay_ns)
            self.ring.add(message.market, message.epoch, message.seq, frames)
        elif kind is End:
            self.ring.ended(message.market, frames)
        return True

    def hear(self, score: Score, now_ns: int) -> bool:
        """As `take`, of a score that came over no wire; it is not kept for late joiners."""
        missing = self.board.take(score, now_ns)
        if missing == DROP:
            return False
        self.taken += 1
        self.missed += missing
        return True

    def take_digest(self, frames: Sequence[bytes], now_ns: int, waited_ns_max: int = 0) -> None:
        """Take what another aggregator says of its markets, and what has waited so long at the most; what is
        wrong is counted by reason.
        """
        try:
            digest = self._digests.read(frames)
        except WireError as error:
            self._reject(error.reason)
            return
        beyond = self.board.carried.rejected
        # As with a message: another host's clock says how old it is no further than it can have waited here.
        delay_ns = now_ns + self._ahead_ns - digest.time_published_ns
        if self.board.carry(digest, now_ns - max(0, min(delay_ns, waited_ns_max))):
            self._group()
        if self.board.carried.rejected > beyond:
            self._reject("room")

    def take_stream(self, frames: Sequence[bytes]) -> bool:
        """Take what a source sends of a market that was asked for; whether it is to be re-published.

        The board goes by digests alone; here older epochs than it knows, and repetitions, are left out.
        """
        try:
            message = decode(frames, self._bytes_max)
        except WireError as error:
            return self._reject(error.reason)
        if isinstance(message, (ViewMessage, DecisionMessage)):
            return self._reject("kind")
        market = message.market
        if market not in self.board.carried.places or message.epoch < self.board.carried.epoch(market):
            return self._reject("market")
        place = self._streams.setdefault(market, SequenceTracker())
        number, is_score = (message.epoch, message.seq), type(message) is Score
        is_end = type(message) is End
        missing = place.score(*number) if is_score else place.last(*number, is_end)
        if missing != DROP and is_score:
            self.ring.add(market, *number, frames)
        elif missing != DROP and is_end:
            self.ring.ended(market, frames)
        return missing != DROP

    def let_go(self, market: str) -> None:
        """Nobody asks for the stream of a carried market any more."""
        if self._streams.pop(market, None) is not None:
            self.ring.forget(market)

    def let_go_but(self, topics: Collection[bytes]) -> None:
        """Let those streams go that none of these subscriptions means any more."""
        for market in list(self._streams):
            own = [kind + market.encode() for kind in STREAMS]
            if not any(each.startswith(topic) for each in own for topic in topics):
                self.let_go(market)

    def forget(self, now_ns: int) -> None:
        """Let carried markets go that have left."""
        gone = self.board.forget(now_ns)
        self._digests.keep_to(self.board.carried.is_source)
        for market in gone:
            self.let_go(market)
        if gone:
            self._group()

    def advance(self, now_ns: int, ahead_ns: int = 0) -> list[Outcome]:
        """Make every view that was due by `now_ns`, each at its own time, and let strategies decide on it.

        Messages are stamped `ahead_ns` later, which is the wall clock's lead over this time line.
        """
        self._ahead_ns = ahead_ns
        return [self._view(at_ns, ahead_ns) for at_ns in self._due(now_ns)]

    def decide(self, now_ns: int) -> list[Decided]:
        """As `advance`, where nobody hears it: no messages are made of views."""
        return [self._decided(at_ns) for at_ns in self._due(now_ns)]

    def _due(self, now_ns: int) -> Iterator[int]:
        behind = (now_ns - self._next_ns) // self._interval_ns
        if behind > CATCH_UP_MAX:
            self._next_ns += (behind - CATCH_UP_MAX) * self._interval_ns
        while self._next_ns <= now_ns:
            yield self._next_ns
            self._next_ns += self._interval_ns

    def expect(self, markets: Iterable[str], assets: Mapping[str, str] | None = None) -> None:
        """From now on these markets, without losing what is known of those that stay. `assets` says what
        each quotes, where its name does not.
        """
        wanted = list(markets)
        for gone in set(self.board.own) - set(wanted):
            self.ring.forget(gone)
        self.board.expect(wanted)
        self._assets = dict(assets or {})
        self._group()

    def newest(self, prefixes: Collection[bytes]) -> list[list[bytes]]:
        """What late joiners who subscribed to `prefixes` are sent, once each.

        That is newest scores and ends, and the newest view; the work does not grow with the prefixes.
        """
        lengths = {len(prefix) for prefix in prefixes}
        found = [list(frames) for market in self.ring.markets() for frames in self.ring.newest(market)]
        if self.view_frames is not None:
            found.append(self.view_frames)
        return [frames for frames in found if any(frames[0][:length] in prefixes for length in lengths)]

    def answer(self, request: RingRequest) -> list[bytes]:
        """The frames that answer a question."""
        if request.ask == "relations":
            return answer(request, [(RELATIONS, self._measures.relating.packed())])
        return self.ring.answer(request)

    def _group(self) -> None:
        """Compare each market with those that quote the same."""
        self._gaps.expect({name: asset_of(name) for name in self.board.entries} | self._assets)

    def _view(self, at_ns: int, ahead_ns: int) -> Outcome:
        self.view_seq += 1
        self._measures.update(at_ns)
        markets = self.board.markets(at_ns)
        gaps = self._gaps.update(markets, at_ns)
        view = View(
            at_ns,
            self.view_seq,
            markets,
            regime=self._measures.regime(),
            measures=self._measures.numbers(),
            relations=self._measures.relations(),
            gaps=gaps,
            outcomes=self.outcomes,
            columns=self.board.columns(at_ns),
        )
        decisions, faults = self.runner.decide(view, self.epoch, ahead_ns)
        self.decided += len(decisions)
        states, lost = self.runner.keep() if decisions else ({}, [])
        message = ViewMessage(
            v=1,
            epoch=self.epoch,
            seq=self.view_seq,
            time_published_ns=at_ns + ahead_ns,
            markets=markets,
            regime=dict(view.regime),
            measures=dict(view.measures),
            relations=self._measures.relating.strongest(),
            strategies=self.runner.states(),
            gaps=gaps,
            outcomes={
                market: each.told()
                for market, each in self.outcomes.in_turn(self._interval_ns / NS_PER_S).items()
            },
            layer5=self._state(at_ns),
            cluster=self._cluster(at_ns),
        )
        self.view_frames, digest = encode(message), None
        if self.is_digest_wanted:
            place, published_ns = (self.epoch, self.view_seq), message.time_published_ns
            digest = self._writer.frames(self.board, at_ns, place, published_ns)
        return Outcome(message, self.view_frames, digest, decisions, faults + lost, states)

    def _decided(self, at_ns: int) -> Decided:
        if self._shown is not None and (kept := self._shown()) is not None:
            kept.settle()  # before there is more to know than it may say
        self.view_seq += 1
        self._measures.update(at_ns)
        markets = self.board.markets(at_ns)
        gaps, columns = self._gaps.update(markets, at_ns), self.board.columns(at_ns)
        view = View(at_ns, self.view_seq, markets, gaps=gaps, later=self._later, columns=columns)
        self._shown = weakref.ref(view)
        decisions, faults = self.runner.decide(view, self.epoch)
        self.decided += len(decisions)
        return Decided(at_ns, markets, decisions, faults)

    def _state(self, at_ns: int) -> Layer5State:
        return Layer5State(
            rejected=sum(self.rejected.values()),
            withheld=self.withheld,
            journal_bytes=self.journal_bytes,
            delays=list(self._delays.counts),
            delays_sum_s=self._delays.sum_ns / NS_PER_S,
            sources=self.board.carried.sources(at_ns),
        )

    def _cluster(self, at_ns: int) -> ClusterState | None:
        if self.cluster is None:
            return None
        told, told_ns = self.cluster
        return aged(told, max(0, at_ns - told_ns) / NS_PER_S)

    def _reject(self, reason: str) -> bool:
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        return False
