"""Verbs that work on files: replay, import."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from signalnode import clock
from signalnode.cli.spans import sources_of
from signalnode.errors import DataError, UsageError
from signalnode.names import market_name_fault, market_name_of
from signalnode.scores import names_in

RECORDINGS = (".parquet", ".pq")  # what a file to write may be called
SCORES = (*RECORDINGS, ".csv")


def replay(arguments: argparse.Namespace) -> int:
    """Score the files as one stream into `--out`, and say what was left out of them."""
    _check_out(arguments, SCORES)
    from signalnode.compiled.loader import compile_missing
    from signalnode.engine.replaying import Replaying
    from signalnode.feeds.recorded.reading import RawSpan
    from signalnode.research.replay import write_scores

    compile_missing(_compiling)
    started_ns = clock.monotonic_ns()
    sources = sources_of(arguments, arguments.files)
    if len(sources) > 1:
        raise UsageError(f"{', '.join(each.market for each in sources)}: replay one market at a time")
    name, decoding, market = sources[0]
    replaying = Replaying(name, market, decoding.marks, arguments.interval_ms * clock.NS_PER_MS)
    score, engine = replaying.score, replaying.engine
    rows = write_scores(score, decoding, arguments.out, _progress if sys.stderr.isatty() else None)
    elapsed_s = (clock.monotonic_ns() - started_ns) / clock.NS_PER_S
    print(f"{arguments.out}: {rows:,} rows from {engine.events:,} events in {elapsed_s:.1f} s")
    if replaying.unknown:
        names = ", ".join(names_in(replaying.unknown, engine.names))
        print(f"signalnode: 50 in every row, for want of evidence: {names}", file=sys.stderr)
    if replaying.passed_over:
        why = "the recording is of an engine of other parameters, or of another version"
        print(f"signalnode: not the live scores: {why}", file=sys.stderr)
    lost = sum(mark.what == "lost" for _, mark in decoding.marks)
    if lost and isinstance(decoding, RawSpan):
        missed = f"{lost} stretch{'es' * (lost != 1)} that the recorder missed"
        print(f"signalnode: behind {missed}: the live scores from the next full hour on", file=sys.stderr)
    if market is not None and market.signals:
        print(f"signalnode: scored with [signals] of {market.path}", file=sys.stderr)
    for fault in decoding.faults.lines():
        print(f"signalnode: {fault}", file=sys.stderr)
    return 0


def bring_in(arguments: argparse.Namespace) -> int:
    """Make a recording of tables, and say what each was taken for and what was left out of it."""
    if arguments.market and (wrong := market_name_fault(arguments.market)):
        raise UsageError(f"--market: {wrong}")
    _check_files(arguments, RECORDINGS)
    from signalnode.compiled.loader import compile_missing
    from signalnode.feeds import Faults
    from signalnode.feeds.files.columns import KINDS, check_named, check_roles
    from signalnode.feeds.files.importing import tables_in
    from signalnode.feeds.files.recording import write_recording
    from signalnode.feeds.files.tables import Reading, merge, tell_of_void
    from signalnode.feeds.venues.base import plain_symbol

    reading = Reading(_named(arguments.columns), arguments.unit, arguments.symbol or arguments.market)
    kinds = (arguments.kind,) if arguments.kind else ()
    compile_missing(_compiling)
    faults = Faults()
    check_roles(reading.named)
    tables = [table for file in arguments.files for table in tables_in(file, reading, kinds)]
    check_named(reading.named, [table.columns for table in tables])
    for table in tables:
        print(f"{table.name}: {table.what}")
    symbols = {plain_symbol(table.symbol): table.symbol for table in tables if table.symbol}
    if len(symbols) > 1:
        raise DataError(f"{', '.join(symbols.values())} are of several markets: import each by itself")
    for table in tables:
        tell_of_void(table.name, table.void, faults)
    events = merge([source for table in tables for source in table.sources], faults)
    if not len(events):
        raise DataError(f"{arguments.files[0]}: no sound event in it: check how it was made")
    market = arguments.market or market_name_of(next(iter(symbols.values()), ""))
    write_recording(arguments.out, events, market=market, venue="")
    first, last = (clock.utc_text(int(events["time_received_ns"][at]), "seconds") for at in (0, -1))
    print(f"{arguments.out}: {len(events):,} events of {market or 'a market'}, {first} to {last}")
    recording = shlex.quote(str(arguments.out))
    command = f"signalnode replay {recording} --market {market or 'MARKET'} --out scores.parquet"
    print(f"score them with `{command}`")
    lacks = [kind for kind in ("trades", "quotes") if not (events["kind"] == KINDS[kind]).any()]
    for kind in lacks:
        print(f"signalnode: it holds no {kind}: scores that need them stay at 50, unknown", file=sys.stderr)
    for fault in faults.lines():
        print(f"signalnode: {fault}", file=sys.stderr)
    return 0


def _named(text: str) -> dict[str, str]:
    """`price=px,time=when` by role. Raises UsageError."""
    named = {}
    for part in filter(None, text.split(",")):
        role, sign, name = part.partition("=")
        if not (sign and role and name):
            raise UsageError(f"--columns: {part!r} is not ROLE=NAME, for example price=px")
        named[role.strip()] = name.strip()
    return named


def _check_files(arguments: argparse.Namespace, suffixes: tuple[str, ...]) -> None:
    """What can be wrong is found before the first file is read."""
    seen: set[Path] = set()
    for file in arguments.files:
        if not file.is_file():
            raise DataError(f"{file}: there is no such file; mend the path")
        if file.resolve() in seen:
            raise DataError(f"{file}: is named twice, so its volume would be doubled; leave one out")
        seen.add(file.resolve())
    _check_out(arguments, suffixes)


def _check_out(arguments: argparse.Namespace, suffixes: tuple[str, ...]) -> None:
    seen = {file.resolve() for file in arguments.files}
    out: Path = arguments.out
    if not out.absolute().parent.is_dir():
        raise DataError(f"{out}: there is no directory {out.parent}; create it or choose another --out")
    if out.is_dir():
        raise DataError(f"{out}: is a directory; choose another --out")
    if out.exists() and not out.is_file():
        raise DataError(f"{out}: is no plain file; choose another --out")
    if out.resolve() in seen:
        raise DataError(f"{out}: is one of the files to read; choose another --out")
    if out.suffix.lower() not in suffixes:
        raise UsageError(f"--out {out}: a file is written as {' or '.join(suffixes)}; call it so")


def _compiling(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _progress(rows: int, done: float) -> None:
    print(f"\r{done:4.0%} read, {rows:,} rows", end="\n" if done >= 1.0 else "", file=sys.stderr, flush=True)
