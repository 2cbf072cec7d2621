"""Whether what was recorded is sound: every block and every page read, and what is missing untold.

What is found becomes gaps, so that whoever works on the recording knows from when to when.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from signalnode.errors import AlreadyRunningError, RuntimeDirectoryError
from signalnode.feeds.recorded.blocks import contents
from signalnode.feeds.recorded.gaps import CHANNELS, Gap, GapFile, damage_of, pack_gap, read_gaps
from signalnode.feeds.recorded.hours import HOUR_NS, KINDS, NO_VENUE, Hour, hours_in
from signalnode.feeds.recorded.opened import GoneError, opened, pieces_of
from signalnode.files import hold_lock
from signalnode.research.recorder import LOCK_FILE

TOLD_MIN = 0.5  # of an hour without a file, that is in gaps: then they tell why


def checked(folder: Path, markets: Collection[str] = ()) -> Iterator[tuple[float, list[Gap]]]:
    """What is wrong with each hour, in turn, and the fraction done; of these markets, or of all.

    Raises DataError for a file that may not be read, or is no recording's.
    """
    hours = [
        hour for kind in KINDS for hour in hours_in(folder, kind) if not markets or hour.market in markets
    ]
    total, done = max(1, sum(hour.bytes for hour in hours)), 0
    for hour in hours:
        done += hour.bytes
        yield min(1.0, done / total), list(_damage_of(hour))
    told = read_gaps(folder)
    for _, of_market in itertools.groupby(hours, lambda hour: (hour.kind, hour.venue, hour.market)):
        yield 1.0, list(_missing(list(of_market), told))


def _damage_of(hour: Hour) -> Iterator[Gap]:
    """Raises DataError for what may not be read, or is no recording's."""
    found: list[tuple[int, int]] = []
    try:
        if hour.kind == "events":
            for _ in pieces_of(hour, lambda *times: found.append(times), lambda: None):
                pass
        else:
            with opened(hour) as file:
                end_ns = hour.end_ns if hour.is_finished else 0
                for _ in contents(file, lambda *times: found.append(times), end_ns=end_ns):
                    pass
    except GoneError:
        return
    for from_ns, to_ns in found:
        yield damage_of(hour, from_ns, to_ns)


def _missing(hours: Sequence[Hour], told: Iterable[Gap]) -> Iterator[Gap]:
    """Stretches of whole hours between two that are there, of which no gap says why there is no file."""
    kind, venue, market = hours[0].kind, hours[0].venue, hours[0].market
    known = [
        gap
        for gap in told
        if (gap.market, gap.venue or NO_VENUE) == (market, venue) and gap.kind in ("", kind)
    ]
    starts = sorted({hour.start_ns for hour in hours})
    for before, after in itertools.pairwise(starts):
        untold = [
            start_ns
            for start_ns in range(before + HOUR_NS, after, HOUR_NS)
            if _told_ns(start_ns, known) < TOLD_MIN * HOUR_NS
        ]
        if untold:
            why = f"{kind}: no file of {len(untold)} h: taken away, or nothing came"
            yield Gap(
                "" if venue == NO_VENUE else venue,
                market,
                untold[0],
                untold[-1] + HOUR_NS,
                CHANNELS,
                "missing",
                why,
                kind,
            )


def _told_ns(start_ns: int, known: Sequence[Gap]) -> int:
    """The most of an hour that is in one gap."""
    return max((min(gap.to_ns, start_ns + HOUR_NS) - max(gap.from_ns, start_ns) for gap in known), default=0)


def note(folder: Path, found: Sequence[Gap]) -> str:
    """Write them beside the recording, but for those that are there; why that cannot be, else ""."""
    try:
        with hold_lock(folder / LOCK_FILE):
            gaps = GapFile(folder, tail=0)
            for gap in found:
                gaps.add(pack_gap(gap))
    except AlreadyRunningError:
        return "somebody records there"
    except (OSError, RuntimeDirectoryError) as error:
        return str(getattr(error, "strerror", "") or error)
    return ""
