"""The verb `outcomes`: what each score was followed by, as the aggregator keeps it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from signalnode.clock import utc_text
from signalnode.errors import DataError, UsageError
from signalnode.panels.table import table_lines
from signalnode.settings import find_node

if TYPE_CHECKING:
    from signalnode.strategies.outcomes import Decile, MarketOutcomes

WORDS = ("market", "score", "stood at")


def outcomes(arguments: argparse.Namespace) -> int:
    """Print the table of one market, or of all what followed their highest tenths."""
    from signalnode.aggregator.journal import journal_dir
    from signalnode.aggregator.kept import load, outcomes_path

    path = outcomes_path(journal_dir(find_node(arguments.config).state_dir))
    kept = load(path)
    if kept is None:
        raise DataError(f"{path}: no outcomes yet; a running node writes them once a minute")
    tables = kept.tables()
    if arguments.market is not None and arguments.market not in tables:
        known = ", ".join(tables) or "none so far"
        raise UsageError(f"{arguments.market}: nothing is known of it; known are {known}")
    chosen = tables if arguments.market is None else {arguments.market: tables[arguments.market]}
    if arguments.json:
        told = {"time_ns": kept.time_ns, "markets": {name: each.told() for name, each in chosen.items()}}
        print(msgspec.json.encode(told).decode())
        return 0
    rows = [row for name, each in chosen.items() for row in _rows(name, each, arguments.market is not None)]
    numbers = [f"{what} {s:g} s" for s in kept.horizons_s for what in ("hit", "move", "size")]
    header = [*WORDS, "seen", *numbers]
    for line in table_lines(header, rows, ("seen", *numbers)):
        print(line)
    print(
        f"as of {utc_text(kept.time_ns)}; hits in % of the moves that went its way (up, where it has none), "
        "moves and their sizes in basis points, ± what holds 95%; - not known"
    )
    return 0


def _rows(market: str, table: MarketOutcomes, whole: bool) -> Iterator[list[str]]:
    """A line a score and tenth of its range; without `whole` of the highest alone."""
    for score in table.scores:
        by_horizon = [table.deciles(score, horizon_s) for horizon_s in table.horizons_s]
        for place, deciles in enumerate(zip(*by_horizon, strict=True)):
            if deciles[0].seen > 0.0 and (whole or place == len(by_horizon[0]) - 1):
                stood = f"{10 * place} to {10 * place + 10}"
                yield [market, score, stood, f"{deciles[0].seen:,.0f}", *_cells(deciles)]


def _cells(deciles: Iterable[Decile]) -> Iterator[str]:
    for each in deciles:
        yield _within(100.0 * each.hit_rate, 100.0 * each.hit_low, 100.0 * each.hit_high, "{:.0f}")
        yield _within(each.move_bps, each.move_low_bps, each.move_high_bps, "{:+.2f}")
        yield "-" if math.isnan(each.size_bps) else f"{each.size_bps:.2f}"


def _within(value: float, low: float, high: float, form: str) -> str:
    """`+0.41 ±0.06`; the ends of a rate's interval are not as far from it, and half of it is told."""
    if math.isnan(value):
        return "-"
    around = 0.5 * (high - low)
    told = "" if math.isnan(around) else " ±" + form.format(around).lstrip("+")
    return form.format(value) + told
