"""One instrument of the venue: the made-up market of `tests.feeds.venues.made`, with the venue's numbers."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from tests.feeds.venues.made.base import Market, Step, Ticks, Trade

PAST_TRADES_MAX = 30
NOTHING = Step({}, {}, ())


class Image(NamedTuple):
    """A book as a venue hands it out, best first; prices in ticks, sizes in lots."""

    update: int  # number of the newest update in it
    time_ns: int
    bids: Ticks
    asks: Ticks


class Numbered(NamedTuple):
    """A trade, and its number at the venue: consecutive for the instrument."""

    number: int
    time_ns: int
    trade: Trade


class Listing:
    """`step` is the newest; `update` counts those that changed the book, `trades` ends with `new_trades`."""

    def __init__(self, symbol: str, seed: int, begun: int) -> None:
        self.symbol, self.market = symbol, Market(seed)
        self.update, self.step = begun, NOTHING
        self.new_trades: list[Numbered] = []
        self.trades: deque[Numbered] = deque(maxlen=PAST_TRADES_MAX)
        self.halted = False
        self.depth_max = 0  # levels a side of an image; 0: as many as are asked for
        self.traded = begun  # number of the newest trade
        self._kept: Image | None = None
        self._crossed: Step | None = None

    @property
    def time_ns(self) -> int:
        """Of the newest step, ns since 1970."""
        return self.market.time_ns

    @property
    def iso_time(self) -> str:
        """The same to the microsecond, in ISO 8601."""
        return iso(self.time_ns)

    def move(self, time_ns: int) -> None:
        """Take a step; one that was crossed is mended before anything else moves."""
        self.step, self.new_trades = NOTHING, []
        if self.halted:
            return
        step = self._crossed or self.market.step()
        if self._crossed is not None:
            self.market.apply(step)
            self._crossed = None
        self.market.time_ns = time_ns
        self._tell(step)

    def cross(self, time_ns: int) -> None:
        """A step whose bid stands above the ask; the next one takes it away."""
        self.new_trades = []
        bid = min(self.market.asks) + 2
        self.market.time_ns = time_ns
        self._crossed = Step({bid: 0}, {}, ())
        self._tell(self.market.apply(Step({bid: 1}, {}, ())))

    def image(self, levels: int) -> Image:
        """The book as it is now, or as it was when `keep_image` was called."""
        if self._kept is not None:
            return self._kept
        bids, asks = self.market.best(min(levels, self.depth_max or levels))
        return Image(self.update, self.time_ns, bids, asks)

    def keep_image(self, levels: int) -> None:
        """Hand this image out from now on, however old it becomes; 0 levels: the newest again."""
        self._kept = None
        self._kept = self.image(levels) if levels else None

    def _tell(self, step: Step) -> None:
        self.step = step
        self.update += bool(step.bids or step.asks)
        for trade in step.trades:
            self.traded += 1
            self.new_trades.append(Numbered(self.traded, self.time_ns, trade))
        self.trades += self.new_trades


def iso(time_ns: int) -> str:
    """ISO 8601 with microseconds and Z."""
    seconds, rest_ns = divmod(time_ns, 10**9)
    return f"{_iso_of(seconds)}.{rest_ns // 1_000:06d}Z"


@lru_cache(4)
def _iso_of(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
