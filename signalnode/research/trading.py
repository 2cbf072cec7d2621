"""What a strategy's trades were worth: means with intervals, and the same honest words as for scores.

Trades within one block of time tell one story: the interval is Student's over the sums of blocks of BLOCK_S,
or as long as two trades last, and of fewer than BLOCKS_MIN with a trade in it nothing is shown.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Literal

from signalnode.clock import NS_PER_S, utc_text
from signalnode.research.statistics import BLOCK_S, BLOCKS_MIN, LEVEL, holm, student_p
from signalnode.research.trades import Trade
from signalnode.research.verdicts import seconds

HOUR_NS = 3_600 * NS_PER_S
SHARE_MAX = 1e-6  # of the quantile, to which it is searched
QUANTILES_MAX = 1_024  # that are kept: many means are over as many blocks

TradeWord = Literal["shown", "loses", "not shown", "no trades"]


@dataclass(frozen=True, slots=True)
class Mean:
    """Of some trades, basis points a trade."""

    name: str
    trades: int
    blocks: int
    move_bps: float  # mid to mid
    net_bps: float  # after spread, where known, and fees
    low_bps: float  # of the net; NaN for less than two blocks
    high_bps: float
    won: float  # share of the trades with a net above 0
    p: float  # of a net as far from 0 by chance


@dataclass(frozen=True, slots=True)
class StrategyEvaluation:
    """One strategy over all markets together."""

    strategy: str
    verdict: TradeWord
    words: str
    fee_bps: float  # a side
    still_open: int
    faults: int  # turns that it lost
    held_s: float  # median; NaN without a trade
    spread_known: bool
    whole: Mean
    by_market: tuple[Mean, ...]
    by_hour: tuple[Mean, ...]  # of UTC
    exits_ns: tuple[int, ...]  # of the trades, in order
    nets_bps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StrategiesEvaluation:
    """Some strategies on the same span; their verdicts count each other as looks."""

    markets: tuple[str, ...]
    first_ns: int
    last_ns: int
    views: int
    strategies: tuple[StrategyEvaluation, ...]
    level: float = LEVEL
    alone: tuple[str, ...] = ()  # markets recorded at a time at which no other one was


def alone_of(spans: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """Markets whose first and last moments reach into no other one's; none where there is but one."""
    found = [
        market
        for market, (first, last) in spans.items()
        if not any(first <= spans[each][1] and spans[each][0] <= last for each in spans if each != market)
    ]
    return tuple(found) if len(spans) > 1 else ()


def mean_of(name: str, trades: Sequence[Trade]) -> Mean:
    """Of one lot of trades, with blocks of time as what is independent."""
    count = len(trades)
    if not count:
        return Mean(name, 0, 0, math.nan, math.nan, math.nan, math.nan, math.nan, 1.0)
    held_s = median(each.exited_ns - each.entered_ns for each in trades) / NS_PER_S
    block_ns = round(max(BLOCK_S, 2.0 * held_s) * NS_PER_S)
    net = sum(each.net_bps for each in trades) / count
    blocks: dict[int, float] = defaultdict(float)
    for each in trades:
        blocks[each.entered_ns // block_ns] += each.net_bps - net
    move, won = (
        sum(each.move_bps for each in trades) / count,
        sum(each.net_bps > 0.0 for each in trades) / count,
    )
    number = len(blocks)
    if number < 2:
        return Mean(name, count, number, move, net, math.nan, math.nan, won, 1.0)
    squares = sum(value * value for value in blocks.values())
    error = math.sqrt(number / (number - 1) * squares) / count
    around = quantile(number - 1) * error
    p = student_p(net / error, number - 1) if error > 0.0 else 1.0
    return Mean(name, count, number, move, net, net - around, net + around, won, p)


@lru_cache(maxsize=QUANTILES_MAX)
def quantile(freedom: int, outside: float = 0.05) -> float:
    """|t| that Student's stays below but for `outside`, by halving."""
    low, high = 0.0, 1_000.0
    while high - low > SHARE_MAX * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if student_p(middle, freedom) > outside else (low, middle)
    return high


def judged(
    found: Sequence[tuple[str, Sequence[Trade], int, int]], fee_bps: float
) -> tuple[StrategyEvaluation, ...]:
    """By strategy: its name, its trades, how many are still open, and turns lost."""
    wholes = [mean_of(name, trades) for name, trades, _, _ in found]
    told = holm([whole.p if whole.blocks >= BLOCKS_MIN else 1.0 for whole in wholes])
    return tuple(
        _judged(whole, each, fee_bps, is_told)
        for whole, each, is_told in zip(wholes, found, told, strict=True)
    )


def _judged(
    whole: Mean, found: tuple[str, Sequence[Trade], int, int], fee_bps: float, is_told: bool
) -> StrategyEvaluation:
    name, trades, still_open, faults = found
    known = bool(trades) and not any(math.isnan(each.spread_bps) for each in trades)
    held_s = median(each.exited_ns - each.entered_ns for each in trades) / NS_PER_S if trades else math.nan
    word, words = _verdict(whole, is_told, known, fee_bps, held_s)
    ordered = sorted(trades, key=lambda each: each.exited_ns)
    return StrategyEvaluation(
        strategy=name,
        verdict=word,
        words=words,
        fee_bps=fee_bps,
        still_open=still_open,
        faults=faults,
        held_s=held_s,
        spread_known=known,
        whole=whole,
        by_market=_by(trades, lambda each: " ".join(each.markets)),
        by_hour=_by(trades, lambda each: utc_text(each.entered_ns // HOUR_NS * HOUR_NS, "minutes")),
        exits_ns=tuple(each.exited_ns for each in ordered),
        nets_bps=tuple(each.net_bps for each in ordered),
    )


def _by(trades: Sequence[Trade], name_of: Callable[[Trade], str]) -> tuple[Mean, ...]:
    lots: dict[str, list[Trade]] = defaultdict(list)
    for each in trades:
        lots[name_of(each)].append(each)
    return tuple(mean_of(name, lots[name]) for name in sorted(lots))


def _verdict(whole: Mean, is_told: bool, known: bool, fee_bps: float, held_s: float) -> tuple[TradeWord, str]:
    if not whole.trades:
        return "no trades", "It closed no trade in all that time."
    costs = ("the spread" if known else "no spread, which is not known") + (
        f" and fees of {fee_bps:g} bps a side" if fee_bps else ", without fees"
    )
    interval = "" if math.isnan(whole.low_bps) else f" ({whole.low_bps:+.2f} to {whole.high_bps:+.2f})"
    found = (
        f"{whole.net_bps:+.2f} bps a trade{interval} after {costs}; {whole.move_bps:+.2f} mid to mid, "
        f"{whole.trades:,} trades of {seconds(held_s)}"
    )
    if is_told:
        word: TradeWord = "shown" if whole.net_bps > 0.0 else "loses"
        return word, f"{'It earns' if word == 'shown' else 'It loses'}: {found}."
    if whole.blocks < BLOCKS_MIN:
        blocks = "one block" if whole.blocks == 1 else f"{whole.blocks} independent blocks"
        why = f"its trades fall into {blocks} of time, and {BLOCKS_MIN} are the least"
        return "not shown", f"Too few to tell: {why}. {found}."
    return "not shown", f"No more than chance gives: {found}."
