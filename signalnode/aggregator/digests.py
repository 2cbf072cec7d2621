"""The board as one packed message, for an aggregator above this one. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from signalnode.aggregator.board import Board
from signalnode.bus.digest import NONE, NUMBERS, SCORES_MAX, UNKNOWN, encode_digest, packed_names
from signalnode.bus.wire import SCORE_NAMES, MarketState, ProcessState


class _Unheard(NamedTuple):
    """In the place of a market's newest score."""

    time_event_ns: int = 0
    time_received_ns: int = 0
    time_published_ns: int = 0
    status: str = "warming"


_NO_MESSAGE = _Unheard()
_NO_PROCESS = ProcessState(state="", restarts=0, why="")
_OF_STATE = ("epoch", "seq", "mid", "warm", "spread_bps", "age_s", "missed")
_OF_MESSAGE = ("time_event_ns", "time_received_ns", "time_published_ns")
_SEVEN = itemgetter(*SCORE_NAMES)


class DigestWriter:
    """Writes one aggregator's digests: `source` names it for good, `host` is for people."""

    def __init__(self, source: str, host: str) -> None:
        self._source, self._host = source, host
        self._names: list[str] = []
        self._packed = packed_names([])

    def frames(
        self, board: Board, markets: Mapping[str, MarketState], place: tuple[int, int], published_ns: int
    ) -> list[bytes]:
        """The digest of `markets`, all that stand on the board, at `place` (epoch, seq)."""
        states = list(markets.values())
        messages = [entry.message or _NO_MESSAGE for entry in board.entries.values()]
        processes = [each.process or _NO_PROCESS for each in states]
        state, message = _columns(_OF_STATE, states), _columns(_OF_MESSAGE, messages)
        health = [each.health for each in states]
        return encode_digest(
            source=self._source,
            host=self._host,
            place=place,
            time_published_ns=published_ns,
            markets=self._markets(list(markets)),
            numbers={
                **state,
                **message,
                "restarts": [each.restarts for each in processes],
                "outage_ms": [NONE if h is None or h.outage_ms is None else h.outage_ms for h in health],
            },
            words={
                "state": [each.state for each in states],
                "status": [each.status for each in messages],
                "process": [each.state for each in processes],
                "why": [each.why for each in processes],
                "reason": ["" if each is None else each.reason for each in health],
            },
            scores=_scores(states),
        )

    def _markets(self, names: list[str]) -> msgspec.Raw:
        if names != self._names:
            self._names, self._packed = names, packed_names(names)
        return self._packed


def _columns(names: tuple[str, ...], things: Sequence[object]) -> dict[str, npt.NDArray[Any]]:
    """Each of these attributes of all; one pass over what lies scattered in memory. None becomes NaN."""
    rows = map(attrgetter(*names), things)
    table = np.fromiter(rows, [(name, NUMBERS[name]) for name in names], len(things))
    return {name: table[name] for name in names}


def _scores(states: list[MarketState]) -> dict[str, Sequence[float] | npt.NDArray[np.float32]]:
    """By name a value a market, as a digest has them; of those that markets added the first SCORES_MAX."""
    scores = [each.scores for each in states]
    names = list(SCORE_NAMES)
    if max(map(len, scores), default=0) > len(names):
        names = list(dict.fromkeys(chain(names, *scores)))[:SCORES_MAX]
    found: dict[str, Any]
    try:
        values = chain.from_iterable(map(_SEVEN, scores))
        table = np.fromiter(values, np.float32, len(states) * len(SCORE_NAMES)).reshape(-1, len(SCORE_NAMES))
        found = dict(zip(SCORE_NAMES, table.T, strict=True))
    except KeyError:  # a market that was never heard has none
        found = {name: [each.get(name, math.nan) for each in scores] for name in SCORE_NAMES}
    found |= {name: [each.get(name, math.nan) for each in scores] for name in names if name not in found}
    for row, each in ((row, each) for row, each in enumerate(states) if each.unknown):
        for name in each.unknown:
            if name in each.scores and name in found:
                found[name][row] = UNKNOWN
    return found
