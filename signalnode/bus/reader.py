"""The subscriber's decisions without its sockets: frames and `now` in, messages and requests out.

ZeroMQ drops messages without an error, so what is missing shows in the numbers alone. An engine's scores are
at places (epoch, seq): the epoch rises with every start, seq counts its scores from 1; heartbeats and the end
carry the last seq. A reader that is at (e, n) lacks, when it hears

    a score (e, n + k)             the k − 1 scores between
    a heartbeat or end (e, n + k)  k scores, the last of them too
    either of an epoch f > e       so many of epoch f; and of epoch e, nobody knows how many
    the score (e, n)               nothing, and has one more where only a heartbeat had told of it so far
    anything up to (e, n)          nothing: it came twice, or from an engine that is no more

What is lacking is asked for: the aggregator's ring has the last scores of each market, and answers a request
for those strictly between two places. The answer comes by another socket, sooner or later than what follows,
so a market is in one of two states:

    in order   a message is handed out as it comes; one that leaves a gap opens a repair
    repairing  messages are held, in order; another gap among them is asked for as well
               → in order when all is answered, REPAIR_TIMEOUT_S is over, or HELD_MAX are held

and at its end the recovered scores are handed out among the held messages, each at its place. So a user sees
a market's scores in order, once each. What did not come after all is counted as missed; of it, as `upstream`
what the ring, being complete back to the place asked for, never had either.

Two things no later message can tell: what was published before the first one heard, and the last scores, or
the end, of a market that then falls silent. So the newest of each market is asked for at the start (subscribe
first, ask then, take what is newer: nothing can fall between), and that of silent markets every ASK_SILENT_S.

A reader of the newest only asks for what a heartbeat or end tells of, until a newer score is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from signalnode.bus.outbox import Outbox
from signalnode.bus.sequence import DROP, SequenceTracker
from signalnode.bus.snapshot import REQUEST_MARKETS_MAX, Place, RingRequest, decode_reply
from signalnode.bus.wire import (
    SILENT_AFTER_S,
    DecisionMessage,
    End,
    Heartbeat,
    MarketMessage,
    Message,
    Score,
    ViewMessage,
    WireError,
    decode,
    topic_of,
)
from signalnode.clock import NS_PER_S

StreamState = Literal["live", "repairing", "silent", "unread", "ended", "unheard"]

REPAIR_TIMEOUT_S = 0.25  # an answer takes about 1 ms; longer, and the ring's owner is gone
ASK_SILENT_S = 3.0
HELD_MAX = 1_000  # messages of one market that wait for a repair
REPAIRS_MAX = 64  # requests under way; further gaps wait for an answer, each until its own deadline
GAPS_MAX = 4_096  # asked after or waiting to be; more at once are counted and not repaired
WAITING_MAX = 16_384  # messages that wait for a reader of the newest: two of each market, and events
# As many as an aggregator over others carries; a hostile publisher cannot grow our tables.
MARKETS_MAX = 65_536


@dataclass(slots=True)
class Counts:
    """What one market's stream went through, as seen here."""

    received: int = 0  # scores handed out
    missed: int = 0  # scores that were sent and never came, after repair
    upstream: int = 0  # of the missed: those that never reached the aggregator either
    recovered: int = 0  # scores missed at first and got from the ring
    duplicates: int = 0  # sent again for late joiners, or twice
    older: int = 0  # of an epoch that is over
    skipped: int = 0  # scores passed over for a newer one, as `newest` wants it
    overdue: int = 0  # scores dropped because they were older than max_age_s, or as far in the future
    planned_stops: int = 0
    crashes: int = 0  # a new epoch without an `end` of the one before
    lag_s: float = 0.0  # from publication to here, of the newest message


@dataclass(slots=True)
class _Repair:
    """What a market under repair waits for, and what waits behind it."""

    deadline_ns: int
    held: list[Message] = field(default_factory=list)
    recovered: list[Score] = field(default_factory=list)
    waiting: dict[int, int] = field(default_factory=dict)  # request id → scores asked for, −1 unknown


@dataclass(slots=True)
class _Market:
    sequence: SequenceTracker = field(default_factory=SequenceTracker)
    counts: Counts = field(default_factory=Counts)
    heard_ns: int = 0
    newest: Score | None = None
    repair: _Repair | None = None
    repaired: int = 0  # of the scores the sequence counted as missed: those that came after all


