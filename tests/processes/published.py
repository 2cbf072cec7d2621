"""What a real engine published, held against its recording; see `witness`."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signalnode import SignalEngine
from signalnode.feeds.files.marks import Mark
from signalnode.feeds.recorded.gaps import Gap, read_gaps
from signalnode.feeds.recorded.hours import Kind
from signalnode.research.recordings import open_span

UNHEARD = {"stopped", "recorder"}  # in such a gap rows are missing, so nothing is claimed


class Published(NamedTuple):
    """One score of a market."""

    epoch: int
    seq: int
    at_ns: int  # the kernel time that it is as of
    scores: dict[str, float]


class Checked(NamedTuple):
    """How many scores were the recording's, bit for bit; and why others were not asked for."""

    same: int
    repeated: int  # of a time that an earlier engine had passed: a checkpoint is up to a second old
    missing: int  # in a gap of the recording
    epochs: int


def published(folder: Path, market: str) -> list[Published]:
    """All that its engines published, in order."""
    return [Published(**json.loads(line)) for line in (folder / market).read_bytes().splitlines()]


def check_law(folder: Path, market: str, kind: Kind, said: list[Published]) -> Checked:
    """The law of the recording: as of each time that a score was published for, the replay has its bits."""
    span = open_span(folder, market, kind=kind)
    events = span.gather()
    times, engine, taken = events["time_received_ns"], SignalEngine(market), 0
    gaps = [gap for gap in read_gaps(folder, market) if gap.what in UNHEARD]
    waiting, floor_ns, newest_ns = deque(said), 0, 0
    same, repeated, missing, epochs = 0, 0, 0, set[int]()
    for row, mark in [*span.marks, (len(events), None)]:
        for each in _before(mark, waiting):
            if each.at_ns <= max(floor_ns, newest_ns - 1):
                repeated += 1
                continue
            newest_ns = each.at_ns
            stop = min(row, int(np.searchsorted(times, each.at_ns, side="right")))
            engine.ingest(events[taken:stop])
            taken = max(taken, stop)
            if _is_missing(gaps, each.at_ns):
                missing += 1
                continue
            assert dict(engine.scores_at(each.at_ns)) == each.scores, (kind, each.epoch, each.seq)
            same += 1
            epochs.add(each.epoch)
        engine.ingest(events[taken:row])
        taken = row
        if mark is not None:
            engine.restore(mark.state)
            floor_ns = max(floor_ns, mark.floor_ns)
    return Checked(same, repeated, missing, len(epochs))


def _before(mark: Mark | None, waiting: deque[Published]) -> Iterator[Published]:
    """What was published before that mark."""
    while waiting:
        each = waiting[0]
        if mark is not None and (
            each.epoch >= mark.epoch if mark.what == "start" else each.at_ns >= mark.time_ns
        ):
            return
        yield waiting.popleft()


def _is_missing(gaps: list[Gap], time_ns: int) -> bool:
    return any(gap.from_ns < time_ns <= gap.to_ns for gap in gaps)
