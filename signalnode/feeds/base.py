"""What every feed is: a pure, resumable source of events in kernel time; and what those share that make
events in blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from signalnode.compiled import entry
from signalnode.events import EVENT, Events, join_events

DEPTH_BPS = 10.0  # half-width of the depth band, in basis points of the mid


class Losses(NamedTuple):
    """What became of one channel since the start."""

    gaps: int  # times that something is known to be missing
    snapshots: int  # images taken


class Tried(NamedTuple):
    """How long nothing has come, in how many tries since, and when the next is due; all 0 or None in none."""

    outage_ms: int | None = None
    tries: int = 0
    next_try_ms: int | None = None


class Inlet(Protocol):
    """Where a live feed's news comes in."""

    due_ns: int  # monotonic time at which `retry` has something to do

    @property
    def fd(self) -> int:
        """Readable while something waits."""
        ...

    @property
    def holds(self) -> bool:
        """Whether something is here already that was not taken."""
        ...

    def retry(self) -> None:
        """Look again for who is not there."""
        ...


class Outside(Protocol):
    """What a live feed has besides: the world's pace instead of its driver's, and news that must be heard."""

    connection: int  # number of the connection that the newest frame came over, within its gateway
    outage: str  # why nothing can come now, as of the last `kernel_at`; "" where that is not so
    since_ns: int  # kernel time since when something can, after the last outage

    @property
    def trouble(self) -> str:
        """What is wrong with the book; "" where nothing is."""
        ...

    @property
    def is_mute(self) -> bool:
        """Whether nothing at all has come for longer than any market that trades is silent."""
        ...

    @property
    def clock_ns(self) -> int | None:
        """Our time of receipt less the venue's time, the least of late; None where no frame has a time."""
        ...

    def tried(self, at_ns: int) -> Tried:
        """What was done about the outage, as of that kernel time."""
        ...

    def drop_news(self) -> None:
        """An outage was told by itself: it is no news among the faults."""
        ...

    def doubt(self, now_ns: int) -> None:
        """Every channel is silent: have it looked up whether the venue trades the market at all."""
        ...

    def news_of_faults(self) -> list[str]:
        """A line for each fault in the data since the last call."""
        ...

    def losses(self) -> Mapping[str, Losses]:
        """What became of each channel, by its name."""
        ...

    def circumstances(self) -> tuple[object, ...]:
        """What is equal twice only where outage, trouble, connection, losses and `clock_ns` are the same."""
        ...

    @property
    def inlet(self) -> Inlet:
        """Where news comes in, once prepared."""
        ...

    def kernel_at(self, now_ns: int) -> int:
        """Take in what has come by monotonic time `now_ns`; the kernel time up to which all is known."""
        ...


class Feed(Protocol):
    """A source of events of one market. It never reads a clock: whoever drives it decides the pace.

    Kernel time (`time_received_ns`) never runs backwards in what `take` returns, across laps as well.
    """

    @property
    def live(self) -> Outside | None:
        """What only a live feed has; one without ends with its last event."""
        ...

    @property
    def position(self) -> dict[str, Any]:
        """Where the feed stands: small, msgpack-able and exact."""
        ...

    @property
    def faults(self) -> dict[str, int]:
        """Counts by name of what was wrong with the data behind this feed."""
        ...

    def is_prepared(self) -> bool:
        """Whether `prepare` has nothing to do that takes time."""
        ...

    def prepare(self) -> Iterator[float]:
        """Do what must be done before the first event, in slices; each yield is the fraction done, 0 to 1.

        Nothing is yielded when nothing is to be done. Raises DataError.
        """
        ...

    def seek(self, position: Mapping[str, Any]) -> None:
        """Go on with the very event that was next when `position` was read, bit for bit.

        Raises CheckpointError when the position is of other data than this feed has.
        """
        ...

    def next_time_ns(self) -> int | None:
        """Kernel time of the next event; None at the end, and where a live feed has none at hand."""
        ...

    def take(self, until_ns: int, count_max: int) -> Events:
        """The next events at or before `until_ns`, in order, at most `count_max`; maybe none."""
        ...

    def ahead(self) -> tuple[Events, int]:
        """The block at hand and the place in it of the next event; its end where there is none. What `take`
        does, without its copy: `pass_to` says how many were taken.
        """
        ...

    def pass_to(self, at: int) -> None:
        """Go on with the event at that place of the block at hand."""
        ...

    def degraded(self, time_ns: int) -> bool:
        """Whether, at this kernel time, the feed was mending a gap in its book."""
        ...

    def close(self) -> None:
        """Let go of files; the feed is of no use afterwards."""
        ...


@entry(block=EVENT)
def first_after(block: Events, start: int, stop: int, until_ns: int) -> int:
    """Index of the first of block[start:stop] after `until_ns`; `stop` where there is none."""
    low, high = start, stop
    while low < high:
        middle = (low + high) // 2
        if block[middle].time_received_ns <= until_ns:
            low = middle + 1
        else:
            high = middle
    return low


class BlockFeed:
    """What feeds that come in blocks share: looking ahead and taking. A subclass gives the blocks."""

    live: Outside | None = None

    def __init__(self) -> None:
        self._at = 0  # next event within the block
        self._set_block(np.zeros(0, EVENT))

    def _set_block(self, block: Events) -> None:
        """Go on with the event at `_at` of this block."""
        self._block, self._size = block, len(block)

    def _next_block(self) -> Events:
        """The block after the present one; empty at the end."""
        raise NotImplementedError

    def _ensure_block(self) -> bool:
        if self._at < self._size:
            return True
        block = self._next_block()
        if not len(block):
            return False
        self._at = 0
        self._set_block(block)
        return True

    def next_time_ns(self) -> int | None:
        """Kernel time of the next event; None at the end."""
        return int(self._block["time_received_ns"][self._at]) if self._ensure_block() else None

    def ahead(self) -> tuple[Events, int]:
        """The block at hand and the place in it of the next event; its end where there is none."""
        if self._at >= self._size:
            self._ensure_block()
        return self._block, self._at

    def pass_to(self, at: int) -> None:
        """Go on with the event at that place of the block at hand."""
        self._at = at

    def take(self, until_ns: int, count_max: int) -> Events:
        """The next events at or before `until_ns`, in order, at most `count_max`; maybe none."""
        pieces: list[Events] = []
        while count_max > 0 and self._ensure_block():
            start, stop = self._at, min(self._at + count_max, self._size)
            self._at = first_after.raw(self._block, start, stop, until_ns)
            pieces.append(self._block[start : self._at])
            count_max -= self._at - start
            if self._at < stop:
                break
        return pieces[0] if len(pieces) == 1 else join_events(pieces)
