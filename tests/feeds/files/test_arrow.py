"""Columns for Arrow: what its own function makes of the same values, without its import of pandas."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from signalnode.events import EVENT
from signalnode.feeds.files import arrow
from tests.effort import PATIENCE_S
from tests.forked import Forked

WRITES = """
import sys
from pathlib import Path
from signalnode import SignalEngine
from signalnode.feeds import open_decoding, synthetic_events
from signalnode.feeds.files.recording import write_recording
from signalnode.research.replay import write_scores
recording, engine = Path("A-USD.parquet"), SignalEngine("A-USD")
write_recording(recording, synthetic_events(1, 50), market="A-USD", venue="")
decoding = open_decoding([recording], venue="", market="A-USD")
write_scores(lambda events: engine.replay(events, 10**9, with_unknown=True), decoding, Path("scores.parquet"))
print("pyarrow" in sys.modules, "pandas" in sys.modules)
"""


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.5, np.nan, -np.inf, -0.0]),
        np.zeros(0),
        np.array([2**63 - 1, -(2**63)]),
        np.arange(5, dtype=np.uint8),
        np.arange(10, dtype=np.int32)[::-3],
        np.ones(3, EVENT)["kind"],
    ],
    ids=lambda values: f"{len(values)} {values.dtype}",
)
def test_numbers_are_as_arrow_takes_them(values: npt.NDArray[np.float64]) -> None:
    made, expected = arrow.numbers(values), pa.array(np.ascontiguousarray(values))
    made.validate(full=True)
    assert (made.type, made.null_count) == (expected.type, 0)
    assert np.asarray(made).tobytes() == np.asarray(expected).tobytes()


@pytest.mark.parametrize("texts", [(), ("",), ("momentum_long", "", "Ä 1", "x")], ids=len)
def test_words_are_as_arrow_takes_them(texts: tuple[str, ...]) -> None:
    made = arrow.words(texts)
    made.validate(full=True)
    assert made.equals(pa.array(texts, pa.string()))


def test_what_writes_a_recording_and_its_scores_imports_no_pandas(tmp_path: Path) -> None:
    writer = Forked(WRITES, (), os.environ, folder=tmp_path)
    said, faults = writer.communicate(PATIENCE_S)
    assert (said.split(), faults) == (["True", "False"], "")
