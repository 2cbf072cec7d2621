"""Steps of the measures that nobody has asked about: their numbers as bytes, in order, up to a bound."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from signalnode.aggregator.measures.decay import Floats

BYTES_MAX = 32_000_000  # six days of one market with the seven scores


class Sample(NamedTuple):
    """A step: what the board said then."""

    step: int
    follows: bool  # the step just before it is the one before
    mids: Floats  # shape (markets,); NaN of those that are not fresh
    scores: Floats  # shape (markets, names)


class Waiting:
    """Samples of `size` markets."""

    def __init__(self, size: int, bytes_max: int | None = None) -> None:
        self._size, self._bytes_max = size, bytes_max or BYTES_MAX
        self._numbers = bytearray()
        self._places = array("q")  # of each: step, whether it follows, names

    def add(self, sample: Sample) -> bool:
        """Lay it by; whether there is no more room, and they have to be drained."""
        self._numbers += sample.mids.tobytes()
        self._numbers += sample.scores.tobytes()
        self._places.extend((sample.step, sample.follows, sample.scores.shape[1]))
        return len(self._numbers) >= self._bytes_max

    def drain(self) -> Iterator[Sample]:
        """All of them in order; none is left."""
        numbers, places = np.frombuffer(bytes(self._numbers)).copy(), self._places
        self._numbers, self._places = bytearray(), array("q")
        at = 0
        for place in range(0, len(places), 3):
            step, follows, names = places[place : place + 3]
            mids, at = numbers[at : at + self._size], at + self._size
            scores, at = numbers[at : at + self._size * names], at + self._size * names
            yield Sample(step, bool(follows), mids, scores.reshape(self._size, names))
