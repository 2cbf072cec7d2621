"""How far a venue's clock is from ours, as its frames tell it. Pure: times come with the events.

Of one event we know only our time of receipt less the venue's time: the way it took, and what the two clocks
differ by. The way varies, but never below a least; so the least of a window is the clocks' difference and the
quickest way ("minimum filter": NTP's clock filter, RFC 5905, 10, after Mills). It is negative where the
venue's clock is ahead by more than that way.

The least of each whole window is held against the one when all was last well. Where it is off by MOVED_NS_MAX
a clock was set, or drifts, or the venue's data come so much later: which of them, no frame can tell.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.compiled import entry
from signalnode.events import EVENT, Events
from signalnode.feeds.sieve import STATE, State, sift

WINDOW_NS = 30 * NS_PER_S
EVENTS_MIN = 10  # of a window; one with fewer goes on
MOVED_NS_MAX = 500 * NS_PER_MS
AHEAD_NS_MAX = 100 * NS_PER_MS  # an NTP client keeps a machine within a few ms
UNKNOWN_NS = 2**63 - 1

WAYS = np.dtype([("count", "<i8"), ("least_ns", "<i8"), ("newest_ns", "<i8"), ("faults", "<i8")])
LAYOUT = struct.Struct("<4q")  # the same, as Python reads it
ROWS = 64  # in one go, before there is room for more


@entry(events=EVENT, state=STATE, codes="u1", ways=WAYS)
def _sift(events: Events, state: State, codes: npt.NDArray[np.uint8], ways: Any) -> int:
    """As `sieve.sift`; and of the rows kept the least of what they took to here, of how many, where the
    venue's time is known, and the newest. `faults`: rows with a code.
    """
    kept = sift(events, state, codes)
    found = ways[0]
    found.count, found.least_ns, found.faults = 0, UNKNOWN_NS, 0
    for i in range(len(events)):
        if codes[i] != 0:
            found.faults += 1
    for i in range(kept):
        way_ns = events[i].time_received_ns - events[i].time_event_ns
        if way_ns != 0:
            found.count += 1
            found.least_ns = min(found.least_ns, way_ns)
        found.newest_ns = events[i].time_received_ns
    return kept


class VenueClock:
    """Learns from sound events. `on_fault(name, text)` is told what is wrong with the clocks."""

    def __init__(self, on_fault: Callable[[str, str], None]) -> None:
        self._on_fault = on_fault
        self._until_ns = 0  # of the present window
        self._events = 0  # in it
        self._least_ns = self._former_ns = UNKNOWN_NS  # of the present window and the one before
        self._usual_ns = UNKNOWN_NS  # what it was when all was well, or last told of
        # Our time of receipt less the venue's, the least of the two; None where no event had a venue's time.
        self.offset_ns: int | None = None
        self._is_ahead = False
        self._sift = _sift.raw  # a feed's arrays need no check each time
        self._ways, self._codes = np.zeros(1, WAYS), np.zeros(ROWS, np.uint8)
        self._told = self._ways.view(np.uint8).data

    def sift(self, events: Events, state: State) -> tuple[int, Sequence[int]]:
        """Sift `events`, dtype EVENT, as `sieve.sift` does, and learn from those that are kept. Where both
        times of one are the same the venue's is not known. Returns how many are kept, and the faults of all
        (indices into `sieve.NAMES`); none of them where there is no fault.
        """
        if len(events) > len(self._codes):
            self._codes = np.zeros(len(events), np.uint8)
        kept = self._sift(events, state, self._codes, self._ways)
        count, least_ns, newest_ns, faults = LAYOUT.unpack_from(self._told)
        if count:
            if newest_ns >= self._until_ns and (self._events >= EVENTS_MIN or not self._until_ns):
                self._close(newest_ns)
            self._events += count
            if least_ns < self._least_ns:
                self._least_ns = least_ns
                self.offset_ns = min(least_ns, self._former_ns)
        return kept, self._codes[: len(events)].tolist() if faults else ()

    def _close(self, newest_ns: int) -> None:
        if self._events:
            self._judge(self._least_ns)
        self._former_ns, self._least_ns = self._least_ns, UNKNOWN_NS
        self._until_ns, self._events = newest_ns + WINDOW_NS, 0

    def _judge(self, least_ns: int) -> None:
        was_ahead, self._is_ahead = self._is_ahead, least_ns < -AHEAD_NS_MAX
        if self._is_ahead and not was_ahead:
            ahead_ms = -least_ns // NS_PER_MS
            self._on_fault("venue_clock_ahead", f"by {ahead_ms} ms at least: is this machine's set by NTP?")
        if self._usual_ns == UNKNOWN_NS:
            self._usual_ns = least_ns
        elif abs(least_ns - self._usual_ns) > MOVED_NS_MAX:
            is_step = abs(least_ns - self._former_ns) > MOVED_NS_MAX
            way = f"{least_ns // NS_PER_MS} ms after the venue's time, {self._usual_ns // NS_PER_MS} before"
            self._on_fault(
                "clock_stepped" if is_step else "clock_drifted",
                f"events come {way}: a clock was set or is off, or data come late",
            )
            self._usual_ns = least_ns
