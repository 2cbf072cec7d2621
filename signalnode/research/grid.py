"""A recording walked once: its scores and what the market did, row by row on one grid of kernel time.

A silence of SILENCE_NS and more, which no market here has by itself, ends a stretch: nothing is said over it,
neither of what followed nor of what was usual. The engine is not told, and goes on as a live one does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.events import DEPTH as DEPTH_KIND
from signalnode.events import EVENT, QUOTE, TRADE, Events
from signalnode.scores import UNKNOWN

GRID_NS = 100 * NS_PER_MS
GRID_S = GRID_NS / NS_PER_S
SILENCE_NS = 300 * NS_PER_S
SPAN_NS = 3_600 * NS_PER_S  # scored at once, so that few events over days ask for no more memory

Floats = npt.NDArray[np.float64]
Score = Callable[[Events, int], npt.NDArray[Any]]  # events and the grid's step, ns: rows, `unknown` with them


class Rows(NamedTuple):
    """Rows of one stretch that follow each other, GRID_NS apart; NaN where nothing is known."""

    begins: bool  # a stretch, with the first of them
    times_ns: npt.NDArray[np.int64]  # shape (n,)
    scores: npt.NDArray[np.float32]  # shape (n, names)
    warm: npt.NDArray[np.bool_]
    log_mid: Floats
    volume: Floats  # base units traded in the step that ends there
    spread: Floats  # ln of ask over bid; NaN before the first quote
    thinness: Floats  # ½/bid + ½/ask of the depth, else of the sizes at the top; NaN before either
    top: Floats  # geometric mean of the sizes at the top
    has_depth: bool


class Walk:
    """Events in, slice by slice as `whole_instants` cuts them; rows out."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self.names: tuple[str, ...] = ()
        self.events = self.silences = 0
        self.silent_ns = self.first_ns = self.last_ns = 0
        self._next_ns = 0  # the grid's next row
        self._begins = True
        self._quote, self._depth = np.zeros(1, EVENT), np.zeros(1, EVENT)
        self._volume = 0.0  # traded since the last row

    def take(self, events: Events) -> Iterator[Rows]:
        """Rows up to the last of these events."""
        times = events["time_received_ns"]
        if not len(events):
            return
        silent = np.flatnonzero(np.diff(times, prepend=self.last_ns or times[0]) >= SILENCE_NS)
        if not self.events:
            self.first_ns = self._next_ns = int(times[0])
        for start, stop in zip([0, *silent.tolist()], [*silent.tolist(), len(events)], strict=True):
            if start == stop:
                continue
            piece = events[start:stop]
            is_first = False
            if start in silent:
                is_first = True
                self._resume(piece[:1])
            yield from self._spans(piece, skip=int(is_first))
        self.events += len(events)

    def _resume(self, event: Events) -> None:
        """Pass the silence before this event with one row, however long it was."""
        time_ns = int(event["time_received_ns"][0])
        self.silences += 1
        self.silent_ns += time_ns - self.last_ns
        step_ns = ((time_ns - self._next_ns) // GRID_NS + 1) * GRID_NS
        self._next_ns += step_ns
        self._score(event, step_ns)
        self._begins = True
        self._volume = 0.0

    def _spans(self, events: Events, skip: int) -> Iterator[Rows]:
        """`events`, of which the engine knows the first `skip`."""
        times = events["time_received_ns"]
        ends = np.arange(times[0], times[-1], SPAN_NS)[1:]
        bounds = [0, *np.searchsorted(times, ends).tolist(), len(events)]
        for start, stop in itertools.pairwise(bounds):
            if start == stop:
                continue
            piece = events[start:stop]
            table = self._score(piece[skip:], GRID_NS)
            skip = 0
            self.last_ns = int(piece["time_received_ns"][-1])
            rows = self._measured(piece, table)
            if rows is not None:
                yield rows

    def _measured(self, events: Events, table: npt.NDArray[Any]) -> Rows | None:
        if not self.names:
            self.names = tuple(table.dtype.names or ())[2:-2]
        grid = np.ascontiguousarray(table["time_ns"])
        kinds, times = events["kind"], events["time_received_ns"]
        trades = np.flatnonzero(kinds == TRADE)
        places = np.searchsorted(grid, times[trades])
        # Of no trade at all it makes integers.
        volume = np.bincount(places, events["size"][trades], len(grid) + 1).astype(np.float64)
        volume[0] += self._volume
        self._volume = float(volume[-1])
        quotes = held(events, np.flatnonzero(kinds == QUOTE), grid, self._quote)
        depths = held(events, np.flatnonzero(kinds == DEPTH_KIND), grid, self._depth)
        has_depth = bool(self._depth["kind"][0])
        if not len(grid):
            return None
        self._next_ns = int(grid[-1]) + GRID_NS
        known = np.isfinite(table["mid"])
        begins, self._begins = self._begins, self._begins and not known.any()
        if not known.any():
            return None
        first = int(np.argmax(known))  # only before the first price is there none
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.log(quotes["ask"] / quotes["bid"])
            top = np.sqrt(quotes["bid_size"] * quotes["ask_size"])
            thinness = 0.5 / quotes["bid_size"] + 0.5 / quotes["ask_size"]
            if has_depth:
                deep = 0.5 / depths["bid_depth"] + 0.5 / depths["ask_depth"]
                thinness = np.where(depths["kind"] > 0, deep, thinness)
            log_mid = np.log(table["mid"])
        columns: dict[str, Any] = {
            "times_ns": grid,
            "scores": _scores(table, self.names),
            "warm": table["warm"] >= 1.0,
            "log_mid": log_mid,
            "volume": volume[:-1],
            "spread": spread,
            "thinness": thinness,
            "top": top,
        }
        sliced = {name: column[first:] for name, column in columns.items()}
        return Rows(begins=begins, has_depth=has_depth, **sliced)


def held(events: Events, places: npt.NDArray[np.intp], grid: npt.NDArray[np.int64], last: Events) -> Events:
    """The newest of events[places] at each time of the grid, `last` where there is none yet; `last` is the
    newest of all afterwards.
    """
    at = np.searchsorted(events["time_received_ns"][places], grid, side="right") - 1
    if not len(places):
        return np.repeat(last, len(grid))
    found = events[places[np.maximum(at, 0)]]
    found[at < 0] = last[0]
    last[0] = events[places[-1]]
    return found


def _scores(table: npt.NDArray[Any], names: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Shape (rows, names); NaN where one has no evidence."""
    out = np.empty((len(table), len(names)), np.float32)
    for place, name in enumerate(names):
        out[:, place] = table[name]
    unknown = table[UNKNOWN]
    if unknown.any():
        for place in range(len(names)):
            out[(unknown >> np.uint64(place)) & np.uint64(1) > 0, place] = np.nan
    return out
