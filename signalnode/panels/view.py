"""What a panel shows: the newest message of each market and now, as rows. Pure: messages and time go in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from signalnode.bus.cluster import ClusterState, aged
from signalnode.bus.sequence import DROP, SequenceTracker
from signalnode.bus.wire import (
    NOT_RUNNING,
    SILENT_AFTER_S,
    DecisionMessage,
    End,
    Health,
    MarketMessage,
    MarketState,
    Message,
    ProcessState,
    Score,
    ViewMessage,
)
from signalnode.clock import NS_PER_S
from signalnode.panels.status import BEHIND, SETTLING, SOUND, tried
from signalnode.settings.cluster import CLUSTER_MARKETS_MAX

EVENTS_MAX = 4  # newest lines of the log under the table
DECISIONS_MAX = 3  # newest decisions under the table
DECIDED_MAX = 500  # newest decisions kept, for whoever opens a market or asks for them
PRELUDE = frozenset({"", "forkserver"})  # who speaks before the first child is started
NEWS = frozenset({"child gave up", "reloaded"})
DOUBTS = frozenset({SETTLING, BEHIND})  # what Layer 5 knows of a market that says itself that it is well


@dataclass(slots=True)
class Market:
    """What has been heard of one market. Times are monotonic."""

    note: str = ""  # where its events come from, for example "synthetic"
    score: Score | None = None
    last: MarketMessage | None = None
    heard_ns: int = 0
    missed: int = 0  # scores that were sent and never came
    process: ProcessState | None = None  # as the supervisor says, by the newest view
    told_ns: int = 0  # since when it says so
    doubt: str = ""  # of Layer 5, by the newest view: one of DOUBTS
    said_ns: int = 0  # when what comes of it was said, where that is long ago
    sequence: SequenceTracker = field(default_factory=SequenceTracker)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel."""

    market: str
    note: str
    status: str  # the engine's own, or `settling`, `waiting`, `silent`, `ended`, or the state of its process
    mid: float
    scores: dict[str, float | None]  # None: without evidence
    warm: float
    age_s: float | None  # since what was heard last was said; None before the first message
    seq: int
    epoch: int
    missed: int
    restarts: int = 0  # of its process, since the supervisor started
    why: str = ""  # its process stands so, or was started again
    trouble: str = ""  # with the data of a live market


@dataclass(slots=True)
class PanelView:
    """All that a panel knows."""

    endpoint: str
    page: str = ""  # where the web page of this node is, if it has one
    markets: dict[str, Market] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)  # of every market of the config
    config_option: str = ""  # what a command needs to find the same node
    events: deque[str] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    regime: dict[str, float] = field(default_factory=dict)  # strengths, 0 to 100, from the newest view
    decisions: deque[str] = field(default_factory=lambda: deque(maxlen=DECISIONS_MAX))
    decided: deque[DecisionMessage] = field(default_factory=lambda: deque(maxlen=DECIDED_MAX))
    failing: list[str] = field(default_factory=list)  # strategies that fail, from the newest view
    busy: str = ""  # what the node is doing before the first score, for example compiling
    started_ns: int = 0
    is_heard: bool = False  # anything at all
    cluster: tuple[ClusterState, int] | None = None  # as the newest view says, and when that came

    def expect(self, notes: Mapping[str, str]) -> None:
        """Show these markets, whether or not they have spoken."""
        self.notes = dict(notes)
        for name, note in notes.items():
            self.markets.setdefault(name, Market()).note = note

    def take(self, message: Message, now_ns: int) -> None:
        """Take one message of any kind."""
        self.is_heard = True
        if isinstance(message, ViewMessage):
            self.regime = message.regime
            self.failing = _failing(message.strategies)
            self.cluster = (message.cluster, now_ns) if message.cluster is not None else None
            self._reconcile(message.markets, now_ns)
        elif isinstance(message, DecisionMessage):
            self.decisions.append(_sentence(message))
            self.decided.append(message)
        else:
            self._take_market(message, now_ns)

    def _reconcile(self, states: Mapping[str, MarketState], now_ns: int) -> None:
        """A view has every market of the config: after a reload some are new, and some have left."""
        self.markets = {name: self._known(name) for name in islice(states, CLUSTER_MARKETS_MAX)}
        for name, market in self.markets.items():
            state = states[name]
            market.doubt = state.state if state.state in DOUBTS else ""
            is_late = state.state == BEHIND and state.age_s is not None
            market.said_ns = now_ns - int((state.age_s or 0.0) * NS_PER_S) if is_late else 0
            if states[name].process != market.process:
                market.process, market.told_ns = states[name].process, now_ns

    def _known(self, name: str) -> Market:
        return self.markets.get(name) or Market(self.notes.get(name, ""))

    def _take_market(self, message: MarketMessage, now_ns: int) -> None:
        """An older incarnation's message is ignored."""
        known = self.markets.get(message.market)
        if known is None:
            if len(self.markets) >= CLUSTER_MARKETS_MAX:
                return
            known = self.markets[message.market] = self._known(message.market)
        if isinstance(message, Score):
            used = known.sequence.score(message.epoch, message.seq)
        else:
            used = known.sequence.last(message.epoch, message.seq, isinstance(message, End))
        if used == DROP:
            return
        known.last, known.heard_ns = message, now_ns
        if isinstance(message, Score):
            known.score = message
            self.busy = ""

    def count(self, missed: Mapping[str, int]) -> None:
        """Show how many scores of each market never came: whoever listens knows what it passed over."""
        for name in missed.keys() & self.markets.keys():
            self.markets[name].missed = missed[name]

    def tell(self, event: Mapping[str, object], time: str) -> None:
        """Take one event of the running node: what it does before the first score, or news worth a line,
        with the time at which it came, so that what is over does not look as if it went on.
        """
        what = str(event.get("line") or event.get("event") or "")
        child = str(event.get("child") or "")
        if self.busy and child in PRELUDE:
            self.busy = what
        elif event.get("level") in ("warning", "error", "critical") or event.get("event") in NEWS:
            why = event.get("reason") or event.get("error")
            whose = _names(event.get("strategies") or event.get("strategy"))
            self.events.append(" ".join(f"{time} {child} {what}{whose}{f': {why}' if why else ''}".split()))

    def silence(self, now_ns: int) -> str:
        """What to say where nothing was ever heard; "" else, and while it may still come."""
        if self.is_heard or self.busy or now_ns - self.started_ns < SILENT_AFTER_S * NS_PER_S:
            return ""
        return f"nothing heard yet; is the node running? See signalnode status{self.config_option}"

    def cluster_at(self, now_ns: int) -> ClusterState | None:
        """How the cluster stands that this is of, its ages as of now; None where it is of none."""
        if self.cluster is None:
            return None
        cluster, heard_ns = self.cluster
        return aged(cluster, max(0, now_ns - heard_ns) / NS_PER_S)

    def rows(self, now_ns: int) -> list[Row]:
        """A row for each market, in name order."""
        return [_row(name, market, now_ns) for name, market in sorted(self.markets.items())]


