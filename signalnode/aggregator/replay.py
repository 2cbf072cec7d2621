"""Recorded scores through the very same core: the decisions they give, bit for bit the same every time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from signalnode.aggregator.core import Aggregator, Decided
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.wire import SCORE_NAMES, Score, WireError, decode, encode, replayed_score
from signalnode.errors import DataError, UsageError
from signalnode.names import checked_name
from signalnode.scores import UNKNOWN
from signalnode.settings import AggregatorSettings
from signalnode.strategies.base import Strategy

BATCH_ROWS = 8_192
CSV_SUFFIX = ".csv"
HEADER_CHARS_MAX = 65_536  # of a CSV file's first line
MEND = "write it with `signalnode replay`"
REQUIRED = ("time_ns", "mid", "warm", "status")
ABOUT = (*REQUIRED, UNKNOWN)  # every other column is a score, added signals' among them
COLUMNS = (*REQUIRED, *SCORE_NAMES)


def named_files(arguments: Sequence[str]) -> dict[str, list[Path]]:
    """Score files by market, from `MARKET=FILE` or a FILE named after its market; raises UsageError."""
    files: dict[str, list[Path]] = {}
    for argument in arguments:
        market, equals, file = argument.partition("=")
        path = Path(file if equals else argument)
        name = market if equals else path.stem
        try:
            files.setdefault(checked_name(name), []).append(path)
        except UsageError:
            raise UsageError(f"{argument}: which market is it? Write MARKET={path}") from None
    return files


def replay_decisions(
    files: Mapping[str, Sequence[Path]],
    strategies: Mapping[str, Strategy],
    settings: AggregatorSettings,
    assets: Mapping[str, str] | None = None,
) -> Iterator[Decided]:
    """Every view of the recorded scores, with the decisions taken on it and what went wrong.

    `files` are Parquet or `.csv` files as `signalnode replay` writes them, by market, each market's in order
    of time. What a row's `unknown` names has no evidence; of a file without that column, only what stands
    before its first price. Rows of equal time are taken in order of the market's name. Strategies have no
    budget here: time does not press. Raises DataError for a file that is missing, not of that form, or goes
    back in time.
    """
    streams = {market: _scores(market, files[market]) for market in files}
    return decided_on(streams, strategies, settings, assets)


def decided_on(
    streams: Mapping[str, Iterable[Score]],
    strategies: Mapping[str, Strategy],
    settings: AggregatorSettings,
    assets: Mapping[str, str] | None = None,
) -> Iterator[Decided]:
    """As `replay_decisions`, of each market's scores as valid messages in order of time."""
    rows = [_timed(streams[market]) for market in sorted(streams)]
    core: Aggregator | None = None
    for time_ns, _, message in heapq.merge(*rows, key=lambda row: row[:2]):
        if core is None:
            known = {market: asset for market, asset in (assets or {}).items() if market in streams}
            runner = StrategyRunner(strategies)
            core = Aggregator(settings, sorted(streams), runner, 1, time_ns, assets=known, is_alone=True)
        if core.due_ns <= time_ns:
            yield from core.decide(time_ns)
        core.hear(message, time_ns)


def _timed(scores: Iterable[Score]) -> Iterator[tuple[int, str, Score]]:
    return ((score.time_received_ns, score.market, score) for score in scores)


def _scores(market: str, paths: Sequence[Path]) -> Iterator[Score]:
    seq, last_ns = 0, -(2**63)
    for path in paths:
        for row in _rows(path):
            time_ns = int(row["time_ns"])
            if time_ns < last_ns:
                raise DataError(f"{path}: goes back in time at {time_ns}; give each market's files in order")
            last_ns, seq = time_ns, seq + 1
            scores = {name: value for name, value in row.items() if name not in ABOUT}
            unknown = tuple((row.get(UNKNOWN) or "").split()) if row["mid"] > 0 else tuple(scores)
            score = replayed_score(
                market, seq, time_ns, row["mid"], row["warm"], scores, unknown, row["status"]
            )
            try:
                decode(encode(score))
            except WireError as error:
                raise DataError(f"{path}: the row at {time_ns} is no valid score: {error}") from None
            yield score


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow

    try:
        for batch in (_csv_batches if path.suffix.lower() == CSV_SUFFIX else _parquet_batches)(path):
            empty = [n for n in batch.schema.names if n != UNKNOWN and batch.column(n).null_count]
            if empty:
                raise DataError(f"{path}: rows without {', '.join(empty)}; {MEND}")
            yield from batch.to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise DataError(
            f"{path}: cannot be read ({reason}); give a score file of `signalnode replay`"
        ) from None


def _parquet_batches(path: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        _check_columns(path, file.schema_arrow)
        yield from file.iter_batches(BATCH_ROWS)


def _csv_batches(path: Path) -> Iterator[Any]:
    """As Parquet's: with types that do not depend on what the first rows hold, and NaN no missing value."""
    import pyarrow as pa
    from pyarrow import csv

    with path.open(encoding="utf-8", errors="replace") as file:
        names = [name.strip('"') for name in file.readline(HEADER_CHARS_MAX).rstrip("\r\n").split(",")]
    kinds = dict.fromkeys(names, pa.float64()) | {
        "time_ns": pa.int64(),
        "status": pa.string(),
        UNKNOWN: pa.string(),
    }
    options = csv.ConvertOptions(column_types=kinds, null_values=[""], strings_can_be_null=True)
    with csv.open_csv(path, convert_options=options) as reader:
        _check_columns(path, reader.schema)
        yield from reader


def _check_columns(path: Path, schema: Any) -> None:
    """Raise DataError where a column of a score file is missing, or of a type that no such file has."""
    from pyarrow import types

    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        raise DataError(f"{path}: holds no {', '.join(missing)}; {MEND}")
    is_right = {"time_ns": types.is_integer, "status": types.is_string, UNKNOWN: types.is_string}
    for name in schema.names:
        kind = schema.field(name).type
        if not is_right.get(name, types.is_floating)(kind):
            raise DataError(f"{path}: column {name} is {kind}; {MEND}")
