"""One level-2 order book, pure: snapshots and deltas in, the top and the depth near the mid out.

The rule for identifiers is the one venues publish for keeping a local book (Binance spot, "How to manage a
local order book correctly"). A delta carries the first and the last update it holds, and the book the newest
update in it, `last_id`:

    last ≤ last_id              old: the book has it already; dropped
    first ≤ last_id + 1 ≤ last  it joins, or overlaps; applied, for a level's size is absolute
    first > last_id + 1         a gap: updates between were lost; only a snapshot mends it
    OLD_MAX old ones in a row   a gap as well: the venue counts anew

Deltas that come before a snapshot, or in a gap, are kept, the newest `pending_max` of them. The snapshot that
comes then may be older than some: those join it by the same rule.

A snapshot of so many levels a side (`limit`) tells nothing of those behind them, and deltas tell only what
changes there. So depth is known as far as the snapshot reaches, and no further until the deltas have been
everywhere: when all but UNHEARD_MAX of the snapshot's best WATCHED_LEVELS have changed, and as many deltas
again have come, whatever stood behind those has changed too. Fewer levels are poorer witnesses: half of
them wait four times as long. On 23 minutes of Binance (BTC and ETH spot, BTC USD-M) with snapshots cut to 100
levels, 3 to 8 bps, that took 15 to 180 s, and the depth within 10 bps was 99 to 100% of the true one in the
mean and 88% at worst from then on; before, 27% at worst.

Other venues keep a window for their clients, the best so many levels a side, and take from it what leaves it.
There depth is known as far as the window reaches, always (`replace`). Their updates come in one stream with
the snapshots, so an image there is newer than all before it, and an update names the one before (`follow`).

A side of an image with fewer levels than were asked for is whole. One with under half of those held before is
not taken for that, nor one with fewer that ends before the last CUT_SHARE of them, in price and in distance
from its best: far orders stand for long, and a market that moves takes its far ones along. Then the book is
`thin`, known as far as that image and no further, until another has more, or who reads the book believes it.
That one may be older than the deltas since, so they are kept. Of fewer than THIN_LEVELS_MIN before, nothing
can be told.

A book that cannot be trusted shows nothing: `top` and `depth_within` return None unless `status` is "synced".
A level with a price or a size that cannot be is left out, and what it was meant to say is missing: a gap.

Prices are keyed as floats. Parsing a decimal string is correctly rounded, so equal decimals, with or without
trailing zeros, give the same float; and floats tell decimals of 15 digits apart, three more than venues have.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from math import ceil, inf
from typing import Literal, NamedTuple

from signalnode.ladder import LEVELS_MAX, WATCHED_LEVELS, Level, Side

BookStatus = Literal["empty", "synced", "gap", "crossed", "thin"]
SHOWN = ("synced", "thin")  # of a book that has a top

PENDING_MAX = 1_000  # deltas kept while waiting for a snapshot: 100 s at ten a second
OLD_MAX = 100  # ten seconds of them: nothing is so late, so the venue's numbers began anew, or ours are wrong
BPS = 1e-4
_new = tuple.__new__  # a named tuple's own is Python, and each frame of a book makes one
UNHEARD_MAX = 0.02  # share of them that may be as they were: some orders stand for hours
RENEWALS = 2  # times the deltas that it took to hear of the others


class Top(NamedTuple):
    """Best bid and ask: prices in quote currency, sizes in base units."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float


class Delta(NamedTuple):
    """One update message: identifiers of the first and last change in it, and the changed levels."""

    first_id: int
    last_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]