def _row(name: str, market: Market, now_ns: int) -> Row:
    last, score, process = market.last, market.score, market.process
    restarts, why = (process.restarts, process.why) if process else (0, "")
    if last is None:
        waiting = _status(market, "waiting", now_ns)
        return Row(name, market.note, waiting, 0.0, {}, 0.0, None, 0, 0, 0, restarts, why)
    age_s = (now_ns - (market.said_ns or market.heard_ns)) / NS_PER_S
    return Row(
        market=name,
        note=market.note,
        status=_status(market, last.status, now_ns),
        mid=last.mid,
        scores=known_scores(score) if score else {},
        warm=last.warm,
        age_s=age_s,
        seq=last.seq,
        epoch=last.epoch,
        missed=market.missed,
        restarts=restarts,
        why=why,
        trouble="" if last.health is None else _trouble(last.health),
    )


def _trouble(health: Health) -> str:
    """Why it is no better, and of an outage since when, after how many tries, and when the next is due."""
    if health.outage_ms is None:
        return health.reason
    next_s = None if health.next_try_ms is None else health.next_try_ms / 1e3
    return f"{health.reason}; {tried(health.outage_ms / 1e3, health.tries, next_s)}"


def _status(market: Market, said: str, now_ns: int) -> str:
    """What it said last, unless that is over; then what the supervisor says of its process, if anything."""
    if market.sequence.ended:
        return "ended"
    state = market.process.state if market.process else "up"
    if state in NOT_RUNNING and market.told_ns >= market.heard_ns:
        return state.replace("_", " ")
    if market.last is not None and now_ns - market.heard_ns <= SILENT_AFTER_S * NS_PER_S:
        return market.doubt if market.doubt and said in SOUND else said
    return state.replace("_", " ") if state != "up" else "silent" if market.last is not None else said


def known_scores(score: Score) -> dict[str, float | None]:
    """Its scores by name, None for those without evidence."""
    return {name: None if name in score.unknown else value for name, value in score.scores.items()}


def _names(given: object) -> str:
    """` mine, calm`, of one name or a list of them; what is cut at the edge comes after it."""
    names = given if isinstance(given, list) else [given] if given else []
    return f" {', '.join(map(str, names))}" if names else ""


def _failing(strategies: Mapping[str, Mapping[str, object]]) -> list[str]:
    """`strategy mine fails, 3 in a row: KeyError: 'mid'`, of each that failed lately."""
    failed = {name: state for name, state in strategies.items() if state.get("failures")}
    return [
        f"strategy {name} fails, {state['failures']} in a row: {state.get('error', '')}"
        for name, state in failed.items()
    ]


def _sentence(decision: DecisionMessage) -> str:
    """`threshold: enter long BTC-USDT 83, momentum_long above 80`."""
    markets = " ".join(decision.markets)
    head = f"{decision.strategy}: {decision.action} {decision.direction} {markets} {decision.strength:.0f}"
    return f"{head}, {decision.reasons[0]}" if decision.reasons else head


def price(mid: float) -> str:
    """Seven significant digits: `61,805.23`, `145.2310`, `0.00001234`; `-` before the first quote."""
    if mid <= 0:
        return "-"
    decimals, scaled = 6, mid
    while scaled >= 10 and decimals > 2:
        decimals, scaled = decimals - 1, scaled / 10
    while scaled < 1 and decimals < 10:
        decimals, scaled = decimals + 1, scaled * 10
    return f"{mid:,.{decimals}f}"


def rounded(score: float | None, decimals: int) -> str:
    """With so many decimals; `-` for one without evidence."""
    return "-" if score is None else f"{score:.{decimals}f}"


def columns(rows: Iterable[Row], names: Iterable[str]) -> list[str]:
    """The contract's scores in order, then whatever else markets send."""
    shown = list(names)
    for row in rows:
        shown += [name for name in row.scores if name not in shown]
    return shown
