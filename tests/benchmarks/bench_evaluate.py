"""What scores were worth: a day of one busy market into a page and its numbers, beside one pass of `replay`.

The day is the packaged BTC-USDT sample tiled to eight million events and stretched over 24 hours.
"""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

import signalnode
from signalnode import SignalEngine, load_events
from signalnode.events import Events
from signalnode.feeds import open_decoding
from signalnode.feeds.files.recording import write_recording
from signalnode.research.replay import write_scores
from signalnode.research.report import page_of
from tests.benchmarks.bench_engine import INTERVAL_NS, SAMPLE, tiled
from tests.benchmarks.table import Row, medians_s

EVENTS, HOURS = 8_000_000, 24
RUNS = 3  # of half a minute each
MARKET = "BTC-USDT"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_recording(folder / "day.parquet", _day(EVENTS, HOURS), market=MARKET, venue="binance")
        write_recording(
            folder / "hours.parquet", _day(EVENTS // 4, HOURS // 4), market=MARKET, venue="binance"
        )

        def replay() -> None:
            engine = SignalEngine(MARKET)
            decoding = open_decoding([folder / "day.parquet"], market=MARKET)
            write_scores(
                lambda chunk: engine.replay(chunk, INTERVAL_NS, with_unknown=True),
                decoding,
                folder / "s.parquet",
            )

        def evaluate() -> None:
            found = signalnode.evaluate({MARKET: folder / "day.parquet"})
            (folder / "r.html").write_text(page_of(found), encoding="utf-8")
            (folder / "r.json").write_bytes(msgspec.json.encode(found))

        seconds = medians_s({"replay": replay, "evaluate": evaluate}, RUNS)
        yield Row(
            what="a day of 8 M events: page and JSON",
            measured=seconds["evaluate"],
            unit="s",
            reference="s, one pass of replay over it",
            reference_value=seconds["replay"],
            at_most=3.0,
        )
        peaks = [_peak_mb(folder / name) for name in ("day.parquet", "hours.parquet")]
        yield Row(
            what="the most memory that Python and numpy held",
            measured=peaks[0],
            unit="MB",
            reference="MB, a quarter of the day",
            reference_value=peaks[1],
            at_most=1.25,
        )


def _day(count: int, hours: int) -> Events:
    events = tiled(load_events([SAMPLE], venue="binance", market=MARKET), count)
    first = int(events["time_received_ns"][0])
    factor = hours * 3_600 * 1e9 / (int(events["time_received_ns"][-1]) - first)
    for name in ("time_received_ns", "time_event_ns"):
        events[name] = first + ((events[name] - first) * factor).astype(np.int64)
    return events


def _peak_mb(recording: Path) -> float:
    tracemalloc.start()
    signalnode.evaluate({MARKET: recording})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6