class Reader:
    """Pure core of a subscription. `now_ns` is monotonic, for waiting; `wall_ns` is for ages of messages."""

    def __init__(
        self,
        markets: Collection[str] = (),
        kinds: Collection[str] = ("score",),
        max_age_s: float | None = 5.0,
        repair: bool = True,
        newest: bool = False,
    ) -> None:
        self._wanted = frozenset(markets)
        self._kinds = frozenset(kinds)
        self._max_age_ns = None if max_age_s is None else int(max_age_s * NS_PER_S)
        self._repairs = repair
        self._markets: dict[str, _Market] = {}
        self._places: dict[bytes, Place] = {}  # of the newest view, and of each strategy's newest decision
        self._asked: dict[int, str] = {}
        self._under_way: set[int] = set()  # of the asked: those that were sent
        self._request_id = 0
        self._ask_silent_ns = 0
        self._is_newest = newest
        self._out = Outbox(newest)
        self.requests: deque[RingRequest] = deque()
        self.rejected: dict[str, int] = {}
        self.answered = False  # somebody answers questions there, whether or not our markets speak

    def connected(self) -> None:
        """The sockets are on their way: ask for the newest of each market."""
        if self._repairs:
            self._request_id += 1
            self.requests.append(RingRequest(id=self._request_id, ask="newest", markets=sorted(self._wanted)))

    def next_request(self) -> RingRequest | None:
        """What to send now; None if nothing, or as long as enough is under way."""
        while self.requests and len(self._under_way) < REPAIRS_MAX:
            request = self.requests.popleft()
            if request.ask == "newest":
                return request
            if request.id in self._asked:  # or its time was over before it could be sent
                self._under_way.add(request.id)
                return request
        return None

    def frames(self, frames: list[bytes], now_ns: int, wall_ns: int) -> None:
        """Take what came by subscription."""
        try:
            message = decode(frames)
        except WireError as error:
            self._reject(error.reason)
            return
        if isinstance(message, Score | Heartbeat | End):
            self._market_message(message, now_ns, wall_ns)
        elif type(message).__struct_config__.tag in self._kinds and self._is_newer(message):
            self._out.put(message)

    def reply(self, frames: list[bytes], now_ns: int, wall_ns: int) -> None:
        """Take an answer of the ring; one that came too late, or to nobody's question, is ignored."""
        try:
            header, found = decode_reply(frames)
        except WireError as error:
            self._reject(error.reason)
            return
        self.answered = True
        if header.ask == "newest":
            for each in found:
                self.frames(each, now_ns, wall_ns)
            return
        self._under_way.discard(header.id)
        market = self._asked.pop(header.id, None)
        known = self._markets.get(market) if market is not None else None
        if known is None or known.repair is None:
            return
        asked = known.repair.waiting.pop(header.id, -1)
        known.repair.recovered += self._recovered(found, market, known)
        if header.complete and asked >= 0:
            known.counts.upstream += max(asked - len(found), 0)
        if not known.repair.waiting:
            self._release(known, wall_ns)

    def expire(self, now_ns: int, wall_ns: int) -> None:
        """Give up waiting for repairs whose time is over, and ask after markets that fell silent."""
        self._ask_silent(now_ns)
        for market in set(self._asked.values()):
            repair = self._markets[market].repair
            if repair is not None and now_ns >= repair.deadline_ns:
                self._release(self._markets[market], wall_ns)

    def deadline_ns(self) -> int | None:
        """When `expire` has something to do; None if nothing is under repair."""
        repairs = (self._markets[name].repair for name in self._asked.values())
        return min((r.deadline_ns for r in repairs if r is not None), default=None)

    def take(self, wall_ns: int) -> Message | None:
        """The next message for the user, None if there is none.

        A score is judged again: it may have grown old here, behind others that the user was busy with.
        """
        while (message := self._out.pop()) is not None:
            if not isinstance(message, Score) or not self._overdue(message, wall_ns):
                return message
            counts = self._markets[message.market].counts
            counts.received, counts.overdue = counts.received - 1, counts.overdue + 1
        return None

    def has_room(self) -> bool:
        """Whether more may be read: of the newest at any time, of all else once what came is handed out."""
        return len(self._out) < WAITING_MAX if self._is_newest else not self._out

    def counts(self) -> dict[str, Counts]:
        """The counts of each market by its name, up to date."""
        for market in self._markets.values():
            sequence, counts = market.sequence, market.counts
            counts.missed = sequence.missed - market.repaired
            counts.upstream = min(counts.upstream, counts.missed)  # one that came late was counted here
            counts.duplicates, counts.older, counts.crashes = (
                sequence.duplicates,
                sequence.older,
                sequence.crashes,
            )
        return {name: market.counts for name, market in self._markets.items()}

    def state(self, market: str, now_ns: int) -> StreamState:
        """`unheard`, `ended` (a planned stop), `silent` (crash, hang, cut), `repairing` (a gap), `live`.

        Never `unread`: what waits in a socket is not known here.
        """
        known = self._markets.get(market)
        if known is None:
            return "unheard"
        if known.sequence.ended:
            return "ended"
        if now_ns - known.heard_ns > SILENT_AFTER_S * NS_PER_S:
            return "silent"
        return "repairing" if known.repair is not None else "live"

    def newest(self, market: str, wall_ns: int) -> Score | None:
        """The newest score of `market`, None if there is none or it is older than max_age_s."""
        known = self._markets.get(market)
        if known is None or known.newest is None or self._overdue(known.newest, wall_ns):
            return None
        return known.newest

    def _is_newer(self, message: ViewMessage | DecisionMessage) -> bool:
        """The newest view comes again whenever somebody joins, as the newest scores do."""
        topic, place = topic_of(message), (message.epoch, message.seq)
        if place <= self._places.get(topic, (-1, 0)):
            return False
        if len(self._places) < MARKETS_MAX or topic in self._places:
            self._places[topic] = place
        return True

    def _market_message(self, message: MarketMessage, now_ns: int, wall_ns: int) -> None:
        if self._wanted and message.market not in self._wanted:
            return  # ZeroMQ matches by prefix: score.BTC-USD brings score.BTC-USDT as well
        market = self._markets.get(message.market)
        if market is None:
            if len(self._markets) >= MARKETS_MAX:
                self._reject("market")
                return
            market = self._markets[message.market] = _Market()
        sequence = market.sequence
        before = (sequence.epoch, sequence.seq)
        if isinstance(message, Score):
            missing = sequence.score(message.epoch, message.seq)
        else:
            missing = sequence.last(message.epoch, message.seq, isinstance(message, End))
        if missing == DROP:
            return
        market.heard_ns = now_ns
        market.counts.lag_s = (wall_ns - message.time_published_ns) / NS_PER_S
        is_newest_here = self._is_newest and isinstance(message, Score)
        if is_newest_here:
            self._release(market, wall_ns)
        elif before[0] >= 0 and (missing > 0 or message.epoch != before[0]):
            self._ask(market, message, before, missing, now_ns)
        if market.repair is None:
            self._hand_out(market, message, wall_ns)
            return
        market.repair.held.append(message)
        if len(market.repair.held) >= HELD_MAX:
            self._release(market, wall_ns)

    def _ask_silent(self, now_ns: int) -> None:
        """A silent market's last scores, or its end, may be what was lost: nothing later would ever tell."""
        if not self._repairs or now_ns < self._ask_silent_ns:
            return
        self._ask_silent_ns = now_ns + int(ASK_SILENT_S * NS_PER_S)
        silent = [name for name in self._markets if self.state(name, now_ns) == "silent"]
        if silent:
            self._request_id += 1
            request = RingRequest(id=self._request_id, ask="newest", markets=silent[:REQUEST_MARKETS_MAX])
            self.requests.append(request)

    def _ask(self, market: _Market, message: MarketMessage, before: Place, missing: int, now_ns: int) -> None:
        if not self._repairs or len(self._asked) >= GAPS_MAX:
            return
        self._request_id += 1
        until = message.seq if isinstance(message, Score) else message.seq + 1
        self.requests.append(
            RingRequest(
                id=self._request_id,
                ask="missed",
                markets=[message.market],
                after=before,
                before=(message.epoch, until),
            )
        )
        self._asked[self._request_id] = message.market
        if market.repair is None:
            market.repair = _Repair(now_ns + int(REPAIR_TIMEOUT_S * NS_PER_S))
        # how many the dead epoch sent after its last message here is known to nobody
        market.repair.waiting[self._request_id] = missing if message.epoch == before[0] else -1

    def _recovered(self, found: list[list[bytes]], market: str | None, known: _Market) -> list[Score]:
        """The scores of an answer that did not come by themselves meanwhile, as the newest may."""
        assert known.repair is not None
        held = {(each.epoch, each.seq) for each in known.repair.held if isinstance(each, Score)}
        scores = []
        for frames in found:
            try:
                message = decode(frames)
            except WireError as error:
                self._reject(error.reason)
                continue
            if not isinstance(message, Score) or message.market != market:
                continue
            if (message.epoch, message.seq) not in held:
                known.sequence.found(message.epoch, message.seq)
                scores.append(message)
        return scores

    def _release(self, market: _Market, wall_ns: int) -> None:
        repair = market.repair
        if repair is None:
            return
        market.repair = None
        for request in repair.waiting:
            self._asked.pop(request, None)
            self._under_way.discard(request)
        recovered = deque(sorted(repair.recovered, key=lambda score: (score.epoch, score.seq)))
        for message in repair.held:
            place = (message.epoch, message.seq)
            while recovered and (recovered[0].epoch, recovered[0].seq) <= place:
                score = recovered.popleft()
                market.counts.recovered += 1
                # what a dead epoch sent after the last we heard of it was never counted as missed
                market.repaired += score.epoch == message.epoch
                self._hand_out(market, score, wall_ns)
            self._hand_out(market, message, wall_ns)

    def _hand_out(self, market: _Market, message: Message, wall_ns: int) -> None:
        if isinstance(message, Score):
            market.newest = message
            if self._overdue(message, wall_ns):
                market.counts.overdue += 1
                return
            market.counts.received += 1
        elif isinstance(message, End):
            market.counts.planned_stops += 1
        if type(message).__struct_config__.tag in self._kinds:
            skipped = self._out.put(message)
            if isinstance(skipped, Score):
                market.counts.received -= 1
                market.counts.skipped += 1

    def _overdue(self, score: Score, wall_ns: int) -> bool:
        """An age below 0 by as much is none: one of two clocks was set, and nobody knows how old it is."""
        return self._max_age_ns is not None and abs(wall_ns - score.time_published_ns) > self._max_age_ns

    def _reject(self, reason: str) -> None:
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
