"""Which of a market's channels have gone silent, by that market's own standard, and what status that makes.
Pure: time comes in as a parameter.

A connection can live and answer while trades have stopped; so each channel (trades, quotes, depth) is watched
by itself. The standard is the mean gap that somebody looking at a random moment finds himself in, Σ gap² / Σ
gap, which for clustered arrivals is far above the plain mean, and just what a watcher sees; both sums fade
with MEMORY_S. A channel is silent when it has waited longer than SILENCE_FACTOR of those, and than the least
that is called silence, SILENCE_S_MIN.

In 125 hours of channels (LTC on Binance, two shares, EUR/USD) five waits were over 11 of them: an outage of
four hours, one of eleven minutes, and three of 25 to 28 that may be the market's own. The next were 10.6 and
9.0. So 11 gives a false alarm once in 40 hours at worst, and tells in 4.2 to 5.1 s that BTC trades stopped.

What could not come was not silent: after an outage, or a start from a checkpoint, a wait begins when the
venue is heard again.

A gap beyond the limit teaches only as much as the limit itself, so that an outage does not dull the standard,
while a market that has truly become quieter is learnt within a few such gaps.
"""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.compiled import compiled, entry
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events

MEMORY_S = 300.0  # relaxation time of what is learnt
GAPS_MIN = 30  # gaps before there is a standard at all
SILENCE_FACTOR = 11.0
SILENCE_S_MIN = 2.0  # no shorter wait is called silence: networks hiccup that long
CHANNELS = {"trades": TRADE, "quotes": QUOTE, "depth": DEPTH}

# The statuses, as their places in `bus.wire.STATUSES`.
WARMING, LIVE, DEGRADED, STALE = 0, 1, 2, 3

STATE = np.dtype(
    [
        ("newest_ns", "<i8"),  # when the newest event was received; 0 before the first
        ("event_ns", "<i8"),  # its time at the venue
        ("gaps", "<i8"),
        ("sum_s", "<f8"),
        ("squares", "<f8"),
    ]
)
# How long each of CHANNELS has been waited for, in their order.
WAITS: list[tuple[str, str, tuple[int]]] = [
    ("waited_ns", "<i8", (len(CHANNELS),)),  # since its newest event was received; −1 before the first
    ("late_ns", "<i8", (len(CHANNELS),)),  # what that took from the venue; 0 where its time is not known
    ("limit_s", "<f8", (len(CHANNELS),)),  # longest wait that is normal; infinite without a standard yet
]


@compiled
def _limit_s(channel: Any) -> float:
    """Longest normal wait; never below SILENCE_S_MIN, so that a shorter one need not be compared with it."""
    limit_s: float = np.inf
    if channel.gaps >= GAPS_MIN and channel.sum_s > 0.0:
        limit_s = max(SILENCE_S_MIN, SILENCE_FACTOR * channel.squares / channel.sum_s)
    return limit_s


@compiled
def hear(event: Any, state: Any) -> None:
    """Learn from one event."""
    if event.kind >= len(state):  # no channel, and compiled code would write beside the array
        return
    channel = state[event.kind]
    time_ns = event.time_received_ns
    if channel.newest_ns > 0:
        gap_s = (time_ns - channel.newest_ns) * 1e-9
        if gap_s > SILENCE_S_MIN:  # the limit's division, for each event, was two thirds of all the work
            gap_s = min(gap_s, _limit_s(channel))
        keep = exp(-gap_s / MEMORY_S)
        channel.sum_s = channel.sum_s * keep + gap_s
        channel.squares = channel.squares * keep + gap_s * gap_s
        channel.gaps += 1
    channel.newest_ns, channel.event_ns = time_ns, event.time_event_ns


@entry(events=EVENT, state=STATE)
def _observe(events: Events, state: npt.NDArray[Any]) -> None:
    for i in range(events.shape[0]):
        hear(events[i], state)


