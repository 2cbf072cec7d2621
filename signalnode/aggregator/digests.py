"""The board as one packed message, for an aggregator above this one. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from signalnode.aggregator.board import Board
from signalnode.bus.digest import NONE, SCORES_MAX, UNKNOWN, encode_digest, packed_names
from signalnode.bus.wire import SCORE_NAMES, MarketState, ProcessState

_NO_PROCESS = ProcessState(state="", restarts=0, why="")


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
        messages = [entry.message for entry in board.entries.values()]
        processes = [each.process or _NO_PROCESS for each in states]
        health = [each.health for each in states]
        return encode_digest(
            source=self._source,
            host=self._host,
            place=place,
            time_published_ns=published_ns,
            markets=self._markets(list(markets)),
            numbers={
                "epoch": [each.epoch for each in states],
                "seq": [each.seq for each in states],
                "time_event_ns": [0 if m is None else m.time_event_ns for m in messages],
                "time_received_ns": [0 if m is None else m.time_received_ns for m in messages],
                "time_published_ns": [0 if m is None else m.time_published_ns for m in messages],
                "mid": [each.mid for each in states],
                "warm": [each.warm for each in states],
                "spread_bps": [math.nan if e.spread_bps is None else e.spread_bps for e in states],
                "age_s": [math.nan if each.age_s is None else each.age_s for each in states],
                "missed": [each.missed for each in states],
                "restarts": [each.restarts for each in processes],
                "outage_ms": [NONE if h is None or h.outage_ms is None else h.outage_ms for h in health],
            },
            words={
                "state": [each.state for each in states],
                "status": ["warming" if m is None else m.status for m in messages],
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


def _scores(states: list[MarketState]) -> dict[str, list[float]]:
    """By name a value a market, as a digest has them; of those that markets added the first SCORES_MAX."""
    names = dict.fromkeys(SCORE_NAMES)
    for each in states:
        if len(each.scores) > len(SCORE_NAMES):
            names |= dict.fromkeys(each.scores)
    found = {name: [each.scores.get(name, math.nan) for each in states] for name in list(names)[:SCORES_MAX]}
    for row, each in enumerate(states):
        for name in each.unknown:
            if name in each.scores and name in found:
                found[name][row] = UNKNOWN
    return found
