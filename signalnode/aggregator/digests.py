"""The board as one packed message, for an aggregator above this one. Pure."""

from __future__ import annotations

from itertools import chain

import msgspec
import numpy as np

from signalnode.aggregator.board import Board
from signalnode.aggregator.rows import STATE_WORDS, STATUS_WORDS, state_words, status_words
from signalnode.bus.digest import (
    NUMBERS,
    SCORE,
    SCORES_MAX,
    UNKNOWN,
    Array,
    Coded,
    Words,
    encode_digest,
    packed_names,
)
from signalnode.bus.wire import SCORE_NAMES


class DigestWriter:
    """Writes one aggregator's digests: `source` names it for good, `host` is for people."""

    def __init__(self, source: str, host: str) -> None:
        self._source, self._host = source, host
        self._names: list[str] = []
        self._packed = packed_names([])

    def frames(self, board: Board, now_ns: int, place: tuple[int, int], published_ns: int) -> list[bytes]:
        """The digest of all that stands on the board now, at `place` (epoch, seq)."""
        carried_numbers, carried_scores = board.carried.columns(now_ns)
        own, carried = _own_numbers(board, now_ns), len(board.carried.names)
        return encode_digest(
            source=self._source,
            host=self._host,
            place=place,
            time_published_ns=published_ns,
            markets=self._markets(list(board.entries)),
            numbers={name: np.concatenate([own[name], carried_numbers[name]]) for name in NUMBERS},
            words=_words(board, now_ns),
            scores=_joined(_own_scores(board), carried_scores, len(board.own), carried),
        )

    def _markets(self, names: list[str]) -> msgspec.Raw:
        if names != self._names:
            self._names, self._packed = names, packed_names(names)
        return self._packed


def _own_numbers(board: Board, now_ns: int) -> dict[str, Array]:
    table = board.rows.table
    numbers = {name: table[name] for name in NUMBERS if name != "age_s"}
    return numbers | {"age_s": board.rows.ages_s(now_ns)}


def _words(board: Board, now_ns: int) -> dict[str, Words]:
    rows, carried = board.rows, board.carried
    codes = rows.codes(now_ns, board.silent_after_ns)
    if not carried.names:
        coded = Coded(STATE_WORDS, codes), Coded(STATUS_WORDS, rows.table["status"])
        return {"state": coded[0], "status": coded[1], **rows.words}
    own: dict[str, list[str]] = dict(rows.words)
    own["state"], own["status"] = [*state_words(codes)], [*status_words(rows.table["status"])]
    return {name: own[name] + words for name, words in carried.words(now_ns).items()}


def _own_scores(board: Board) -> dict[str, Array]:
    """Of the own markets, by name; the seven first, then those that markets added."""
    found: dict[str, Array] = {name: board.rows.table[name] for name in SCORE_NAMES}
    entries = list(board.own.values())
    for place in board.rows.with_added():
        newest = entries[place].newest
        assert newest is not None
        for name, score in newest.scores.items():
            if name in SCORE_NAMES:
                continue
            if name not in found:
                if len(found) >= SCORES_MAX:
                    break
                found[name] = np.full(len(entries), np.nan)
            found[name][place] = UNKNOWN if name in newest.unknown else score
    return found


def _joined(
    own: dict[str, Array], carried: dict[str, Array], own_count: int, carried_count: int
) -> dict[str, Array]:
    """Both by name, the own first, SCORES_MAX names at most."""
    none_own, none_carried = np.full(own_count, np.nan, SCORE), np.full(carried_count, np.nan, SCORE)
    names = list(dict.fromkeys(chain(own, carried)))[:SCORES_MAX]
    return {
        name: np.concatenate([own.get(name, none_own), carried.get(name, none_carried)]) for name in names
    }
