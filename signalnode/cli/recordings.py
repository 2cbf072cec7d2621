"""`recordings`: what was recorded, and what is missing of it."""

from __future__ import annotations

import argparse
import json

import msgspec

from signalnode.cli.spans import recordings_of
from signalnode.clock import utc_text
from signalnode.errors import DataError
from signalnode.panels.table import table_lines

COLUMNS = ("market", "venue", "kind", "from", "to", "hours", "MB", "gaps")
_NUMBERS = frozenset({"hours", "MB", "gaps"})
GAPS_SHOWN = 20  # of one market, the newest


def recordings(arguments: argparse.Namespace) -> int:
    """Print a row for each market and kind; of the markets named their newest gaps, too."""
    from signalnode.feeds.recorded.gaps import read_gaps
    from signalnode.research.recordings import recorded_markets

    folder = recordings_of(arguments)
    found = [each for each in recorded_markets(folder) if each.market in (arguments.markets or [each.market])]
    missing = set(arguments.markets) - {each.market for each in found}
    if missing:
        raise DataError(f"{min(missing)}: nothing of it is recorded in {folder}")
    gaps = [gap for gap in read_gaps(folder) if gap.market in arguments.markets]
    if arguments.json:
        told = [each._asdict() for each in found]
        print(json.dumps({"folder": str(folder), "recordings": told, "gaps": msgspec.to_builtins(gaps)}))
        return 0
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
        begin, end = (utc_text(time_ns, "milliseconds") for time_ns in (gap.from_ns, gap.to_ns))
        print(f"{gap.market}: {begin} to {end}: no {', '.join(gap.channels)}: {gap.why}")
    return 0