class Book:
    """The order book of one market.

    `status` is `empty` before the first snapshot, `synced`, `gap` (deltas were lost: only a snapshot mends
    it), `crossed` (identifiers join, but the best bid is not below the best ask; later deltas may mend it)
    or `thin` (the image had too few of the levels that were held before it: another will tell).
    """

    def __init__(self, *, levels_max: int = LEVELS_MAX, pending_max: int = PENDING_MAX) -> None:
        self._bids = Side(-1, levels_max)
        self._asks = Side(+1, levels_max)
        self._pending: deque[Delta] = deque(maxlen=pending_max)
        self._joined: Literal["empty", "synced", "gap"] = "empty"
        self.status: BookStatus = "empty"  # what the book is good for now; see the class
        self.last_id = 0  # newest update applied
        self.gaps = 0  # times deltas were found missing
        self.snapshots = 0  # taken
        self.levels_refused = 0  # levels with an impossible price or size, each left out
        self._old = 0  # deltas in a row that the book has already
        self._watched = 0  # levels of the snapshot that tell how far deltas have been
        self._deltas = 0  # applied since the snapshot, while levels are watched
        self._deltas_max = 0  # after so many all is known; 0 while that cannot be told
        self._unheard_max = 0.0  # of those watched, when that can be told

    def _look(self) -> BookStatus:
        """See what the book is good for, after every change of it."""
        bids, asks = self._bids, self._asks
        if self._joined != "synced":
            self.status = self._joined
        elif bids.keys and asks.keys and -bids.keys[0] >= asks.keys[0]:
            self.status = "crossed"
        else:
            self.status = "thin" if bids.held or asks.held else "synced"
        return self.status

    @property
    def waiting(self) -> int:
        """Deltas kept for the next snapshot."""
        return len(self._pending)

    def snapshot(
        self, last_id: int, bids: Iterable[Level], asks: Iterable[Level], limit: int = 0
    ) -> BookStatus:
        """Start over from an image, and join the deltas kept. One older than a book that is whole is ignored.

        `limit`: levels a side that were asked for, so that a side with fewer is whole; 0 for all there are.
        """
        if self._joined == "synced" and last_id <= self.last_id and not (self._bids.held or self._asks.held):
            return self.status
        refused = self._bids.replace(bids, limit) + self._asks.replace(asks, limit)
        self._watched = len(self._bids.unheard) + len(self._asks.unheard)
        self._unheard_max = UNHEARD_MAX * self._watched
        self._deltas = self._deltas_max = 0
        self.last_id, self._joined = last_id, "synced"
        self.snapshots += 1
        self._note_refused(refused)
        waiting = list(self._pending)
        self._pending.clear()
        for delta in waiting:
            if delta.last_id > self.last_id:
                self.apply(delta)
        return self._look()

    def replace(
        self, last_id: int, bids: Iterable[Level], asks: Iterable[Level], window: int = 0
    ) -> BookStatus:
        """Start over from an image that came in one stream with the updates: all before it is void.

        `window`: levels a side that the venue keeps up to date for its clients; 0 where it sends them all.
        """
        self.forget()
        self._pending.clear()
        self._bids.window = self._asks.window = min(window, self._bids.levels_max)
        return self.snapshot(last_id, bids, asks)

    def follow(
        self, previous_id: int, last_id: int, bids: Sequence[Level], asks: Sequence[Level]
    ) -> BookStatus:
        """Take an update that names the one before it: it joins if that is the newest here, whatever its own
        number is. Else there is a gap.
        """
        if self._joined == "synced" and previous_id == self.last_id:
            self._take(previous_id + 1, last_id, bids, asks)
            return self._look()
        delta = Delta(previous_id + 1, last_id, bids, asks)
        if self._joined != "synced":
            self._pending.append(delta)
        else:
            self._open_gap(delta)
        return self._look()

    def join(self, last_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> BookStatus:
        """Take an update of which nothing tells what came before it: it joins wherever it comes."""
        if self._joined == "synced" and last_id > self.last_id:
            self._take(0, last_id, bids, asks)
            return self._look()
        return self.apply(Delta(0, last_id, bids, asks))

    def apply(self, delta: Delta) -> BookStatus:
        """Take one delta by the rule above; without a snapshot to join it to, it is kept for the next."""
        if self._joined != "synced":
            self._pending.append(delta)
        elif delta.last_id <= self.last_id:
            self._old += 1
            if self._old >= OLD_MAX:
                self._open_gap(delta)
        elif delta.first_id > self.last_id + 1:
            self._open_gap(delta)
        else:
            self._take(*delta)
        return self._look()

    def _take(self, first_id: int, last_id: int, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        own_bids, own_asks = self._bids, self._asks
        self.last_id, self._old = last_id, 0
        refused = own_bids.update(bids) if bids else 0
        if asks:
            refused += own_asks.update(asks)
        if refused:
            self._note_refused(refused)
        if self._watched:
            self._deltas += 1
            if len(own_bids.unheard) + len(own_asks.unheard) <= self._unheard_max:
                self._hear_of_the_rest()
        if own_bids.held or own_asks.held:
            self._pending.append(Delta(first_id, last_id, bids, asks))

    def _note_refused(self, levels: int) -> None:
        """What was meant by such a level nobody knows, so the book is not known either."""
        self.levels_refused += levels
        if levels:
            self._joined = "gap"

    def _hear_of_the_rest(self) -> None:
        """Deltas have been nearly everywhere since a snapshot that was not whole: wait for as many again."""
        if not self._deltas_max:
            fewer = 2 * WATCHED_LEVELS / self._watched
            self._deltas_max = ceil(self._deltas * RENEWALS * fewer * fewer)
        if self._deltas >= self._deltas_max:
            self._bids.reach = self._asks.reach = inf
            self._watched = 0

    def believe(self) -> None:
        """A thin book is all there is."""
        self._bids.believe()
        self._asks.believe()
        self._look()

    def expect(self, other: Book) -> None:
        """Take the first image for thin beside what another book of the market holds."""
        if other.status in SHOWN:
            for side, its in ((self._bids, other._bids), (self._asks, other._asks)):
                side.held, side.edge = its.expected()
            self._look()

    def forget(self) -> None:
        """Distrust what is held, as after a reconnect, and wait for a snapshot."""
        if self._joined == "synced":
            self._joined = self.status = "gap"

    def _open_gap(self, delta: Delta) -> None:
        self._joined, self._old = "gap", 0
        self.gaps += 1
        self._pending.append(delta)

    def top(self) -> Top | None:
        """Best bid and ask, or None unless synced with both sides present."""
        return self._top() if self.status in SHOWN else None

    def crossing(self) -> Top | None:
        """Best bid and ask of a book that is crossed; None otherwise."""
        top = self._top()
        return top if top is not None and top.bid >= top.ask else None

    def depth_within(self, depth_bps: float) -> tuple[float, float] | None:
        """Bid and ask size, base units, within `depth_bps` basis points of the mid; None unless synced, and
        all levels so far from it are known.
        """
        return self.top_and_depth(depth_bps)[1]

    def top_and_depth(self, depth_bps: float) -> tuple[Top | None, tuple[float, float] | None]:
        """`top` and `depth_within` in one go, for each frame of a book asks for both."""
        bids, asks = self._bids, self._asks
        bid_keys, ask_keys = bids.keys, asks.keys
        if self.status not in SHOWN or not bid_keys or not ask_keys:
            return None, None
        bid, ask = -bid_keys[0], ask_keys[0]
        mid = (bid + ask) / 2
        width = mid * depth_bps * BPS
        low, high = width - mid, mid + width  # as keys
        top = _new(Top, (bid, bids.sizes[0], ask, asks.sizes[0]))
        if low > bids.reach or high > asks.reach or low > bids.doubted or high > asks.doubted:
            return top, None
        bid_depth = sum(bids.sizes[: bisect_right(bid_keys, low)], 0.0)  # from the best outwards
        return top, (bid_depth, sum(asks.sizes[: bisect_right(ask_keys, high)], 0.0))

    def _top(self) -> Top | None:
        bids, asks = self._bids, self._asks
        if self._joined != "synced" or not bids.keys or not asks.keys:
            return None
        return Top(-bids.keys[0], bids.sizes[0], asks.keys[0], asks.sizes[0])

    def best(self, count: int) -> tuple[list[float], list[float]]:
        """Prices of the best `count` bids and asks, best first, those of bids with a minus."""
        return self._bids.keys[:count], self._asks.keys[:count]

    def levels(self, count: int | None = None) -> tuple[list[Level], list[Level]]:
        """The best `count` bids and asks, or all, best first, whatever the book is good for."""
        bids, asks = self._bids, self._asks
        return (
            [(-key, size) for key, size in zip(bids.keys[:count], bids.sizes[:count], strict=True)],
            list(zip(asks.keys[:count], asks.sizes[:count], strict=True)),
        )
