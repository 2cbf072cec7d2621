"""What the board's own markets said last, in numbers, a row a market. Pure.

What goes over all markets at once (their states, a step of the measures, a digest) reads columns, and not
thousands of messages that lie scattered in memory. The entries and their messages are the truth; rows are
made of them, of those whose markets have spoken, when somebody reads: for ten scores a second four times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import itemgetter
from struct import Struct
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from signalnode.bus.digest import NONE, UNKNOWN, Array
from signalnode.bus.sequence import SequenceTracker
from signalnode.bus.wire import (
    NOT_RUNNING,
    SCORE_NAMES,
    STATUSES,
    MarketMessage,
    ProcessState,
    Score,
    State,
    Status,
)
from signalnode.clock import NS_PER_S

Codes = npt.NDArray[np.uint8]

STATE_WORDS: tuple[State, ...] = get_args(State)
_CODES: dict[State, np.uint8] = {state: np.uint8(code) for code, state in enumerate(STATE_WORDS)}
_STATE_ARRAY = np.array(STATE_WORDS, object)
FRESH = _CODES["fresh"]
UNSOUND: tuple[Literal["stale", "degraded"], ...] = ("stale", "degraded")
STATUS_WORDS = ("warming", *STATUSES)  # 0: not heard yet
_STATUS_CODES: dict[Status, int] = {status: code for code, status in enumerate(STATUSES, start=1)}
_STATUS_ARRAY = np.array(STATUS_WORDS, object)

_HEARD = (  # of every message
    ("epoch", "<i8"),
    ("seq", "<i8"),
    ("missed", "<i8"),
    ("time_event_ns", "<i8"),
    ("time_received_ns", "<i8"),
    ("time_published_ns", "<i8"),
    ("outage_ms", "<i8"),
    ("heard_ns", "<i8"),  # when it came
    ("said_ns", "<i8"),  # when it was said: what waited in a queue is old when it comes
    ("settled_ns", "<i8"),  # until then an outage shows in its scores
    ("mid", "<f8"),
    ("warm", "<f8"),
    ("spread_bps", "<f8"),
    ("status", "u1"),
    ("has_newest", "?"),
    ("is_ended", "?"),
    ("unused", "V5"),
)
_SCORED = (  # of every score: NaN before the first, UNKNOWN without evidence
    *((name, "<f8") for name in SCORE_NAMES),
    ("says_something", "?"),  # it has a price, and some score is known
    ("has_added", "?"),  # the market has scores of its own beside the seven
    ("unused_2", "V6"),
)
_TOLD = (  # of its process, by the supervisor
    ("told_ns", "<i8"),
    ("restarts", "<i4"),
    ("is_gone", "?"),
    ("unused_3", "V3"),
)
ROW = np.dtype([*_HEARD, *_SCORED, *_TOLD])
_SIZE = ROW.itemsize
_pack_heard, _pack_whole = Struct("<10q3dB2?5x").pack_into, Struct("<10q3dB2?5x7d2?6x").pack_into
_SEVEN = len(SCORE_NAMES)
_seven_of = itemgetter(*SCORE_NAMES)


class Said(Protocol):
    """What the board holds of a market: its `Entry`."""

    place: int
    sequence: SequenceTracker
    message: MarketMessage | None
    newest: Score | None
    heard_ns: int
    said_ns: int
    settled_ns: int

    def says_something(self) -> bool: ...


class Rows:
    """Rows by place, in the order of the own markets of a board."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.table: Array = np.empty(0, ROW)
        self.words: dict[str, list[str]] = {"process": [], "why": [], "reason": []}
        self._codes: tuple[int, Codes] | None = None  # and when they were so; a view asks several times

    def arrange(self, places: Sequence[int | None]) -> None:
        """From now on a row for each of `places`, the one that stood there, or an empty one for None."""
        size = len(places)
        self._bytes = bytearray(size * _SIZE)
        table: Array = np.frombuffer(self._bytes, ROW)
        table["outage_ms"] = NONE
        for name in ("spread_bps", *SCORE_NAMES):
            table[name] = math.nan
        kept = [(new, old) for new, old in enumerate(places) if old is not None]
        table[[new for new, _ in kept]] = self.table[[old for _, old in kept]]
        self.table, self._codes = table, None
        for name, words in self.words.items():
            self.words[name] = ["" if place is None else words[place] for place in places]

    def write(self, entry: Said) -> None:
        """Write what a market has said, if it has."""
        place, sequence, message, newest = entry.place, entry.sequence, entry.message, entry.newest
        if message is None:
            return
        self._codes = None
        health, spread = message.health, message.spread_bps
        if health is not None or self.words["reason"][place]:
            self.words["reason"][place] = "" if health is None else health.reason
        heard = (
            sequence.epoch,
            sequence.seq,
            sequence.missed,
            message.time_event_ns,
            message.time_received_ns,
            message.time_published_ns,
            NONE if health is None or health.outage_ms is None else health.outage_ms,
            entry.heard_ns,
            entry.said_ns,
            entry.settled_ns,
            message.mid,
            message.warm,
            math.nan if spread is None else spread,
            _STATUS_CODES[message.status],
            sequence.has_newest,
            sequence.ended,
        )
        if newest is None:
            _pack_heard(self._bytes, place * _SIZE, *heard)
            return
        scores = newest.scores
        has_added, says_something = len(scores) > _SEVEN, newest.mid > 0.0
        if newest.unknown:
            says_something = entry.says_something()
            scores = scores | dict.fromkeys(newest.unknown, UNKNOWN)
        seven = _seven_of(scores)
        _pack_whole(self._bytes, place * _SIZE, *heard, *seven, says_something, has_added)

    def tell(self, place: int, process: ProcessState | None, now_ns: int) -> None:
        """Write what the supervisor says of a market's process."""
        self._codes = None
        self.words["process"][place] = "" if process is None else process.state
        self.words["why"][place] = "" if process is None else process.why
        self.table["told_ns"][place] = now_ns
        self.table["restarts"][place] = 0 if process is None else process.restarts
        self.table["is_gone"][place] = process is not None and process.state in NOT_RUNNING

    def codes(self, now_ns: int, silent_after_ns: int) -> Codes:
        """Of each what `Entry.state` says, as places in STATE_WORDS; not to be written on."""
        if self._codes is not None and self._codes[0] == now_ns:
            return self._codes[1]
        table = self.table
        heard_ns, status = table["heard_ns"], table["status"]
        is_settled = now_ns >= table["settled_ns"]
        found = np.where(is_settled, _CODES["fresh"], _CODES["settling"])
        found[~table["says_something"]] = _CODES["warming"]
        for word in UNSOUND:
            found[status == _STATUS_CODES[word]] = _CODES[word]
        is_late = now_ns - table["said_ns"] > silent_after_ns
        found[is_late | ~table["has_newest"]] = _CODES["behind"]
        found[now_ns - heard_ns > silent_after_ns] = _CODES["silent"]
        found[status == 0] = _CODES["unheard"]
        found[table["is_gone"] & (table["told_ns"] >= heard_ns)] = _CODES["down"]
        found[table["is_ended"]] = _CODES["ended"]
        self._codes = (now_ns, found)
        return found

    def ages_s(self, now_ns: int) -> npt.NDArray[np.float64]:
        """Since each said what was heard last; NaN before."""
        ages: npt.NDArray[np.float64] = (now_ns - self.table["said_ns"]) / NS_PER_S
        ages[self.table["status"] == 0] = math.nan
        return ages

    def with_added(self) -> Iterator[int]:
        """Places of the markets that have scores of their own."""
        yield from np.flatnonzero(self.table["has_added"]).tolist()


def state_words(codes: Codes) -> list[State]:
    """The states of these codes."""
    words: list[State] = _STATE_ARRAY[codes].tolist()
    return words


def status_words(codes: Codes) -> list[Status]:
    """The statuses of these codes; `warming` before the first message."""
    words: list[Status] = _STATUS_ARRAY[codes].tolist()
    return words
