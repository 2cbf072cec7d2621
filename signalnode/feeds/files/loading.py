"""Files by name into events, for replay and notebooks: captures of a venue, or recordings."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from signalnode.errors import DataError
from signalnode.events import Events
from signalnode.feeds.base import DEPTH_BPS
from signalnode.feeds.faults import Faults
from signalnode.feeds.files.capture import CaptureDecoding
from signalnode.feeds.files.decoding import Decoding
from signalnode.feeds.files.lines import check_no_archive
from signalnode.feeds.files.recording import RecordingDecoding
from signalnode.feeds.venues import decoder_of
from signalnode.files import begins_as_parquet
from signalnode.settings import VENUE_NAMES, frames_of

PARQUET_SUFFIXES = (".parquet", ".pq")
TABLE_SUFFIX = ".csv"  # maybe with another behind it: .csv.gz


def load_events(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    venue: str = "",
    market: str = "",
    symbol: str = "",
    depth_bps: float = DEPTH_BPS,
) -> Events:
    """The events of some files, played one after the other: captures of `venue`, or recordings (Parquet).

    Shape (n,), dtype EVENT, in kernel time order. `symbol`: what the files call the market, where that is not
    `market`; without either, the only market in them is meant. Faults in the files are passed over;
    `load_events_with_faults` tells them. Raises DataError for a missing or unreadable file, an unknown venue,
    or files without one event of the market.
    """
    return load_events_with_faults(paths, venue=venue, market=market, symbol=symbol, depth_bps=depth_bps)[0]


def load_events_with_faults(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    venue: str = "",
    market: str = "",
    symbol: str = "",
    depth_bps: float = DEPTH_BPS,
) -> tuple[Events, Faults]:
    """As `load_events`, and what was wrong with the files."""
    decoding = open_decoding(paths, venue=venue, market=market, symbol=symbol, depth_bps=depth_bps)
    return decoding.gather(), decoding.faults


def open_decoding(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    venue: str = "",
    market: str = "",
    symbol: str = "",
    depth_bps: float = DEPTH_BPS,
) -> Decoding:
    """The events of some files as `slices()` of bounded size, for files that do not fit into memory.

    Each slice is `(events, done)`, with `done` the fraction read; `faults` grow as it goes on. Raises
    DataError as `load_events` does, here or while slices are drawn.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
    if not files:
        raise DataError("no file named: give at least one capture or recording")
    recorded = [is_parquet(path) for path in files]
    if all(recorded):
        return RecordingDecoding(files, symbol or market, Faults())
    if any(recorded):
        raise DataError(f"{files[recorded.index(True)]}: a recording among captures: load one kind at a time")
    for path in files:
        if TABLE_SUFFIX in map(str.lower, path.suffixes):
            raise DataError(f"{path}: a table: `signalnode import` makes a recording of it")
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; mend the path")
        check_no_archive(path)
    if not venue:
        raise DataError(f"{files[0]}: whose frames are in it? Name the venue, {one_of(VENUE_NAMES)}")
    if frames_of(venue) not in VENUE_NAMES:
        raise DataError(f"unknown venue {venue!r}: {one_of(VENUE_NAMES)}")
    return CaptureDecoding(files, decoder_of(venue), symbol or market, depth_bps, Faults())


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its name or by its first bytes."""
    return path.suffix.lower() in PARQUET_SUFFIXES or begins_as_parquet(path) is True


def one_of(names: Iterable[str]) -> str:
    """What may be chosen, for an error line."""
    return "one of " + ", ".join(sorted(names))