@compiled
def _is_silent(channel: Any, now_ns: int, since_ns: int) -> bool:
    """Whether a channel has waited too long, where nothing could come before `since_ns`."""
    waited_s = (now_ns - max(channel.newest_ns, since_ns)) * 1e-9
    return bool(channel.newest_ns > 0 and waited_s > SILENCE_S_MIN and waited_s > _limit_s(channel))


@entry(state=STATE)
def silent_at(state: npt.NDArray[Any], now_ns: int, since_ns: int) -> int:
    """Bit k is set when the channel in row k is silent."""
    found = 0
    for kind in range(len(state)):
        if _is_silent(state[kind], now_ns, since_ns):
            found |= 1 << kind
    return found


@compiled
def measure(state: Any, now_ns: int, out: Any) -> None:
    """Fill in WAITS, fields of `out`, as of kernel time `now_ns`."""
    for i in range(len(out.waited_ns)):
        channel = state[TRADE + i]
        out.waited_ns[i] = max(now_ns - channel.newest_ns, 0) if channel.newest_ns > 0 else -1
        out.late_ns[i] = channel.newest_ns - channel.event_ns
        out.limit_s[i] = _limit_s(channel)


@compiled
def status_of(silent: int, degraded: Any, warm: float) -> int:
    """The status of a market, as its place in `bus.wire.STATUSES`: what is worse hides what is better.

    `silent`: the channels that are, see `silent_at`; `degraded`: the feed's book is broken, so that it gives
    no depth, and that silence is the gap's; `warm`: 0 to 1, share of the baseline window seen.
    """
    if degraded:
        return STALE if silent & ~(1 << DEPTH) else DEGRADED
    if silent:
        return STALE
    return LIVE if warm >= 1.0 else WARMING


@entry(events=EVENT, state=STATE, times_ns="<i8", degraded="?", warms="<f8", statuses="u1")
def _observe_with_statuses(  # noqa: PLR0917 - compiled code takes no keywords
    events: Events, state: npt.NDArray[Any], times_ns: Any, degraded: Any, warms: Any, statuses: Any
) -> None:
    i = 0
    for row in range(len(times_ns)):
        while i < len(events) and events[i].time_received_ns <= times_ns[row]:
            hear(events[i], state)
            i += 1
        statuses[row] = status_of(silent_at(state, times_ns[row], 0), degraded[row], warms[row])
    while i < len(events):
        hear(events[i], state)
        i += 1


class ChannelHealth:
    """Learns each channel's pace from the events and says which are silent.

    `state`, shape (4,), dtype STATE, is all it knows (row number = kind);
    `restore` goes on with it elsewhere.
    """

    def __init__(self) -> None:
        self.state: npt.NDArray[np.void] = np.zeros(1 + DEPTH, STATE)
        self._observe = _observe.raw  # a feed's arrays need no check each time

    def observe(self, events: Events) -> None:
        """Learn from events, shape (n,), dtype EVENT, in kernel time order."""
        self._observe(events, self.state)

    def observe_with_statuses(
        self,
        events: Events,
        times_ns: npt.NDArray[np.int64],
        degraded: npt.NDArray[np.bool_],
        warms: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.uint8]:
        """As `observe`; and the status (see `status_of`) at each of some kernel times, as it was known then.

        All arrays but `events` are of shape (rows,), and `times_ns` rise.
        """
        statuses = np.empty(len(times_ns), np.uint8)
        times_ns, warms = np.ascontiguousarray(times_ns), np.ascontiguousarray(warms)
        _observe_with_statuses(events, self.state, times_ns, degraded, warms, statuses)
        return statuses

    def restore(self, state: bytes) -> None:
        """Go on from what `state.tobytes()` gave elsewhere."""
        self.state[:] = np.frombuffer(state, STATE)

    def silent(self, now_ns: int) -> tuple[str, ...]:
        """The channels that have waited too long at kernel time `now_ns`; none that was never heard."""
        found = silent_at(self.state, now_ns, 0)
        return tuple(name for name, kind in CHANNELS.items() if found >> kind & 1) if found else ()
