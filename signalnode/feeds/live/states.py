"""Whether a gateway's markets trade, as their venue lists them: what to ask of its REST, and when. Pure.

Venues whose frames say it are asked only about markets that an engine doubts, for every channel of theirs is
silent, or that come to a connection that is open: then for the whole listing, once in DOUBTED_S at most. All
others are asked by the clock, about each market each `Reading.every_s` or as seldom as SHARE of the venue's
limits makes it.

What is not listed was delisted only if it was listed before, or where an engine doubts it: it may be called
otherwise. It was renamed where what the venue knows it by goes on under another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from signalnode.feeds.live.actions import NEVER_NS, ns_of
from signalnode.feeds.live.envelope import NOT_LISTED
from signalnode.feeds.live.listings.base import Instrument, Listing, Page
from signalnode.feeds.live.sessions.base import Limits

SHARE = 0.25  # of a venue's limits, for what is asked by the clock
DOUBTED_S = 300.0  # between two readings of all that a venue lists: megabytes at some
WHOLE_SHARE = 0.5  # of a venue's limits, that such a reading is taken to weigh
FIRST_S = 2.0  # from the first market on: others come at once as a rule


class Asked(NamedTuple):
    """What is to be asked for: one page, or None for the whole listing."""

    symbols: tuple[str, ...]
    page: Page | None
    weight: float
    is_of_all: bool  # whether the answer lists others as well


@dataclass(slots=True)
class _Market:
    due_ns: int
    told: str = ""  # why it does not trade, as its engine knows
    identity: str = ""
    is_listed: bool = False  # at some time
    is_doubted: bool = False
    is_alone: bool = False  # to be asked about without others


class States:
    """See the module. Times are monotonic, in ns; a state is the venue's own word, "" of what trades."""

    def __init__(self, listing: Listing, limits: Limits) -> None:
        self._reading = listing.states
        self._weight = limits.requests_max * WHOLE_SHARE
        self._gap_ns, self._every_ns = 0, ns_of(DOUBTED_S)
        if self._reading is not None:
            self._weight = self._reading.weight
            self._gap_ns = ns_of(self._weight * limits.requests_period_s / (limits.requests_max * SHARE))
            self._every_ns = ns_of(self._reading.every_s)
        self._markets: dict[str, _Market] = {}
        self._free_ns = 0  # before which nothing is asked for
        self._asked: Asked | None = None  # on the way
        self._due_ns = NEVER_NS

    def want(self, symbol: str, now_ns: int) -> str:
        """Look after a market; what its engine is to be told at once."""
        market = self._markets.get(symbol)
        if market is None:
            is_asked = self._reading is not None and self._reading.group(symbol) is not None
            market = self._markets[symbol] = _Market(now_ns + ns_of(FIRST_S) if is_asked else NEVER_NS)
            self._work_out_due()
        return market.told

    def join(self, symbol: str, now_ns: int) -> None:
        """A market comes to a connection that is open: what its frames told at first of all has been told."""
        if self._reading is None:
            self.doubt(symbol, now_ns)

    def drop(self, symbol: str) -> None:
        """Nobody wants it any more."""
        self._markets.pop(symbol, None)
        self._work_out_due()

    def doubt(self, symbol: str, now_ns: int) -> None:
        """Its engine hears nothing of it at all: have it told as it is listed."""
        market = self._markets.get(symbol)
        if market is not None:
            market.is_doubted = True
            market.due_ns = now_ns if self._reading is None else market.due_ns
            self._work_out_due()

    def next(self, now_ns: int) -> Asked | None:
        """What to ask for now, one at a time; `on_read` or `on_unread` is to be told what came of it."""
        if now_ns < self._due_ns or self._asked is not None:
            return None
        due = [symbol for symbol, each in self._markets.items() if each.due_ns <= now_ns]
        self._asked = self._together(sorted(due, key=lambda symbol: self._markets[symbol].due_ns))
        return self._asked

    def on_unread(self, wait_ns: int, now_ns: int) -> None:
        """Nothing could be had, or nothing may be asked for so long; 0: as long as ever."""
        asked, self._asked = self._asked, None
        self._wait(asked, wait_ns or self._every_ns, now_ns)

    def on_read(self, listed: Sequence[Instrument] | None, now_ns: int) -> Iterator[tuple[str, str]]:
        """What is to be told now. `listed`: None where the venue knows one of those it was asked for not."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        self._wait(asked, self._every_ns, now_ns)
        markets = {symbol: self._markets[symbol] for symbol in asked.symbols if symbol in self._markets}
        if listed is None and len(asked.symbols) > 1:
            for market in markets.values():
                market.is_alone, market.due_ns = True, now_ns
            self._work_out_due()
            return
        if not listed and asked.is_of_all:
            return  # a venue without a market is none
        by_symbol = {each.symbol: each for each in listed or ()}
        for symbol, market in markets.items():
            found = by_symbol.get(symbol)
            told = _heard(market, found) if found else _missing(symbol, market, by_symbol.values())
            if told is not None and (told != market.told or market.is_doubted):
                market.told, market.is_doubted = told, False
                yield symbol, told

    def _together(self, due: Sequence[str]) -> Asked:
        if self._reading is None:
            return Asked(tuple(due), None, self._weight, is_of_all=True)
        first, reading = due[0], self._reading
        count = 1 if self._markets[first].is_alone else reading.symbols_max
        group = reading.group(first)
        rest = [each for each in due[1:] if not self._markets[each].is_alone and reading.group(each) == group]
        symbols = (first, *rest[: count - 1])
        return Asked(symbols, reading.page(symbols), self._weight, is_of_all=not reading.is_named)

    def _wait(self, asked: Asked | None, wait_ns: int, now_ns: int) -> None:
        self._free_ns = now_ns + self._gap_ns
        if self._reading is None:
            self._free_ns = now_ns + wait_ns
        for symbol in asked.symbols if asked is not None else ():
            if symbol in self._markets:
                self._markets[symbol].due_ns = NEVER_NS if self._reading is None else now_ns + wait_ns
        self._work_out_due()

    def _work_out_due(self) -> None:
        due_ns = min((each.due_ns for each in self._markets.values()), default=NEVER_NS)
        self._due_ns = max(due_ns, self._free_ns)


def _heard(market: _Market, listed: Instrument) -> str:
    market.is_listed, market.is_alone = True, False
    market.identity = listed.identity or market.identity
    return "" if listed.is_open else listed.state or "not open"


def _missing(symbol: str, market: _Market, listed: Iterable[Instrument]) -> str | None:
    """Why a market is not on the list; None where it may stand there under another spelling."""
    for each in listed:
        if market.identity and each.identity == market.identity:
            return f"renamed to {each.symbol}"
        if not market.is_listed and bare(each.symbol) == bare(symbol):
            return None
    return NOT_LISTED if market.is_listed or market.is_doubted else None


def bare(symbol: str) -> str:
    """Without a category before it, and without signs: linear:BTCUSDT as BTCUSDT."""
    return "".join(filter(str.isalnum, symbol.rpartition(":")[2])).upper()
