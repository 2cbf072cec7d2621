"""The board: the newest message of each market, how old it is, and whether anyone may rely on it.

Pure: `now_ns` is a parameter, on the aggregator's own time line, which never steps back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from signalnode.aggregator.carried import Carried, CarriedEntry
from signalnode.aggregator.rows import FRESH, Rows, state_words
from signalnode.bus.digest import UNKNOWN
from signalnode.bus.digest_reader import Digest
from signalnode.bus.sequence import DROP, SequenceTracker
from signalnode.bus.wire import (
    NOT_RUNNING,
    SCORE_NAMES,
    End,
    MarketMessage,
    MarketState,
    ProcessState,
    Score,
    State,
    Status,
)
from signalnode.clock import NS_PER_S
from signalnode.scores import is_any_known
from signalnode.strategies.base import Columns

UNSOUND = frozenset({"stale", "degraded"})
ROWS_FROM = 24  # markets; of fewer, all states are sooner read one by one
Flags = npt.NDArray[np.bool_]


class Entry:
    """What the board holds of one market; its row says it once more."""

    __slots__ = (
        "behind_ns",
        "heard_ns",
        "is_unwritten",
        "message",
        "newest",
        "place",
        "process",
        "said_ns",
        "sequence",
        "settled_ns",
        "sound_ns",
        "told_ns",
    )

    def __init__(self) -> None:
        self.place = 0  # of its row
        self.is_unwritten = False  # that row says less
        self.sequence = SequenceTracker()
        self.message: MarketMessage | None = None  # of any kind: status, mid and warmth are its
        self.newest: Score | None = None
        self.process: ProcessState | None = None  # as the supervisor says
        self.told_ns = 0  # since when it says so
        self.heard_ns = 0  # when it came
        self.said_ns = 0  # when it was said: what waited in a queue is old when it comes
        self.behind_ns = 0  # since when the newest score is not here; where it is, when it was last heard of
        self.sound_ns = 0  # when it was last heard with sound data; 0 before
        self.settled_ns = 0  # until then an outage shows in its scores

    def state(self, now_ns: int, silent_after_ns: int) -> State:
        """Whether the newest scores may be used, or why not.

        `unheard`: never spoke. `ended`: a planned stop. `down`: its process is gone, as the supervisor says,
        and was not heard since. `silent`: no message for longer than a healthy engine
        allows. `behind`: a heartbeat told of a score that has not come, or of none so far; or what comes was
        said longer ago than that, so whoever reads it here does not keep up. `stale`,
        `degraded`: the engine says so. `warming`: it has no price, or for another reason no score is known.
        `settling`: heard again after an outage, for less than that took.
        """
        if self.sequence.ended:
            return "ended"
        if self._is_gone():
            return "down"
        if self.message is None:
            return "unheard"
        if now_ns - self.heard_ns > silent_after_ns:
            return "silent"
        is_late = now_ns - self.said_ns > silent_after_ns
        state = "behind" if is_late else self._as_heard(self.message.status)
        return "settling" if state == "fresh" and now_ns < self.settled_ns else state

    def hear(
        self, message: MarketMessage, now_ns: int, late_ns: int, silent_after_ns: int, settle_ns: int
    ) -> None:
        """Take what it says of itself, and said `late_ns` ago. What comes after an outage is settled when
        that is as long ago as it lasted, `settle_ns` at the most.
        """
        if message.status not in UNSOUND:
            away_ns, was = now_ns - self.sound_ns, self.message
            is_back = away_ns > silent_after_ns or (was is not None and was.status in UNSOUND)
            if is_back and self.sound_ns:
                self.settled_ns = max(self.settled_ns, now_ns + min(away_ns, settle_ns))
            self.sound_ns = now_ns
        self.message, self.heard_ns, self.said_ns = message, now_ns, now_ns - late_ns

    def _as_heard(self, status: Status) -> State:
        if not self.sequence.has_newest:
            return "behind"
        if status in ("stale", "degraded"):
            return status
        return "fresh" if self.says_something() else "warming"

    def _is_gone(self) -> bool:
        gone = self.process is not None and self.process.state in NOT_RUNNING
        return gone and self.told_ns >= self.heard_ns

    def says_something(self) -> bool:
        """Whether it has a price, and some score is known."""
        newest = self.newest
        return newest is not None and newest.mid > 0.0 and is_any_known(newest.scores, newest.unknown)


class Board:
    """The newest of each market, its own and those that other aggregators' digests carry, in this order.

    Invariant: an entry's (epoch, seq) never falls.
    """

    def __init__(
        self, markets: Iterable[str], silent_after_s: float, settle_s: float = 0.0, gone_s: float = 3_600.0
    ) -> None:
        self.silent_after_ns, self._settle_ns = int(silent_after_s * NS_PER_S), int(settle_s * NS_PER_S)
        self.own: dict[str, Entry] = {}
        self._rows, self._unwritten = Rows(), list[Entry]()
        self.carried = Carried(self.silent_after_ns, self._settle_ns, int(gone_s * NS_PER_S))
        self._processes: Mapping[str, ProcessState] = {}
        self.entries: dict[str, Entry | CarriedEntry] = {}
        self.expect(markets)

    def expect(self, markets: Iterable[str]) -> None:
        """From now on these markets: new ones are unheard, those that left are gone, the others untouched."""
        was, self.own = self.own, {name: self.own.get(name) or Entry() for name in markets}
        self.rows.arrange([entry.place if name in was else None for name, entry in self.own.items()])
        for place, entry in enumerate(self.own.values()):
            entry.place = place
        self.carried.keep_to(self.own)
        self._enter()
        self.tell(self._processes, 0)

    @property
    def rows(self) -> Rows:
        """The own markets in numbers, as they stand now."""
        for entry in self._unwritten:
            self._rows.write(entry)
            entry.is_unwritten = False
        self._unwritten.clear()
        return self._rows

    def carry(self, digest: Digest, now_ns: int) -> bool:
        """Take a digest; whether it brought markets that did not stand here."""
        before = len(self.carried.names)
        self.carried.take(digest, now_ns)
        if len(self.carried.names) == before:
            return False
        self._enter()
        return True

    def forget(self, now_ns: int) -> set[str]:
        """Let carried markets go that have left, or whose source is gone; their names."""
        if not self.carried.forget(now_ns):
            return set()
        gone = self.entries.keys() - self.own.keys() - self.carried.places.keys()
        self._enter()
        return gone

    def _enter(self) -> None:
        self.entries = {**self.own, **dict(self.carried.entries())}
        self._order = list(self.entries)
        self._places = {name: place for place, name in enumerate(self._order)}

    def tell(self, processes: Mapping[str, ProcessState], now_ns: int) -> None:
        """Take what the supervisor says of the markets' processes, by name."""
        self._processes = processes
        for name, entry in self.own.items():
            process = processes.get(name)
            if process != entry.process:
                entry.process, entry.told_ns = process, now_ns
                self._rows.tell(entry.place, process, now_ns)

    def take(self, message: MarketMessage, now_ns: int, late_ns: int = 0) -> int:
        """Put `message`, which was said `late_ns` ago, on the board; returns how many scores are missing
        before it, see `SequenceTracker`.

        DROP means that it is a duplicate, of an older epoch or of a market nobody expects, and changed
        nothing but the counts.
        """
        entry = self.own.get(message.market)
        return DROP if entry is None else self.take_into(entry, message, now_ns, late_ns)

    def take_into(self, entry: Entry, message: MarketMessage, now_ns: int, late_ns: int) -> int:
        """As `take`, where the market's entry is at hand."""
        sequence = entry.sequence
        was_behind = sequence.seq > 0 and not sequence.has_newest
        if type(message) is Score:
            missing = sequence.score(message.epoch, message.seq)
            if missing != DROP:
                entry.newest = message
        else:
            missing = sequence.last(message.epoch, message.seq, type(message) is End)
        if missing != DROP:
            entry.hear(message, now_ns, late_ns, self.silent_after_ns, self._settle_ns)
            if not entry.is_unwritten:
                entry.is_unwritten = True
                self._unwritten.append(entry)
            if not was_behind:
                entry.behind_ns = now_ns
        return missing

    def state(self, market: str, now_ns: int) -> State:
        """State of an expected market."""
        own = self.own.get(market)
        if own is None:
            return self.carried.states(now_ns)[self.carried.places[market]]
        return own.state(now_ns, self.silent_after_ns)

    def states(self, now_ns: int) -> list[State]:
        """State of every expected market, in the order of `entries`."""
        return self.own_states(now_ns) + self.carried.states(now_ns)

    def own_states(self, now_ns: int) -> list[State]:
        """State of its own markets, in the order of `own`."""
        if len(self.own) < ROWS_FROM:
            return [entry.state(now_ns, self.silent_after_ns) for entry in self.own.values()]
        return state_words(self.rows.codes(now_ns, self.silent_after_ns))

    def is_fresh(self, now_ns: int) -> Flags:
        """Which of all may be relied on, and were heard."""
        if len(self.own) < ROWS_FROM:
            own = np.array([state == "fresh" for state in self.own_states(now_ns)], np.bool_)
        else:
            own = self.rows.codes(now_ns, self.silent_after_ns) == FRESH
        return np.concatenate([own, self.carried.is_fresh(now_ns)]) if self.carried.names else own

    def silent(self, now_ns: int) -> dict[str, State]:
        """Reconciliation: who should be heard and is not, and how."""
        states = zip(self.entries, self.states(now_ns), strict=True)
        return {name: state for name, state in states if state in ("unheard", "silent", "down")}

    def doubted(self, now_ns: int) -> dict[str, list[str]]:
        """Who may say that it is well and is not relied on, by why: `settling` or `behind`."""
        found: dict[str, list[str]] = {"settling": [], "behind": []}
        for name, state in zip(self.entries, self.states(now_ns), strict=True):
            if state in found:
                found[state].append(name)
        return found

    def behind(self, now_ns: int) -> list[str]:
        """Who of its own is heard, and whose newest score does not come though heartbeats bring it again."""
        late_ns = now_ns - self.silent_after_ns
        each = zip(self.own.items(), self.own_states(now_ns), strict=True)
        return [
            name
            for (name, entry), state in each
            if state == "behind" and entry.sequence.seq and entry.behind_ns < late_ns
        ]

    def columns(self, now_ns: int) -> Columns | None:
        """The scores of all as arrays, as they stand now; None of few, which are sooner read one by one."""
        if len(self._order) < ROWS_FROM:
            return None
        table, carried = self.rows.table, self.carried
        scores = np.array([table[name] for name in SCORE_NAMES])
        if carried.names:
            scores = np.hstack([scores, [carried.score(name) for name in SCORE_NAMES]])
        scores[:, ~self.is_fresh(now_ns)] = np.nan
        scores[scores == UNKNOWN] = np.nan
        return Columns(self._order, self._places, dict(zip(SCORE_NAMES, scores, strict=True)))

    def markets(self, now_ns: int) -> dict[str, MarketState]:
        """Every expected market as a view shows it; age in seconds since it said what was heard last."""
        if len(self.own) < ROWS_FROM:
            states = self.own_states(now_ns)
            own = {
                name: _market(entry, state, now_ns)
                for (name, entry), state in zip(self.own.items(), states, strict=True)
            }
        else:
            own = self._of_rows(now_ns)
        return own | self.carried.markets(now_ns) if self.carried.names else own

    def _of_rows(self, now_ns: int) -> dict[str, MarketState]:
        """As `_market` has each, its numbers from the rows: messages lie scattered in memory."""
        rows = self.rows
        table = rows.table
        columns = (table[name].tolist() for name in ("seq", "mid", "warm", "missed"))
        return {
            name: MarketState(
                state=state,
                age_s=None if (message := entry.message) is None else age_s,
                epoch=epoch,
                seq=seq,
                mid=mid,
                warm=warm,
                scores={} if (newest := entry.newest) is None else newest.scores,
                unknown=() if newest is None else newest.unknown,
                process=entry.process,
                health=None if message is None else message.health,
                spread_bps=None if message is None else message.spread_bps,
                missed=missed,
            )
            for (name, entry), state, age_s, epoch, seq, mid, warm, missed in zip(
                self.own.items(),
                state_words(rows.codes(now_ns, self.silent_after_ns)),
                ((now_ns - table["said_ns"]) / NS_PER_S).tolist(),
                np.maximum(table["epoch"], 0).tolist(),
                *columns,
                strict=True,
            )
        }


def _market(entry: Entry, state: State, now_ns: int) -> MarketState:
    message, newest, sequence = entry.message, entry.newest, entry.sequence
    return MarketState(
        state=state,
        age_s=None if message is None else (now_ns - entry.said_ns) / NS_PER_S,
        epoch=max(sequence.epoch, 0),
        seq=sequence.seq,
        mid=0.0 if message is None else message.mid,
        warm=0.0 if message is None else message.warm,
        scores={} if newest is None else newest.scores,
        unknown=() if newest is None else newest.unknown,
        process=entry.process,
        health=None if message is None else message.health,
        spread_bps=None if message is None else message.spread_bps,
        missed=sequence.missed,
    )
