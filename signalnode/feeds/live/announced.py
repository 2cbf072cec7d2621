"""What a venue announces of all its markets, maintenance above all: when to ask, and what each is told. Pure.

It is read by REST, so that it is known before a connection is made, and while none can be. What is under way
and stops trading halts a market, until it trades again; everything else is told only as the reason, where a
connection is lost. A venue that does not answer has announced what it did before; where it tells only of what
is to come, that holds until its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from signalnode.clock import NS_PER_S, utc_text
from signalnode.feeds.live.actions import NEVER_NS, ns_of
from signalnode.feeds.live.listings.base import Announcing, Notice

EVERY_S = 60.0
FIRST_S = 1.0  # from the first market on: others come at once as a rule
NOTICES_MAX = 100  # of one reading
DAY_NS = 86_400 * NS_PER_S


class Said(NamedTuple):
    """What a market is to be told: whether nothing trades, and why; "" for nothing any more."""

    halts: bool
    text: str


NOTHING = Said(False, "")


class Announced:
    """See the module. `now_ns` is monotonic, `wall_ns` since 1970."""

    def __init__(self, announcing: Announcing | None) -> None:
        self._announcing = announcing
        self._notices: tuple[Notice, ...] = ()
        self._said: dict[str, Said] = {}  # by market
        self._due_ns = NEVER_NS
        self._news_ns = NEVER_NS  # wall time from which on something else is to be said

    def want(self, symbol: str, now_ns: int) -> Said:
        """Look after a market; what its engine is to be told at once."""
        if self._announcing is None:
            return NOTHING
        if symbol not in self._said:
            self._said[symbol], self._news_ns = NOTHING, 0
        if self._due_ns == NEVER_NS:
            self._due_ns = now_ns + ns_of(FIRST_S)
        return self._said[symbol]

    def drop(self, symbol: str) -> None:
        """Nobody wants it any more."""
        self._said.pop(symbol, None)
        if not self._said:
            self._due_ns = NEVER_NS

    def next(self, now_ns: int) -> Announcing | None:
        """What to ask for now, one at a time; `on_read` or `on_unread` is to be told what came of it."""
        if now_ns < self._due_ns or self._announcing is None:
            return None
        self._due_ns = now_ns + ns_of(EVERY_S)
        return self._announcing

    def on_unread(self, wait_ns: int, now_ns: int) -> None:
        """Nothing may be asked for so long; 0: nothing came, and it is asked for when it would be anyway."""
        if wait_ns and self._said:
            self._due_ns = now_ns + wait_ns

    def on_read(self, notices: Sequence[Notice], wall_ns: int) -> list[Notice]:
        """What the venue announces now; of that what it did not before."""
        known, begun = self._notices, list[Notice]()
        if self._announcing is not None and not self._announcing.tells_begun:
            begun = [each for each in known if each.begin_ns <= wall_ns < each.end_ns and each not in notices]
        self._notices = (*notices, *begun)[:NOTICES_MAX]
        self._news_ns = 0
        return [each for each in self._notices if each not in known]

    def news(self, wall_ns: int) -> Iterator[tuple[str, Said]]:
        """Each market to which something else is to be said now."""
        if wall_ns < self._news_ns:
            return
        turns = (turn for each in self._notices for turn in (each.begin_ns, each.end_ns) if turn > wall_ns)
        self._news_ns = min(turns, default=NEVER_NS)
        for symbol, before in self._said.items():
            said = _said_of(symbol, self._notices, wall_ns)
            if said != before:
                self._said[symbol] = said
                yield symbol, said


def _said_of(symbol: str, notices: Sequence[Notice], wall_ns: int) -> Said:
    found = NOTHING
    for each in notices:
        is_now = each.is_under_way or each.begin_ns <= wall_ns < each.end_ns
        if is_now and each.covers(symbol) and (each.halts or not found.text):
            found = Said(each.halts and each.is_under_way, f"{each.what}{_until(each.end_ns, wall_ns)}")
            if found.halts:
                break
    return found


def _until(end_ns: int, wall_ns: int) -> str:
    """` until 14:30 UTC`, with the day where that is another; "" where it is not known, or past."""
    if end_ns <= wall_ns:
        return ""
    day, time = utc_text(end_ns, "minutes").removesuffix("Z").split("T")
    is_today = end_ns // DAY_NS == wall_ns // DAY_NS
    return f" until {time} UTC" if is_today else f" until {day} {time} UTC"


def in_words(notice: Notice) -> str:
    """Of one that is announced: `maintenance from 2026-11-28 14:00 to 14:30 UTC (Upgrade)`."""
    words = notice.what
    if notice.begin_ns and notice.end_ns:
        begin, end = (
            utc_text(each, "minutes").removesuffix("Z").split("T")
            for each in (notice.begin_ns, notice.end_ns)
        )
        last = end[1] if end[0] == begin[0] else " ".join(end)
        words += f" from {' '.join(begin)} to {last} UTC"
    return words + (f" ({notice.title})" if notice.title else "")
