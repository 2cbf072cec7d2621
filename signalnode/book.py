"""One level-2 order book, pure: snapshots and deltas in, the top and the depth near the mid out.

The rule for identifiers is the one venues publish for keeping a local book (Binance spot, "How to manage a
local order book correctly"). A delta carries the first and the last update it holds, and the book the newest
update in it, `last_id`:

    last ≤ last_id              old: the book has it already; dropped
    first ≤ last_id + 1 ≤ last  it joins, or overlaps; applied, for a level's size is absolute
    first > last_id + 1         a gap: updates between were lost; only a snapshot mends it

Deltas that come before a snapshot, or in a gap, are kept, the newest `pending_max` of them. The snapshot that
comes then may be older than some: those join it by the same rule.

A book that cannot be trusted shows nothing: `top` and `depth_within` return None unless `status` is "synced".

Prices are keyed as floats. Parsing a decimal string is correctly rounded, so equal decimals, with or without
trailing zeros, give the same float; and floats tell decimals of 15 digits apart, three more than venues have.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from math import inf
from typing import Literal, NamedTuple

BookStatus = Literal["empty", "synced", "gap", "crossed"]
Level = tuple[float, float]  # price in quote currency, size in base units; size 0 removes the level

LEVELS_MAX = 20_000  # a side; a REST snapshot brings up to 5,000, a full Coinbase book 27,000, most far away
PENDING_MAX = 1_000  # deltas kept while waiting for a snapshot: 100 s at ten a second
BPS = 1e-4


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


class Side:
    """One side, best first. `sign`, +1 for asks and −1 for bids, makes keys that rise from the best outwards.

    Two parallel lists instead of a tree: changes cluster at the best prices, and moving a few thousand
    pointers costs about a microsecond, while the sum over the levels near the mid runs at 10 ns a level.
    """

    __slots__ = ("keys", "levels_max", "sign", "sizes")

    def __init__(self, sign: int, levels_max: int) -> None:
        self.sign = sign
        self.levels_max = levels_max
        self.keys: list[float] = []
        self.sizes: list[float] = []

    def replace(self, levels: Iterable[Level]) -> int:
        """Make these the only levels; return how many were refused as impossible."""
        self.keys.clear()
        self.sizes.clear()
        return self.update(levels)

    def update(self, levels: Iterable[Level]) -> int:
        """Set or remove levels; return how many were refused: price not above 0, size below 0, not finite."""
        keys, sizes, refused = self.keys, self.sizes, 0
        for price, size in levels:
            if not (0.0 < price < inf and 0.0 <= size < inf):
                refused += 1
                continue
            key = self.sign * price
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                if size:
                    sizes[at] = size
                else:
                    del keys[at], sizes[at]
            elif size:
                keys.insert(at, key)
                sizes.insert(at, size)
        del keys[self.levels_max :], sizes[self.levels_max :]
        return refused

    def size_within(self, price: float) -> float:
        """Base units at prices from the best up to and including `price`; summed from the best outwards."""
        return sum(self.sizes[: bisect_right(self.keys, self.sign * price)], 0.0)


class Book:
    """The order book of one market.

    `status` is `empty` before the first snapshot, `synced`, `gap` (deltas were lost: only a snapshot mends
    it) or `crossed` (identifiers join, but the best bid is not below the best ask; later deltas may mend it).
    """

    def __init__(self, *, levels_max: int = LEVELS_MAX, pending_max: int = PENDING_MAX) -> None:
        self._bids = Side(-1, levels_max)
        self._asks = Side(+1, levels_max)
        self._pending: deque[Delta] = deque(maxlen=pending_max)
        self._joined: Literal["empty", "synced", "gap"] = "empty"
        self.last_id = 0  # newest update applied
        self.gaps = 0  # times deltas were found missing
        self.levels_refused = 0  # levels with an impossible price or size, each left out

    @property
    def status(self) -> BookStatus:
        """What the book is good for now; see the class."""
        if self._joined != "synced":
            return self._joined
        bids, asks = self._bids.keys, self._asks.keys
        return "crossed" if bids and asks and -bids[0] >= asks[0] else "synced"

    @property
    def waiting(self) -> int:
        """Deltas kept for the next snapshot."""
        return len(self._pending)

    def snapshot(self, last_id: int, bids: Iterable[Level], asks: Iterable[Level]) -> BookStatus:
        """Start over from a full image, and join the deltas kept. One older than a synced book is ignored."""
        if self._joined == "synced" and last_id <= self.last_id:
            return self.status
        self.levels_refused += self._bids.replace(bids) + self._asks.replace(asks)
        self.last_id, self._joined = last_id, "synced"
        waiting = list(self._pending)
        self._pending.clear()
        for delta in waiting:
            self.apply(delta)
        return self.status

    def apply(self, delta: Delta) -> BookStatus:
        """Take one delta by the rule above; without a snapshot to join it to, it is kept for the next."""
        if self._joined != "synced":
            self._pending.append(delta)
        elif delta.last_id > self.last_id:
            if delta.first_id > self.last_id + 1:
                self._open_gap(delta)
            else:
                self.last_id = delta.last_id
                self.levels_refused += self._bids.update(delta.bids) + self._asks.update(delta.asks)
        return self.status

    def forget(self) -> None:
        """Distrust what is held, as after a reconnect, and wait for a snapshot."""
        if self._joined == "synced":
            self._joined = "gap"

    def _open_gap(self, delta: Delta) -> None:
        self._joined = "gap"
        self.gaps += 1
        self._pending.append(delta)

    def top(self) -> Top | None:
        """Best bid and ask, or None unless synced with both sides present."""
        bids, asks = self._bids, self._asks
        if not bids.keys or not asks.keys or self.status != "synced":
            return None
        return Top(-bids.keys[0], bids.sizes[0], asks.keys[0], asks.sizes[0])

    def depth_within(self, depth_bps: float) -> tuple[float, float] | None:
        """Bid and ask size, base units, within `depth_bps` basis points of the mid; None unless synced."""
        top = self.top()
        if top is None:
            return None
        mid = (top.bid + top.ask) / 2
        reach = mid * depth_bps * BPS
        return self._bids.size_within(mid - reach), self._asks.size_within(mid + reach)

    def levels(self) -> tuple[list[Level], list[Level]]:
        """All bids and asks, best first; for tests and inspection."""
        bids = [(-key, size) for key, size in zip(self._bids.keys, self._bids.sizes, strict=True)]
        return bids, list(zip(self._asks.keys, self._asks.sizes, strict=True))
