"""A market as it truly is, beside what a feed says of it: `Truth` has the claims."""

from __future__ import annotations

from collections import Counter
from math import isclose
from operator import itemgetter
from typing import Any

from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from tests.feeds.venues.made.base import LOTS, TICKS

from .listing import Numbered
from .venue import Venue

NAMES = EVENT.names
assert NAMES is not None
KIND = NAMES.index("kind")
traded_in = itemgetter(*map(NAMES.index, ("aggressor_side", "price", "size")))
quoted_in = itemgetter(*map(NAMES.index, ("bid", "bid_size", "ask", "ask_size")))
depth_in = itemgetter(*map(NAMES.index, ("bid_depth", "ask_depth")))


class Truth:
    """What a market truly did, beside what its feed says of it.

    At each tick: no quote is crossed; while the feed calls its book sound, what it told last is the market's
    top and depth. At the end: no trade came twice, none that never was, and none is missing that was sent.
    """

    def __init__(self, venue: Venue, symbol: str) -> None:
        self._listing, self._venue = venue.listings[symbol], venue
        self.due: Counter[tuple[int, float, float]] = Counter()  # trades that must come
        self.optional: Counter[tuple[int, float, float]] = Counter()  # that may
        self.came: Counter[tuple[int, float, float]] = Counter()
        self._newest = 0  # number of a trade
        self.is_known = True  # whether the book must be true: nothing was lost that nobody can see
        self.quote: Any = None
        self.depth: Any = None
        self.checked = 0  # ticks at which the book was held against the market

    def on_step(self, *, is_due: bool) -> None:
        """The market has moved; whether its trades must come."""
        counted = self.due if is_due else self.optional
        for each in self._listing.new_trades:
            if each.number > self._newest:
                self._newest = each.number
                counted[_key(each)] += 1

    def excuse(self) -> None:
        """The newest trades need not come."""
        for each in self._listing.new_trades:
            self.due[_key(each)] -= 1
            self.optional[_key(each)] += 1

    def on_events(self, events: Events, *, sound: bool) -> None:
        """The feed has given these."""
        for event in events.tolist():  # a row of numpy takes longer to look into than all else here
            kind = event[KIND]
            if kind == TRADE:
                side, price, size = traded_in(event)
                self.came[side, price, round(size, 6)] += 1
            elif kind == QUOTE:
                self.quote = quoted_in(event)
                assert self.quote[0] < self.quote[2]
            elif kind == DEPTH:
                self.depth = depth_in(event)
        if not sound:
            self.quote = self.depth = None
        elif self.quote is not None and self.is_known:
            self._check_book()

    def forget(self) -> None:
        """Whatever was lost unseen, a new image is to come."""
        self.is_known, self.quote, self.depth = True, None, None

    def check_trades(self) -> None:
        """At the end."""
        missing, extra = self.due - self.came, self.came - self.due - self.optional
        assert not missing, f"never came: {missing}"
        assert not extra, f"came without having been, or twice: {extra}"

    def _check_book(self) -> None:
        quote, depth = self._listing.market.rows(0, 0)
        self.checked += 1
        assert all(map(isclose, self.quote, quote[6:10])), (self.quote, quote[6:10])
        if self.depth is not None:
            beside = zip(self.depth, depth[10:], strict=True)
            assert all(isclose(*each, rel_tol=1e-6) for each in beside), (self.depth, depth[10:])


def _key(each: Numbered) -> tuple[int, float, float]:
    return each.trade.side, each.trade.tick / TICKS, each.trade.lots / LOTS
