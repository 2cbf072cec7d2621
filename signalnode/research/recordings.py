"""What is recorded, and how it is opened: by market and span of time, for whoever works on it.

`recorded_markets` lists; `open_span` gives a `Decoding` (`slices()`, `gather()`, `faults`, `gaps`), and by
`by_hour()` the events of each hour in one array. `gaps_told` of it says what is missing, and why.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from signalnode.errors import DataError
from signalnode.events import TIME_MAX_NS
from signalnode.feeds.recorded.blocks import walk
from signalnode.feeds.recorded.gaps import read_gaps
from signalnode.feeds.recorded.hours import HOUR_NS, KINDS, NO_VENUE, Hour, Kind, hours_in
from signalnode.feeds.recorded.parquet import facts_of
from signalnode.feeds.recorded.reading import EventSpan, RawSpan, Span
from signalnode.feeds.venues import decoder_of
from signalnode.settings import VENUE_NAMES, frames_of

_SYMBOL_FILE = "symbol"  # beside the days of a market: what its frames call it


class Recorded(NamedTuple):
    """What there is of one market, of one kind. Times of its newest and oldest events, ns since 1970."""

    kind: Kind
    venue: str
    market: str
    first_ns: int
    last_ns: int
    hours: int
    bytes: int
    gaps: int


def recorded_markets(folder: Path) -> list[Recorded]:
    """All that is recorded in `folder`, by market."""
    told = read_gaps(folder)
    found = []
    for kind in KINDS:
        by_market: dict[tuple[str, str], list[Hour]] = {}
        for hour in hours_in(folder, kind):
            by_market.setdefault((hour.market, hour.venue), []).append(hour)
        for (market, venue), hours in by_market.items():
            ends = (_ends_of(hours[0]), _ends_of(hours[-1]))
            gaps = sum((gap.market, gap.venue or NO_VENUE) == (market, venue) for gap in told)
            size = sum(hour.bytes for hour in hours)
            count = len({hour.start_ns for hour in hours})
            found.append(Recorded(kind, venue, market, ends[0][0], ends[1][1], count, size, gaps))
    return sorted(found, key=lambda each: (each.market, each.venue, each.kind))


def _ends_of(hour: Hour) -> tuple[int, int]:
    """Times of the first and the last of what an hour holds; of the hour itself where they are not known."""
    whole = hour.start_ns, hour.start_ns + HOUR_NS
    try:
        if hour.path.suffix == ".parquet":
            import pyarrow.parquet as pq

            file = pq.read_metadata(hour.path)
            at = file.schema.names.index("time_received_ns")
            groups = [file.row_group(i).column(at).statistics for i in range(file.num_row_groups)]
            return int(groups[0].min), max(int(groups[-1].max), facts_of(hour.path).first_ns)
        with hour.path.open("rb") as file:
            blocks = list(walk(file))
        return blocks[0].of.first_ns, max(block.of.last_ns for block in blocks)
    except (OSError, ValueError, IndexError, AttributeError):
        return whole


def open_span(
    folder: Path,
    market: str,
    from_ns: int | None = None,
    to_ns: int | None = None,
    *,
    venue: str = "",
    kind: Kind | None = None,
    symbol: str = "",
) -> Span:
    """The events of a market from one kernel time up to another, by default all that is recorded; `venue`
    where it is recorded from several. Of events where there are any, unless `kind` says otherwise.

    Raises DataError where there is nothing, or it is not said of which venue.
    """
    found = {kind: hours_in(folder, kind, market=market) for kind in KINDS}
    venues = sorted({hour.venue for hours in found.values() for hour in hours})
    if not venues:
        raise DataError(f"{market}: nothing of it is recorded in {folder}: see `signalnode recordings`")
    if venue and venue not in venues:
        raise DataError(f"{market}: recorded from {', '.join(venues)}, not from {venue}: name one of these")
    if not venue and len(venues) > 1:
        raise DataError(f"{market}: recorded from {', '.join(venues)}: say which (--venue)")
    venue = venue or venues[0]
    hours = {kind: [hour for hour in each if hour.venue == venue] for kind, each in found.items()}
    chosen = kind or ("events" if hours["events"] else "raw")
    if not hours[chosen]:
        raise DataError(f"{market}: no {chosen} of it {'are' if chosen == 'events' else 'is'} recorded")
    start = 0 if from_ns is None else from_ns
    end = TIME_MAX_NS + 1 if to_ns is None else to_ns
    gaps = [gap for gap in read_gaps(folder, market) if (gap.venue or NO_VENUE) == venue]
    if chosen == "events":
        return EventSpan(hours["events"], gaps, start, end)
    if frames_of(venue) not in VENUE_NAMES:
        raise DataError(f"{market}: its frames are of {venue}, which is no venue known")
    return RawSpan(
        hours["raw"],
        gaps,
        start,
        end,
        decoder_class=decoder_of(venue),
        symbol=symbol or _symbol(hours["raw"]),
    )


def _symbol(hours: list[Hour]) -> str:
    """What the frames call the market."""
    path = hours[0].path.parent.parent / _SYMBOL_FILE
    try:
        return path.read_text(encoding="utf-8").strip() or hours[0].market
    except OSError:
        return hours[0].market
