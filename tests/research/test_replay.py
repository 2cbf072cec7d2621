"""The file that `replay` writes: every row once, whole or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from signalnode.errors import DataError
from signalnode.events import EVENT, TRADE, Events
from signalnode.feeds import Faults
from signalnode.feeds.files.decoding import Gaps, Slice
from signalnode.research import replay

ROW = np.dtype(
    [("time_ns", "<i8"), ("mid", "<f8"), ("momentum_long", "<f8"), ("warm", "<f8"), ("unknown", "<u8")]
)


def score(events: Events) -> npt.NDArray[Any]:
    """One row an event; warm after the fifth."""
    rows = np.zeros(len(events), ROW)
    rows["time_ns"] = events["time_received_ns"]
    rows["warm"] = np.minimum(events["time_received_ns"] / 5, 1.0)
    rows["unknown"] = events["time_received_ns"] < 2
    return rows


@pytest.fixture
def events() -> Events:
    made = np.zeros(10, EVENT)
    made["kind"] = TRADE
    made["time_received_ns"] = np.arange(10)
    return made


class Decoded:
    """Sound events without a gap, in slices of `size`."""

    def __init__(self, events: Events, size: int) -> None:
        self.faults, self.gaps = Faults(), Gaps()
        self._events, self._size = events, size

    def slices(self) -> Iterator[Slice]:
        count = len(self._events)
        for start in range(0, count, self._size):
            yield Slice(self._events[start : start + self._size], min(start + self._size, count) / count)

    def gather(self) -> Events:
        return self._events


def test_every_row_is_there_once_in_whatever_chunks(
    events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "ROWS_PER_GROUP", 4)
    done: list[tuple[int, float]] = []
    pieces = Decoded(events, 3)
    rows = replay.write_scores(score, pieces, tmp_path / "out.parquet", lambda *step: done.append(step))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["time_ns", "mid", "momentum_long", "warm", "status", "unknown"]
    assert table["unknown"].to_pylist() == ["momentum_long"] * 2 + [""] * 8
    assert table["time_ns"].to_pylist() == list(range(10))
    assert table["status"].to_pylist() == ["warming"] * 5 + ["live"] * 5
    assert rows == 10
    assert done[-1] == (10, 1.0)
    assert done == sorted(done)


def test_a_name_that_ends_in_csv_makes_it_csv(
    events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "ROWS_PER_GROUP", 4)
    replay.write_scores(score, Decoded(events, 3), tmp_path / "a.CSV")
    replay.write_scores(score, Decoded(events, 3), tmp_path / "a.parquet")
    written = pq.read_table(tmp_path / "a.parquet")
    assert csv.read_csv(tmp_path / "a.CSV").cast(written.schema).equals(written)
    assert (tmp_path / "a.CSV").read_text().startswith("time_ns,mid,momentum_long,warm,status,unknown\n0,")


def test_no_events_make_a_file_without_rows(tmp_path: Path) -> None:
    assert replay.write_scores(score, Decoded(np.zeros(0, EVENT), 1), tmp_path / "out.parquet") == 0
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_a_fault_half_way_keeps_the_file_that_was_there(
    events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "ROWS_PER_GROUP", 1)
    (tmp_path / "out.parquet").write_bytes(b"before")

    def fail(chunk: Events) -> npt.NDArray[Any]:
        if chunk["time_received_ns"][0] > 5:
            raise ValueError("half way")
        return score(chunk)

    with pytest.raises(ValueError, match="half way"):
        replay.write_scores(fail, Decoded(events, 3), tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    assert (tmp_path / "out.parquet").read_bytes() == b"before"


def test_a_place_that_cannot_be_written_is_one_line(events: Events, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written .*; choose another --out") as caught:
        replay.write_scores(score, Decoded(events, 3), tmp_path / "none" / "out.parquet")
    assert "\n" not in str(caught.value)


def test_the_end_is_told_although_nothing_sound_comes_last(events: Events, tmp_path: Path) -> None:
    class EndsInFaults(Decoded):
        def slices(self) -> Iterator[Slice]:
            for piece in super().slices():
                yield Slice(piece.events, 0.9 * piece.done)
            yield Slice(np.zeros(0, EVENT), 1.0)

    done: list[float] = []
    pieces = EndsInFaults(events, 3)
    replay.write_scores(score, pieces, tmp_path / "out.parquet", lambda _rows, share: done.append(share))
    assert done[-1] == 1.0


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_no_instant_is_torn_between_two_slices(size: int) -> None:
    events = np.zeros(12, EVENT)
    events["time_received_ns"] = [1, 1, 1, 2, 3, 3, 3, 3, 4, 5, 5, 5]
    pieces = [
        piece["time_received_ns"].tolist()
        for piece, _ in replay.whole_instants(Decoded(events, size).slices())
    ]
    assert [time for piece in pieces for time in piece] == events["time_received_ns"].tolist()
    assert all(before[-1] < after[0] for before, after in itertools.pairwise(pieces))
