"""Where recordings are: `raw/venue=…/market=…/date=…/HH.zst`, and `events/…/HH.parquet` alike.

Hours are of UTC, by kernel time. A second part of an hour, after the first was finished, is `HH-2.zst`.
While it is written an hour is `HH.zst.open`, or the journal `.HH.open`, which becomes `.HH.closed` and then
Parquet: tools that read the tree as one table pass over names that begin with a dot.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from signalnode.clock import NS_PER_S
from signalnode.settings.model import RecordKind

HOUR_NS = 3_600 * NS_PER_S
Kind = RecordKind
KINDS: tuple[Kind, ...] = ("raw", "events")
NO_VENUE = "none"  # of markets whose feed has none: a recording's, a made-up one's
_NAMES = {
    "raw": re.compile(r"(\d\d)(?:-(\d{1,6}))?\.zst(\.open)?"),
    "events": re.compile(r"\.?(\d\d)(?:-(\d{1,6}))?\.(parquet|open|closed)"),
}


class Hour(NamedTuple):
    """A part of an hour of a market, as it is on disk."""

    kind: Kind
    venue: str
    market: str
    start_ns: int
    part: int  # from 1
    path: Path

    @property
    def end_ns(self) -> int:
        """When it is over."""
        return self.start_ns + HOUR_NS

    @property
    def is_open(self) -> bool:
        """Whether it is being written, or was when its recorder ended."""
        return self.path.suffix == ".open"

    @property
    def is_finished(self) -> bool:
        """Whether it stays as it is, under its final name."""
        return self.path.suffix in (".zst", ".parquet")

    @property
    def bytes(self) -> int:
        """What it takes; 0 where it has gone."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


def hour_of(time_ns: int) -> int:
    """The beginning of the hour of a time."""
    return time_ns - time_ns % HOUR_NS


def market_folder(folder: Path, kind: Kind, venue: str, market: str) -> Path:
    """Where the days of a market are."""
    return folder / kind / f"venue={venue or NO_VENUE}" / f"market={market}"


def hour_path(  # noqa: PLR0917 - the parts of a name
    folder: Path, kind: Kind, venue: str, market: str, start_ns: int, part: int, state: str = ""
) -> Path:
    """The name of an hour; `state`: "" of a finished one, "open" or "closed"."""
    moment = datetime.datetime.fromtimestamp(start_ns // NS_PER_S, datetime.UTC)
    name = f"{moment:%H}" if part == 1 else f"{moment:%H}-{part}"
    if kind == "raw":
        name += ".zst" + (f".{state}" if state else "")
    else:
        name = f".{name}.{state}" if state else f"{name}.parquet"
    return market_folder(folder, kind, venue, market) / f"date={moment:%Y-%m-%d}" / name


def hours_in(folder: Path, kind: Kind, venue: str = "*", market: str = "*") -> list[Hour]:
    """What there is, in order of market and time; the name of a venue or market, or "*" for all."""
    found = [
        hour
        for day in market_folder(folder, kind, venue, market).parent.parent.glob(
            f"venue={venue or NO_VENUE}/market={market}/date=*"
        )
        for hour in _hours_of_day(day, kind)
    ]
    return sorted(found, key=lambda hour: (hour.market, hour.venue, hour.start_ns, hour.part))


def _hours_of_day(day: Path, kind: Kind) -> Iterator[Hour]:
    venue, market = (parent.name.partition("=")[2] for parent in (day.parent.parent, day.parent))
    try:
        date = datetime.date.fromisoformat(day.name.partition("=")[2])
        paths = list(day.iterdir())
    except (ValueError, OSError):
        return
    midnight = datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.UTC)
    for path in paths:
        match = _NAMES[kind].fullmatch(path.name)
        if match and int(match[1]) < 24:
            start_ns = int(midnight.timestamp()) * NS_PER_S + int(match[1]) * HOUR_NS
            yield Hour(kind, venue, market, start_ns, int(match[2] or 1), path)
