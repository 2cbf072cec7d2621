"""The scores of a recording as the messages that a live engine sends, for Layer 5's own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from signalnode.bus.wire import STATUSES, Score, replayed_score
from signalnode.events import EVENT, QUOTE, Events
from signalnode.feeds import ChannelHealth
from signalnode.feeds.files.decoding import Decoding, in_gap
from signalnode.research.grid import SPAN_NS, held
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
    for slice_, done in whole_instants(decoding.slices()):
        for events in _spans(slice_):
            table = score(events)
            times_ns = np.ascontiguousarray(table["time_ns"])
            degraded = in_gap(decoding.gaps, times_ns)
            statuses = health.observe_with_statuses(events, times_ns, degraded, table["warm"])
            quotes = held(events, np.flatnonzero(events["kind"] == QUOTE), times_ns, quote)
            with np.errstate(invalid="ignore", divide="ignore"):
                spreads = BASIS_POINTS * (quotes["ask"] - quotes["bid"]) / table["mid"]
            yield from _messages(market, seq, table, statuses, spreads)
            seq += len(table)
        if progress:
            progress(seq, done)


def _spans(events: Events) -> Iterator[Events]:
    """The same in pieces of SPAN_NS, so that few events over days ask for no more memory."""
    times_ns = events["time_received_ns"]
    ends = np.arange(times_ns[0], times_ns[-1], SPAN_NS)[1:] if len(events) else ()
    yield from (each for each in np.split(events, np.searchsorted(times_ns, ends)) if len(each))


def _messages(
    market: str,
    seq: int,
    table: npt.NDArray[Any],
    statuses: npt.NDArray[np.uint8],
    spreads: npt.NDArray[np.float64],
) -> Iterator[Score]:
    names = tuple(table.dtype.names or ())[2:-2]
    unknown_of = {bits: names_in(bits, names) for bits in np.unique(table[UNKNOWN]).tolist()}
    for row, status, spread in _rows(table, statuses, spreads):
        time_ns, mid, *scores, warm, unknown = row
        seq += 1
        yield replayed_score(
            market,
            seq,
            time_ns,
            mid,
            warm,
            dict(zip(names, scores, strict=True)),
            unknown_of[unknown] if mid > 0.0 else names,
            STATUSES[status],
            spread if spread > 0.0 else None,
        )


def _rows(*columns: npt.NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(columns[0]), ROWS):
        yield from zip(*(column[start : start + ROWS].tolist() for column in columns), strict=True)
