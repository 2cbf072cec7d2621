"""The scores of a recording as the messages that a live engine sends, for Layer 5's own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.bus.wire import STATUSES, Score, replayed_score
from signalnode.events import EVENT, QUOTE
from signalnode.feeds import ChannelHealth
from signalnode.feeds.files.decoding import Decoding, in_gap
from signalnode.research.grid import held
from signalnode.research.replay import Progress, whole_instants
from signalnode.research.replay import Score as Scoring
from signalnode.scores import UNKNOWN, names_in

BASIS_POINTS = 1e4
ROWS = 4_096  # that are Python's own at once: those of a day would take a gigabyte


def messages_of(
    market: str, score: Scoring, decoding: Decoding, progress: Progress | None = None
) -> Iterator[Score]:
    """One a row of `score`, with the status that a live engine would give, and the spread where there are
    quotes. Raises what reading and scoring raise.
    """
    health, quote, seq = ChannelHealth(), np.zeros(1, EVENT), 0
    for events, done in whole_instants(decoding.slices()):
        table = score(events)
        times_ns = np.ascontiguousarray(table["time_ns"])
        degraded = in_gap(decoding.gaps, times_ns)
        statuses = health.observe_with_statuses(events, times_ns, degraded, table["warm"])
        quotes = held(events, np.flatnonzero(events["kind"] == QUOTE), times_ns, quote)
        names = tuple(table.dtype.names or ())[2:-2]
        with np.errstate(invalid="ignore", divide="ignore"):
            spreads = BASIS_POINTS * (quotes["ask"] - quotes["bid"]) / table["mid"]
        for row, status, spread in _rows(table, statuses, spreads):
            seq += 1
            told = dict(zip(table.dtype.names or (), row, strict=True))
            yield replayed_score(
                market,
                seq,
                told,
                {name: told[name] for name in names},
                names_in(told[UNKNOWN], names) if told["mid"] > 0.0 else names,
                STATUSES[status],
                spread if spread > 0.0 else None,
            )
        if progress:
            progress(seq, done)


def _rows(*columns: npt.NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(columns[0]), ROWS):
        yield from zip(*(column[start : start + ROWS].tolist() for column in columns), strict=True)
