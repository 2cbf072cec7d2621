"""What tuning costs: a trial beside one pass of replay, and how busy it keeps the cores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from signalnode import load_events
from signalnode.cli.trying import begun, prepared, targets_with
from signalnode.events import Events
from signalnode.research.tuning.tape import Tape, laid_out, replayed, silences
from signalnode.research.tuning.trials import Bench, Found, Prepared, Trial
from signalnode.research.tuning.workers import Workers, cores
from tests.benchmarks.bench_engine import SAMPLE, tiled
from tests.benchmarks.table import Row, medians_s

EVENTS = 1_000_000  # of the packaged recording, some two hours
TRIALS_A_CORE = 40
MARKET = "BTC-USDT"


def rows() -> Iterator[Row]:
    targets = targets_with({}, 30.0)
    with tempfile.TemporaryDirectory() as directory:
        events = tiled(load_events([SAMPLE], venue="binance", market=MARKET), EVENTS)
        tape = laid_out(
            MARKET, [(events, 1.0)], begun(MARKET, {}), targets, Path(directory) / f"{MARKET}.events"
        )
        bench = Bench(tape, {}, targets, {each.name: 2.0 * each.horizon_s for each in targets})
        yield _trial(events, bench)
        yield _busy(tape, bench)


def _trial(events: Events, bench: Bench) -> Row:
    kept, silent = Prepared(bench), silences(events)
    seconds = medians_s(
        {
            "trial": lambda: kept.measured(begun, {"volume_s": 20.0}),
            "replay": lambda: replayed(events, silent, begun(MARKET, {})),
        }
    )
    return Row(
        what="a trial of every signal, 1 M events",
        measured=1e3 * seconds["trial"],
        unit="ms",
        reference="ms, one pass of replay over them",
        reference_value=1e3 * seconds["replay"],
        at_most=1.2,
    )


def _busy(tape: Tape, bench: Bench) -> Row:
    """The share of time in which the processes that try had something to do: they ran, or waited for a core
    that others had.
    """
    count = cores()
    trials = [
        Trial(tape.market, (("volume_s", 5.0 + 0.1 * number),)) for number in range(count * TRIALS_A_CORE)
    ]
    workers: Workers[Trial, dict[str, Found]] = Workers(count, prepared, (bench,))
    with workers:
        list(workers.done(trials[:count]))  # what a process sets up once is not what it is kept busy with
        started, before_s = time.perf_counter(), _at_work_s(workers.pids)
        for _ in workers.done(trials[count:]):
            pass
        elapsed, at_work = time.perf_counter() - started, _at_work_s(workers.pids) - before_s
    return Row(
        what=f"cores that {count} processes that try keep at work",
        measured=at_work / elapsed,
        unit="cores",
        reference="cores that there are",
        reference_value=float(count),
        at_least=0.9,
    )


def _at_work_s(pids: list[int]) -> float:
    """Seconds that these processes have run or been ready to, by the scheduler's own count."""
    counted = [Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[:2] for pid in pids]
    return sum(int(ran) + int(ready) for ran, ready in counted) * 1e-9
