"""What the scores mean: each against what it claims to foresee, on every recording and day at hand.

Rank correlations with what follows, relative to the half hour before, from WARM_UP_S after the start, with
a 95% interval; beside each what chance alone stays below, the same on a driftless walk of the same steps, a
naive reading with the interval of the difference, and two ridges: the ceiling, and one that walks forward in
time (`readings.py`); then what other code's scores said, where these are at hand (`before.py`). Then how a
score is spread over 0 to 100, and how steady it is for a view that is taken four times a second.

Only what long recordings say is held to a target: eleven minutes tell nothing about half-minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from signalnode import SignalEngine
from signalnode.research.statistics import NOTHING, Foresight, Ranked, correlation, foresight
from signalnode.research.steadiness import Steadiness, steadiness
from signalnode.signals import OPTIONAL
from tests.benchmarks import readings
from tests.benchmarks.before import is_at_hand, scores_before
from tests.benchmarks.days import STEP_S, USUAL_S, Day, Series, ahead, behind, days, walked
from tests.benchmarks.foresight import paired, walk_chance
from tests.benchmarks.table import Row

VIEW_NS = 250_000_000
WARM_UP_S, WARM_UP_SHORT_S = USUAL_S, 120.0
CORRELATED_MAX = 30_000  # rows of a recording; more bring time and no evidence
EXTRA = list(OPTIONAL)
WIDTH, BEFORE_WIDTH = 140, 32  # of the tables; and of the two columns on other code


def _moved(seconds: float) -> Callable[[Day], Series]:
    """The return of the next seconds over the usual one."""
    return lambda day: ahead(day.returns, seconds) / np.sqrt(behind(day.squares) * seconds + 1e-300)


def _relative(steps: Callable[[Day], Series | None], seconds: float) -> Callable[[Day], Series]:
    """What comes in the next seconds over what came in the half hour before."""

    def future(day: Day) -> Series:
        found = steps(day)
        if found is None or not found.any():
            return np.full(len(day.grid), np.nan)
        return ahead(found, seconds) / (behind(found) + 1e-300)

    return future


def _against_fair_value(day: Day) -> Series:
    return -readings.decayed(day.returns, 60.0)


def _minus_cost(day: Day) -> Series | None:
    return None if day.cost is None else -day.cost


def _cost_ahead(seconds: float) -> Callable[[Day], Series]:
    return lambda day: -_relative(lambda d: d.cost, seconds)(day)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a score says: `score` of a table's columns foresees `future`; `naive` is the reading beside it."""

    what: str
    scores: tuple[str, ...]  # the long and the short one, or one
    future: Callable[[Day], Series]
    naive: Callable[[Day], Series | None]
    features: Callable[[Day], Series]
    sign: float = -1.0  # of the short one: −1 asks for direction, 1 for size
    walk_s: float = 0.0  # memory of the reading whose driftless walk is the null; 0: shuffled time
    ahead_s: float = 0.0
    at_least: float = np.nan  # of the naive reading's, in the mean of the long recordings
    before: tuple[str, ...] = ()  # what other code is asked for instead of `scores`

    def score(self, table: Any) -> Series | None:
        """Of a replay's table; None where it has no such scores."""
        if any(name not in table.dtype.names for name in self.scores):
            return None
        columns = [table[name] for name in self.scores]
        return columns[0] if len(columns) == 1 else columns[0] + self.sign * columns[1]


