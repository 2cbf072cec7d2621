"""`recordings`: what was recorded, and what is missing of it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from signalnode.cli.spans import recordings_of
from signalnode.clock import utc_text
from signalnode.errors import DataError
from signalnode.panels.table import table_lines

if TYPE_CHECKING:
    from signalnode.feeds.recorded.gaps import Gap

COLUMNS = ("market", "venue", "kind", "from", "to", "hours", "MB", "gaps")
_NUMBERS = frozenset({"hours", "MB", "gaps"})
GAPS_SHOWN = 20  # of one market, the newest


def recordings(arguments: argparse.Namespace) -> int:
    """Print a row for each market and kind; of the markets named their newest gaps, too.

    Raises DataError for a market that is not there, and with `--check` where anything is damaged or missing.
    """
    from signalnode.feeds.recorded.gaps import read_gaps
    from signalnode.research.recordings import recorded_markets

    folder = recordings_of(arguments)
    found = [each for each in recorded_markets(folder) if each.market in (arguments.markets or [each.market])]
    missing = set(arguments.markets) - {each.market for each in found}
    if missing:
        raise DataError(f"{min(missing)}: nothing of it is recorded in {folder}")
    faults, noted = _checked(folder, arguments) if arguments.check else ([], "")
    gaps = [gap for gap in read_gaps(folder) if gap.market in arguments.markets]
    if arguments.json:
        told = {
            "folder": str(folder),
            "recordings": [each._asdict() for each in found],
            "gaps": msgspec.to_builtins(gaps),
        }
        print(json.dumps(told | ({"faults": msgspec.to_builtins(faults)} if arguments.check else {})))
        return _ended(folder, faults, noted)
    if not found:
        print(f"{folder}: nothing is recorded; set [record], or try `signalnode record VENUE MARKET`")
        return 0
    rows = [
        (
            each.market,
            each.venue,
            each.kind,
            *(utc_text(time_ns, "seconds") for time_ns in (each.first_ns, each.last_ns)),
            str(each.hours),
            f"{each.bytes / 1e6:,.1f}",
            str(each.gaps),
        )
        for each in found
    ]
    print("\n".join(table_lines(COLUMNS, rows, _NUMBERS)))
    for gap in gaps[-GAPS_SHOWN:]:
        print(_line_of(gap))
    for gap in faults:
        if gap not in gaps[-GAPS_SHOWN:]:
            print(_line_of(gap))
    if arguments.check:
        _tell_of_files(folder)
        if not faults:
            print(f"{folder}: every block and page of {sum(each.hours for each in found)} hours is sound")
    return _ended(folder, faults, noted)


def _line_of(gap: Gap) -> str:
    begin, end = (utc_text(time_ns, "milliseconds") for time_ns in (gap.from_ns, gap.to_ns))
    return f"{gap.market}: {begin} to {end}: no {', '.join(gap.channels)}: {gap.why}"


def _checked(folder: Path, arguments: argparse.Namespace) -> tuple[list[Gap], str]:
    """What is wrong, and why it is not noted beside the recording, if it is not."""
    from signalnode.compiled.loader import compile_missing
    from signalnode.research.checking import checked, note

    compile_missing(lambda line: print(line, file=sys.stderr, flush=True))
    faults: list[Gap] = []
    for done, found in checked(folder, arguments.markets):
        faults += found
        if sys.stderr.isatty():
            print(f"\r{done:4.0%} read, {len(faults)} faults", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return faults, note(folder, faults) if faults else ""


def _tell_of_files(folder: Path) -> None:
    """What is no fault of the recording, and still should be known."""
    from signalnode.feeds.recorded.gaps import FILE, strange_lines
    from signalnode.feeds.recorded.hours import KINDS, hours_in
    from signalnode.files import is_held
    from signalnode.research.recorder import LOCK_FILE

    if strange := strange_lines(folder):
        print(f"{folder / FILE}: {strange} of its lines are broken, and passed over")
    left = [hour for kind in KINDS for hour in hours_in(folder, kind) if not hour.is_finished]
    if left and not is_held(folder / LOCK_FILE):
        print(f"{left[0].path}: unfinished, as {len(left)} in all; whoever records there next finishes them")


def _ended(folder: Path, faults: list[Gap], noted: str) -> int:
    if faults:
        where = f"not noted in gaps.jsonl: {noted}" if noted else "noted in gaps.jsonl"
        count = f"{len(faults)} stretch{'es are' if len(faults) > 1 else ' is'} damaged or missing"
        raise DataError(f"{folder}: {count}, {where}; put the files back from a copy, if there is one")
    return 0
