"""One side of an order book: its levels, how far they are known, and whether an image of it was cut off.

What is meant by that, and why, stands in `book.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import islice
from math import ceil, inf, isfinite
from operator import lt

Level = tuple[float, float]  # price in quote currency, size in base units; size 0 removes the level

LEVELS_MAX = 20_000  # a side; a REST snapshot brings up to 5,000, a full Coinbase book 27,000, most far away
WATCHED_LEVELS = 100  # a side, best first, of a snapshot that is not of the whole book
THIN_LEVELS_MIN = 10  # held before an image with too few that is not believed at once
CUT_SHARE = 0.2  # of the levels held before, the furthest: an image without any of them was cut off


class Side:
    """One side, best first. `sign`, +1 for asks and −1 for bids, makes keys that rise from the best outwards.

    Two parallel lists instead of a tree: changes cluster at the best prices, and moving a few thousand
    pointers costs about a microsecond, while the sum over the levels near the mid runs at 10 ns a level.
    """

    __slots__ = (
        "doubted",
        "edge",
        "held",
        "keys",
        "levels_max",
        "reach",
        "sign",
        "sizes",
        "unheard",
        "window",
    )

    def __init__(self, sign: int, levels_max: int) -> None:
        self.sign = sign
        self.levels_max = levels_max
        self.window = 0  # best levels that the venue keeps for its clients; 0 where it sends them all
        self.keys: list[float] = []
        self.sizes: list[float] = []
        self.reach = inf  # key of the last level up to which all are known
        self.unheard: set[float] = set()  # keys of a snapshot's watched levels that no delta has touched
        self.held = 0  # levels before an image that had too few; 0 where none is in doubt
        self.edge = (-inf, -inf)  # key behind which the last CUT_SHARE of those stood; and from their best on
        self.doubted = inf  # key of the last level of such an image

    def replace(self, levels: Iterable[Level], limit: int) -> int:
        """Make these the only levels, at most `limit` that were asked for (0: all there are); return how many
        were refused as impossible.
        """
        held, (key_min, width_min) = self.expected()
        self.believe()
        self.keys.clear()
        self.sizes.clear()
        self.unheard.clear()
        self.reach = inf
        image = list(levels)
        refused = 0 if self._load(image) else self.update(image)
        if limit and self.keys and len(self.keys) + refused >= limit:
            self.reach = self.keys[-1]
            self.unheard.update(self.keys[:WATCHED_LEVELS])
        if self.reach == inf and held >= THIN_LEVELS_MIN:
            count = len(self.keys)
            last, best = (self.keys[-1], self.keys[0]) if count else (-inf, 0.0)
            is_cut = count < held and last < key_min and last - best < width_min
            if is_cut or 2 * count < held:
                self.held, self.edge, self.doubted = held, (key_min, width_min), last
        return refused

    def expected(self) -> tuple[int, tuple[float, float]]:
        """How many levels an image should have, by what is held or was before one in doubt, and `edge`."""
        held = len(self.keys)
        if self.held >= held:
            return self.held, self.edge
        last = self.keys[ceil(held * (1.0 - CUT_SHARE)) - 1]
        return held, (last, last - self.keys[0])

    def believe(self) -> None:
        """Take what is held for all there is, as far as the venue says so."""
        self.held, self.doubted = 0, inf

    def _load(self, image: Sequence[Level]) -> bool:
        """Take an image that is sound and best first, as venues send them; else nothing, and say False."""
        keys = [self.sign * price for price, _ in image]
        sizes = [size for _, size in image]
        if not keys or not all(map(lt, keys, islice(keys, 1, None))):
            return False
        are_prices = all(0.0 < price < inf for price, _ in (image[0], image[-1]))
        if not (are_prices and isfinite(sum(sizes)) and min(sizes) > 0.0):
            return False
        self.keys[:], self.sizes[:] = keys, sizes
        self._cut()
        return True

    def update(self, levels: Iterable[Level]) -> int:
        """Set or remove levels; return how many were refused: price not above 0, size below 0, not finite."""
        keys, sizes, unheard, refused = self.keys, self.sizes, self.unheard, 0
        for price, size in levels:
            if not (0.0 < price < inf and 0.0 <= size < inf):
                refused += 1
                continue
            key = self.sign * price
            if key in unheard:
                unheard.remove(key)
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                if size:
                    sizes[at] = size
                else:
                    del keys[at], sizes[at]
            elif size:
                keys.insert(at, key)
                sizes.insert(at, size)
        if self.window or len(keys) > self.levels_max:
            self._cut()
        return refused

    def _cut(self) -> None:
        """Keep to the window, or to what is held at most."""
        keys, sizes = self.keys, self.sizes
        if self.window:
            if len(keys) > self.window:
                del keys[self.window :], sizes[self.window :]
            self.reach = keys[-1] if len(keys) == self.window else inf
        elif len(keys) > self.levels_max:
            del keys[self.levels_max :], sizes[self.levels_max :]
            self.reach = min(self.reach, keys[-1])