MOMENTUM, PRESSURE, REVERSION = (
    (f"{name}_long", f"{name}_short") for name in ("momentum", "book_pressure", "mean_reversion")
)
_DIRECTION, _MOVES = readings.of_direction, readings.of_movement
CLAIMS = (
    Claim("momentum / return, 1 s", MOMENTUM, _moved(1.0), readings.imbalance, _DIRECTION),
    Claim("momentum / return, 5 s", MOMENTUM, _moved(5.0), readings.imbalance, _DIRECTION),
    Claim(
        "book pressure / return, 1 s",
        PRESSURE,
        _moved(1.0),
        readings.imbalance,
        _DIRECTION,
        at_least=1.0,
        before=MOMENTUM,
    ),
    Claim(
        "mean reversion / return, 30 s",
        REVERSION,
        _moved(30.0),
        _against_fair_value,
        _DIRECTION,
        walk_s=120.0,
        ahead_s=30.0,
    ),
    Claim(
        "momentum, both sides / |return|, 30 s",
        MOMENTUM,
        lambda day: np.abs(_moved(30.0)(day)),
        lambda day: readings.relative(day.squares, 15.0),
        _MOVES,
        sign=1.0,
    ),
    Claim(
        "volatility / variance, 30 s",
        ("volatility_breakout",),
        _relative(lambda day: day.squares, 30.0),
        lambda day: readings.relative(day.squares, 15.0),
        _MOVES,
        at_least=1.15,
    ),
    Claim(
        "volume / volume, 30 s",
        ("volume_spike",),
        _relative(lambda day: day.volume, 30.0),
        lambda day: readings.relative(day.volume, 12.0),
        readings.of_activity,
        at_least=1.25,
    ),
    Claim(
        "liquidity / minus cost, 5 s",
        ("liquidity_opportunity",),
        _cost_ahead(5.0),
        _minus_cost,
        readings.of_cost,
        at_least=1.0,
    ),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What one recording says of one claim; NaN where it cannot."""

    mine: Foresight
    walk: float  # the score's correlation on the driftless walk
    naive: float
    low: float  # interval of 95% of the score's less the naive one's
    high: float
    ceiling: float
    forward: float
    before: float = np.nan
    gain_low: float = np.nan  # interval of 95% of the score's less that of other code
    gain_high: float = np.nan


@dataclass(slots=True)
class Found:
    """What one recording says of each claim, and how each of its scores moves."""

    day: Day
    scores: Any  # a replay's table at the grid
    rows: Series  # which of them count
    stride: int
    moves: dict[str, Steadiness]
    walk: tuple[Day, Any]  # on a driftless walk of the same steps
    before: Any = None  # a table of other code's scores at the grid
    claims: dict[str, Judged] = field(default_factory=dict)


def measured(extra: list[str] = EXTRA) -> list[Found]:
    """Every recording at hand, scored and held against every claim."""
    found = [_scored(day, extra) for day in days()]
    for claim in CLAIMS:
        ceiling = readings.Ridge(claim.features)
        futures = [claim.future(each.day) for each in found]
        for each, future in zip(found, futures, strict=True):
            if each.day.long:
                ceiling.learn(each.day, future, each.rows)
        for each, future in zip(found, futures, strict=True):
            each.claims[claim.what] = _judged(claim, each, future, ceiling)
    return found


def _scored(day: Day, extra: list[str]) -> Found:
    engine = SignalEngine("ANY-USD", {"extra": extra})
    table = engine.replay(day.events, VIEW_NS)
    warm_s = WARM_UP_S if day.long else WARM_UP_SHORT_S
    names = [name for name in table.dtype.names or () if name not in ("time_ns", "mid", "warm")]
    warm = table[table["time_ns"] >= table["time_ns"][0] + int(warm_s * 1e9)]
    ran = day.running[np.searchsorted(day.grid, warm["time_ns"], side="right") - 1]
    moves = {name: steadiness(warm[name][ran], VIEW_NS * 1e-9) for name in names}
    scores = _on_grid(day, table)
    walk = walked(day)
    rows = np.arange(len(day.grid)) * STEP_S >= warm_s
    rows[len(scores) :] = False
    rows &= day.running
    walk_table = SignalEngine("ANY-USD", {"extra": extra}).replay(walk.events, round(STEP_S * 1e9))
    stride = -(-int(rows.sum()) // CORRELATED_MAX)
    on_walk = walk, walk_table[: len(day.grid)]
    return Found(day, scores, rows, stride, moves, on_walk, scores_before(day))


def _on_grid(day: Day, table: Any) -> Any:
    """The rows of a table taken every VIEW_NS that fall on the day's grid."""
    return table[:: round(STEP_S / (VIEW_NS * 1e-9))][: len(day.grid)]


def _judged(claim: Claim, found: Found, future: Series, ridge: readings.Ridge) -> Judged:
    day, kept = found.day, np.flatnonzero(found.rows)[:: found.stride]
    score, naive = claim.score(found.scores), claim.naive(day)
    if score is None or not np.isfinite(future[kept]).any():
        return Judged(NOTHING, *[np.nan] * 6)
    step_s = STEP_S * found.stride
    mine = foresight(Ranked(score[kept]), Ranked(future[kept]), step_s, max(claim.ahead_s, step_s))
    if claim.walk_s:
        chance = walk_chance(day.returns, claim.walk_s, claim.ahead_s, STEP_S, found.stride)
        mine = replace(mine, chance=chance)
    low, high = np.nan, np.nan
    if naive is not None:
        low, high = paired(score[kept], naive[kept], future[kept], step_s, claim.ahead_s)
    others = [naive, ridge.predict(day), ridge.predict_forward(day)]
    known = [np.nan if each is None else correlation(each[kept], future[kept]) for each in others]
    before = _before(claim, found, score[kept], future[kept], kept)
    return Judged(mine, _on_walk(claim, found, kept), known[0], low, high, *known[1:], *before)


def _before(claim: Claim, found: Found, score: Series, future: Series, kept: Any) -> Iterable[float]:
    """What other code's score foresees, and the interval of how much more this one does."""
    asked = replace(claim, scores=claim.before or claim.scores)
    other = None if found.before is None else asked.score(found.before)
    if other is None:
        return ()
    gain = paired(score, other[kept], future, STEP_S * found.stride, claim.ahead_s)
    return (correlation(other[kept], future), *gain)


def _on_walk(claim: Claim, found: Found, kept: Any) -> float:
    """What the score foresees of the driftless walk: nothing of prices, if it says nothing but the truth."""
    day, table = found.walk
    score = claim.score(table)
    return np.nan if score is None else correlation(score[kept], claim.future(day)[kept])


def rows() -> Iterator[Row]:
    """The tables, and of the claims that have a target, a row each."""
    found = measured()
    console = Console(width=WIDTH + (BEFORE_WIDTH if is_at_hand() else 0))
    for claim in CLAIMS:
        if any(np.isfinite(each.claims[claim.what].mine.ic) for each in found):
            console.print(_claim_table(claim, found))
    console.print(_moves_table(found))
    for claim in CLAIMS:
        long = [each.claims[claim.what] for each in found if each.day.long]
        known = [(each.mine.ic, each.naive) for each in long if np.isfinite(each.mine.ic)]
        if known and np.isfinite(claim.at_least):
            mine, naive = np.mean(known, axis=0)
            yield Row(
                what=f"{claim.what}: mean of {len(known)} long recordings",
                measured=mine,
                unit="rank correlation",
                reference="the naive reading",
                reference_value=naive,
                at_least=claim.at_least,
            )


def _claim_table(claim: Claim, found: list[Found]) -> Table:
    table = Table(title=claim.what, title_justify="left")
    headings = ("recording", "score", "95% interval", "chance", "walk", "naive", "beyond it, 95%", "ceiling")
    others = ("before", "beyond it, 95%") if is_at_hand() else ()
    for heading in (*headings, "forward", *others):
        table.add_column(heading, justify="left" if heading == "recording" else "right")
    known = [(each, each.claims[claim.what]) for each in found]
    known = [(each, judged) for each, judged in known if np.isfinite(judged.mine.ic)]
    for each, judged in known:
        mine = judged.mine
        name = each.day.name + ("" if each.day.long else " (short)")
        intervals = _interval(mine.low, mine.high), _interval(judged.low, judged.high)
        before = _figure(mine.ic), intervals[0], _figure(mine.chance), _figure(judged.walk)
        table.add_row(
            name,
            *before,
            _figure(judged.naive),
            intervals[1],
            _figure(judged.ceiling),
            _figure(judged.forward),
            *(_figure(judged.before), _interval(judged.gain_low, judged.gain_high))[: len(others)],
        )
    long = [judged for each, judged in known if each.day.long]
    if long:
        columns = [(j.mine.ic, j.walk, j.naive, j.ceiling, j.forward, j.before) for j in long]
        mine, walk, naive, *rest = (_figure(_mean(column)) for column in zip(*columns, strict=True))
        means = (mine, "", "", walk, naive, "", *rest[: 2 + len(others) // 2])
        table.add_row("mean of the long ones", *means, style="bold")
    return table


def _mean(values: tuple[float, ...]) -> float:
    """Of those that are known."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


def _interval(low: float, high: float) -> str:
    return f"{_figure(low)} to {_figure(high)}" if np.isfinite(low) else ""


def _moves_table(found: list[Found]) -> Table:
    title = "deciles off by, points · above 90, % of the time · half-life, s · trips 90 → 10 → 90 an hour"
    table = Table(title=title, title_justify="left", width=WIDTH)
    table.add_column("score")
    for each in found:
        table.add_column(each.day.name.replace(" ", "\n"), justify="right")
    for name in found[0].moves if found else ():
        moves = [each.moves[name] for each in found]
        table.add_row(name, *map(_move, moves))
    return table


def _move(m: Steadiness) -> str:
    """Nothing of a score that is unknown all the while, and reads 50."""
    if m.half_life_s == np.inf:
        return ""
    return f"{m.off:.1f}\n{100 * m.above:.0f}%\n{m.half_life_s:.1f}\n{m.trips:.1f}"


def _figure(value: float) -> str:
    return "" if np.isnan(value) else f"{value:+.3f}"
