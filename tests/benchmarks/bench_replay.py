"""A recording file in, a scores file out.

The file is the packaged BTC-USDT sample tiled to two million events and written as a Parquet recording.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from signalnode import SignalEngine, load_events
from signalnode.feeds import open_decoding
from signalnode.feeds.files.recording import write_recording
from signalnode.research.replay import write_scores
from tests.benchmarks.bench_engine import INTERVAL_NS, SAMPLE, tiled
from tests.benchmarks.table import Row, medians_s

EVENTS = 2_000_000
MARKET = "BTC-USDT"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as directory:
        recording, scores = Path(directory) / "events.parquet", Path(directory) / "scores.parquet"
        events = tiled(load_events([SAMPLE], venue="binance", market=MARKET), EVENTS)
        write_recording(recording, events, market=MARKET, venue="binance")
        del events

        def replay() -> None:
            engine = SignalEngine(MARKET)
            decoding = open_decoding([recording], market=MARKET)
            write_scores(lambda chunk: engine.replay(chunk, INTERVAL_NS, with_unknown=True), decoding, scores)

        seconds = medians_s({"replay": replay, "read": lambda: pq.read_table(recording)})
    rate, read = EVENTS / seconds["replay"], EVENTS / seconds["read"]
    yield Row(
        what="recording file in, scores file out, 2 M events",
        measured=rate,
        unit="events/s",
        reference="events/s, pyarrow reading the file and nothing else",
        reference_value=read,
        at_least=0.25,
    )
