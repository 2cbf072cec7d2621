"""What is worked on: files by name, or what was recorded of markets, from one time to another."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from signalnode.clock import NS_PER_S, wall_ns
from signalnode.errors import ConfigError, DataError, UsageError
from signalnode.events import TIME_MAX_NS
from signalnode.names import RECORDINGS, market_name_fault
from signalnode.settings import MarketSettings, config_found, find_node, load_node

if TYPE_CHECKING:
    from signalnode.feeds.files.decoding import Decoding
    from signalnode.settings.model import RecordKind

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Source(NamedTuple):
    """A market and its events; `settings` where the config has it."""

    market: str
    decoding: Decoding
    settings: MarketSettings | None


def sources_of(arguments: argparse.Namespace, what: Sequence[Path]) -> list[Source]:
    """Files, all of one market, which `--market` names; or what is recorded of each market named.

    Raises UsageError, and DataError where there is no such file and nothing of that name was recorded.
    """
    files = [each.is_file() for each in what]
    if all(files):
        return [_of_files(arguments, what)]
    names = [str(each) for each in what]
    if any(files) or any(map(market_name_fault, names)):
        missing = what[files.index(False)]
        raise DataError(f"{missing}: there is no such file; mend the path")
    for option in ("market", "symbol"):
        if getattr(arguments, option, ""):
            raise UsageError(f"--{option} is for files; {names[0]} is no file here")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{twice} is named twice; leave one out")
    return [of_recording(arguments, name) for name in names]


def _of_files(arguments: argparse.Namespace, files: Sequence[Path]) -> Source:
    from signalnode.feeds import open_decoding

    if not arguments.market:
        raise UsageError("of which market are these files? Name it with --market")
    wrong = market_name_fault(arguments.market)
    if wrong:
        raise UsageError(f"--market: {wrong}")
    given = next((name for name in ("from", "to") if getattr(arguments, f"{name}_time")), None)
    if given:
        raise UsageError(f"--{given} is for what was recorded of a market; these are files")
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise DataError(f"{file}: is named twice, so its volume would be doubled; leave one out")
        seen.add(file.resolve())
    decoding = open_decoding(
        files, venue=arguments.venue, market=arguments.market, symbol=getattr(arguments, "symbol", "")
    )
    return Source(arguments.market, decoding, settings_of(arguments, arguments.market))


def of_recording(arguments: argparse.Namespace, market: str) -> Source:
    from signalnode.research.recordings import open_span

    begin, end = span_of(arguments)
    folder = recordings_of(arguments)
    kind: RecordKind | None = "raw" if getattr(arguments, "raw", False) else None
    span = open_span(folder, market, begin, end, venue=arguments.venue, kind=kind)
    return Source(market, span, settings_of(arguments, market))


def span_of(arguments: argparse.Namespace) -> tuple[int, int]:
    """`--from` and `--to` as times, ns; without them, all that can be recorded. Raises UsageError."""
    now_ns = wall_ns()
    begin = time_of(arguments.from_time, now_ns, "--from") if arguments.from_time else 0
    end = time_of(arguments.to_time, now_ns, "--to") if arguments.to_time else TIME_MAX_NS
    if begin >= end:
        last = f"--to {arguments.to_time}" if arguments.to_time else "the year 2100, the last of all"
        raise UsageError(f"--from {arguments.from_time or 1970} is not before {last}")
    return begin, end


def recordings_of(arguments: argparse.Namespace, *, may_be_new: bool = False) -> Path:
    """Where recordings are: as it is given, else as in the config, else `recordings` here."""
    given: Path | None = arguments.recordings
    if given is not None:
        if not may_be_new and not given.is_dir():
            raise DataError(f"--recordings {given}: there is no such directory; mend the path")
        return given
    try:
        return find_node(config_found(arguments.config), recordings=True).recordings_dir
    except ConfigError:
        if arguments.config is not None:
            raise
        return Path(RECORDINGS)


def settings_of(arguments: argparse.Namespace, market: str) -> MarketSettings | None:
    """The market's own parameters, where there is a config that has it; a live engine has them from there."""
    path = config_found(arguments.config)
    return load_node(path).markets.get(market) if path else None


def time_of(text: str, now_ns: int, option: str) -> int:
    """Nanoseconds since 1970 of `90s`, `10m`, `2h`, `1d` ago, or of an ISO date and time (UTC).

    What is before all that can be recorded, or after it, becomes its end. Raises UsageError.
    """
    ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if ago:
        length = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return max(0, now_ns - int(length.total_seconds()) * NS_PER_S)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r}: write 90s, 10m, 2h or 1d, or a time like 2026-08-09T12:00"
        ) from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max(0, int(when.timestamp() * NS_PER_S)), TIME_MAX_NS)
