"""Which of a market's channels have gone silent, by that market's own standard. Pure: time comes in as a
parameter.

A connection can live and answer while trades have stopped; so each channel (trades, quotes, depth) is watched
by itself. The standard is the mean gap that somebody looking at a random moment finds himself in, Σ gap² / Σ
gap, which for clustered arrivals is far above the plain mean, and just what a watcher sees; both sums fade
with MEMORY_S. A channel is silent when it has waited longer than SILENCE_FACTOR of those, and than
SILENCE_S_MIN.

On the Binance recordings the longest wait was 6.4 of them (BTC and ETH, each channel, 650 s); on synthetic
markets of 1 to 500 events a second 9.1. So 15 gives no false alarm there, and notices that BTC trades have
stopped in five seconds.

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
SILENCE_FACTOR = 15.0
SILENCE_S_MIN = 2.0  # no shorter wait is called silence: networks hiccup that long
CHANNELS = {"trades": TRADE, "quotes": QUOTE, "depth": DEPTH}

STATE = np.dtype([("newest_ns", "<i8"), ("gaps", "<i8"), ("sum_s", "<f8"), ("squares", "<f8")])


@compiled
def _limit_s(channel: Any) -> float:
    limit_s: float = np.inf
    if channel.gaps >= GAPS_MIN and channel.sum_s > 0.0:
        limit_s = max(SILENCE_S_MIN, SILENCE_FACTOR * channel.squares / channel.sum_s)
    return limit_s


@entry(events=EVENT, state=STATE)
def _observe(events: Events, state: npt.NDArray[Any]) -> None:
    for i in range(events.shape[0]):
        channel = state[events[i].kind]
        time_ns = events[i].time_received_ns
        if channel.newest_ns > 0:
            gap_s = min((time_ns - channel.newest_ns) * 1e-9, _limit_s(channel))
            keep = exp(-gap_s / MEMORY_S)
            channel.sum_s = channel.sum_s * keep + gap_s
            channel.squares = channel.squares * keep + gap_s * gap_s
            channel.gaps += 1
        channel.newest_ns = time_ns


@entry(state=STATE)
def _silent(state: npt.NDArray[Any], now_ns: int) -> int:
    """Bit k is set when the channel in row k has waited too long."""
    found = 0
    for kind in range(len(state)):
        channel = state[kind]
        if channel.newest_ns > 0 and (now_ns - channel.newest_ns) * 1e-9 > _limit_s(channel):
            found |= 1 << kind
    return found


@entry(state=STATE)
def _limit_of(state: npt.NDArray[Any], kind: int) -> float:
    return _limit_s(state[kind])


class ChannelHealth:
    """Learns each channel's pace from the events and says which are silent.

    `state`, shape (4,), dtype STATE, is all it knows (row number = kind);
    `restore` goes on with it elsewhere.
    """

    def __init__(self) -> None:
        self.state: npt.NDArray[np.void] = np.zeros(1 + DEPTH, STATE)

    def observe(self, events: Events) -> None:
        """Learn from events, shape (n,), dtype EVENT, in kernel time order."""
        _observe(events, self.state)

    def restore(self, state: bytes) -> None:
        """Go on from what `state.tobytes()` gave elsewhere."""
        self.state[:] = np.frombuffer(state, STATE)

    def limit_s(self, channel: str) -> float:
        """Longest wait, in seconds, that is normal for `channel`; infinite while there is no standard yet."""
        return _limit_of(self.state, CHANNELS[channel])

    def waited_s(self, channel: str, now_ns: int) -> float:
        """Seconds since the newest event of `channel`; 0 before the first."""
        newest_ns = int(self.state["newest_ns"][CHANNELS[channel]])
        return (now_ns - newest_ns) * 1e-9 if newest_ns else 0.0

    def silent(self, now_ns: int) -> tuple[str, ...]:
        """The channels that have waited too long at kernel time `now_ns`; one never heard of is not among
        them.
        """
        found = _silent(self.state, now_ns)
        return tuple(name for name, kind in CHANNELS.items() if found >> kind & 1) if found else ()
