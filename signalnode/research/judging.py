"""From what was gathered of a market to what is said of it: numbers first, verdicts over all markets last."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode.clock import NS_PER_S, utc_text
from signalnode.research.claims import HORIZONS_S, Claim, Kind
from signalnode.research.evaluation import (
    Entry,
    Evaluation,
    Horizon,
    MarketEvaluation,
    Part,
    ScoreEvaluation,
    Tenth,
    Window,
)
from signalnode.research.gathering import LAGS, LEVELS, TENTHS, Gathering, Table
from signalnode.research.grid import GRID_S, Floats, Walk
from signalnode.research.statistics import (
    BLOCKS_MIN,
    LEVEL,
    ROWS_MIN,
    Foresight,
    Ranked,
    correlation,
    foresight,
    holm,
)
from signalnode.research.verdicts import USUALS_MIN, usuals_in, verdict
from signalnode.strategies.outcomes import Z, cells_of

HOUR_NS = 3_600 * NS_PER_S
WINDOW_NS = 1_800 * NS_PER_S
POINTS = 60  # of a window that is drawn
REGIME_ROWS_MIN = 300
REGIME_SPAN_S = 7_200.0  # less than that has no regimes
ENTRY_BLOCKS_MIN = 10


Rows = npt.NDArray[np.bool_]


class Matched(NamedTuple):
    """A score and what followed, row by row, and what is known of the two."""

    values: Floats
    future: Floats  # in the direction that the score claims
    known: Rows
    whole: Foresight

    def part(self, name: str, inside: slice | Rows) -> Part:
        """Those rows; the interval is by their share of the effective sample n: ±Z √(1/n) (Fisher 1915)."""
        values, future, known = self.values[inside], self.future[inside], self.known[inside]
        rows = int(known.sum())
        if rows < ROWS_MIN or not self.whole.effective > 0.0:
            return Part(name, math.nan, math.nan, math.nan, rows)
        ic = correlation(values[known], future[known])
        effective = self.whole.effective * rows / float(self.known.sum())
        around = Z / math.sqrt(max(effective, 1.0))
        return Part(name, ic, max(ic - around, -1.0), min(ic + around, 1.0), rows)


class Sample:
    """A market's table, with what several scores ask of it made once."""

    def __init__(self, gathering: Gathering) -> None:
        self.table: Table = gathering.table()
        self.gathering = gathering
        self._ranked: dict[tuple[Kind, int], Ranked] = {}
        self.hours = self.table.times_ns // HOUR_NS
        self.windows = self.table.times_ns // WINDOW_NS

    def score(self, claim: Claim) -> Floats:
        """The score where it counts, else NaN."""
        column = self.table.scores[:, self.gathering.names.index(claim.score)].astype(np.float64)
        return np.where(self.table.counted, column, np.nan)

    def outcome(self, kind: Kind, place: int) -> Floats:
        """What followed within the horizon at `place`: over the usual, a return as well."""
        found = self.table.followed[kind][:, place].astype(np.float64)
        if kind == "return":
            with np.errstate(invalid="ignore", divide="ignore"):
                found = found / self.table.usual_bps
        return np.where(self.table.counted & np.isfinite(found), found, np.nan)

    def ranked(self, kind: Kind, place: int) -> Ranked:
        """The same as ranks."""
        if (kind, place) not in self._ranked:
            self._ranked[kind, place] = Ranked(self.outcome(kind, place))
        return self._ranked[kind, place]

    def regimes(self) -> Iterator[tuple[str, Rows]]:
        """The thirds by how far the price moved in the half hour before, the halves by how straight."""
        table = self.table
        if table.counted.sum() * table.step_s < REGIME_SPAN_S:
            return
        low, high = np.nanquantile(table.usual_bps[table.counted], [1 / 3, 2 / 3])
        yield "calm", table.usual_bps <= low
        yield "usual", (table.usual_bps > low) & (table.usual_bps <= high)
        yield "wild", table.usual_bps > high
        middle = np.nanquantile(table.drift[table.counted], 0.5)
        yield "ranging", table.drift <= middle
        yield "trending", table.drift > middle


def measured(market: str, walk: Walk, gathering: Gathering, claims: Sequence[Claim]) -> MarketEvaluation:
    """All that one market says, but for the verdicts."""
    sample = Sample(gathering)
    table = sample.table
    spread, usual = table.spread_bps[table.counted], table.usual_bps[table.counted]
    span_s = (walk.last_ns - walk.first_ns - walk.silent_ns) / NS_PER_S
    return MarketEvaluation(
        market=market,
        first_ns=walk.first_ns,
        last_ns=walk.last_ns,
        events=walk.events,
        span_s=span_s,
        warm_up_s=max(0.0, span_s - gathering.rows * GRID_S),
        silences=walk.silences,
        silent_s=walk.silent_ns / NS_PER_S,
        step_s=table.step_s,
        spread_bps=_median(spread),
        usual_move_bps=_median(usual),
        scores=tuple(_measured_score(sample, claim) for claim in claims),
    )


def judged(markets: Sequence[MarketEvaluation]) -> Evaluation:
    """The same with verdicts, which depend on how much was looked at: all claims of all markets together, and
    apart from them every claim at every horizon.
    """
    scores = [(market, score) for market in markets for score in market.scores]
    told = holm([_p_of(market, score, score.at_claim) for market, score in scores])
    horizons = [(market, score, each.foresight) for market, score in scores for each in score.by_horizon]
    holds = iter(holm([_p_of(*each) for each in horizons]))
    found: dict[str, list[ScoreEvaluation]] = {market.market: [] for market in markets}
    for (market, score), is_told in zip(scores, told, strict=True):
        by_horizon = tuple(replace(each, holds=next(holds)) for each in score.by_horizon)
        with_horizons = replace(score, by_horizon=by_horizon)
        word, words = verdict(market, with_horizons, is_told)
        found[market.market].append(replace(with_horizons, verdict=word, words=words))
    whole = tuple(replace(market, scores=tuple(found[market.market])) for market in markets)
    return Evaluation(whole, len(scores), len(horizons), LEVEL)


def _p_of(market: MarketEvaluation, score: ScoreEvaluation, told: Foresight) -> float:
    """1 where nothing can be shown, however it looks."""
    return told.p if told.blocks >= BLOCKS_MIN and usuals_in(market, score) >= USUALS_MIN else 1.0


def _measured_score(sample: Sample, claim: Claim) -> ScoreEvaluation:
    gathering, table = sample.gathering, sample.table
    values = sample.score(claim)
    ranked = Ranked(values)
    by_horizon = []
    for place, horizon_s in enumerate(HORIZONS_S):
        told = foresight(ranked, sample.ranked(claim.kind, place), table.step_s, max(horizon_s, table.step_s))
        by_horizon.append(Horizon(horizon_s, _signed(told, claim.sign), holds=False))
    place = HORIZONS_S.index(claim.horizon_s)
    at_claim = by_horizon[place].foresight
    future = claim.sign * sample.outcome(claim.kind, place)
    matched = Matched(values, future, np.isfinite(values) & np.isfinite(future), at_claim)
    column = gathering.names.index(claim.score)
    correlations = _autocorrelation(gathering, column)
    half_life_s = half_life_of(correlations)
    shares = gathering.tenths[column] / max(gathering.tenths[column].sum(), 1.0)
    counted_s = gathering.rows * GRID_S
    independent = counted_s * math.log(2.0) / (2.0 * half_life_s) if half_life_s > 0.0 else counted_s
    best, worst = _windows(sample, matched)
    return ScoreEvaluation(
        claim=claim,
        verdict="not shown",
        words="",
        at_claim=at_claim,
        by_horizon=tuple(by_horizon),
        tenths=_tenths(sample, claim, values, place, shares),
        spread_band=min(Z * math.sqrt(0.1 * 0.9 / max(independent, 1.0)), 0.9),
        hours=tuple(_hours(sample, matched)),
        regimes=tuple(matched.part(name, inside) for name, inside in sample.regimes()),
        lags_s=tuple((LAGS * GRID_S).tolist()),
        autocorrelation=tuple(correlations.tolist()),
        half_life_s=half_life_s,
        trips_per_hour=float(gathering.crossings[column]) / 2.0 / max(counted_s / 3_600.0, 1e-9),
        entries=tuple(_entries(gathering, claim)),
        best=best,
        worst=worst,
    )


def _signed(told: Foresight, sign: float) -> Foresight:
    if sign > 0.0:
        return told
    return replace(told, ic=-told.ic, low=-told.high, high=-told.low)


def _tenths(sample: Sample, claim: Claim, values: Floats, place: int, shares: Floats) -> tuple[Tenth, ...]:
    raw = sample.table.followed[claim.kind][:, place].astype(np.float64)
    moves = claim.sign * (raw if claim.is_directed else raw - 1.0)
    known = np.isfinite(values) & np.isfinite(moves)
    tenth = np.minimum(values[known] * (TENTHS / 100.0), TENTHS - 1).astype(np.intp)
    m = moves[known]
    weights = (None, None, m != 0.0, m > 0.0, m, m * m, np.abs(m))
    sums = np.stack([np.bincount(tenth, each, TENTHS).astype(np.float64) for each in weights])
    steps = max(1.0, claim.horizon_s / sample.table.step_s)
    cells = cells_of(sums, np.array(steps))[:8].T.tolist()
    return tuple(
        Tenth(100.0 / TENTHS * low, float(share), *cell)
        for low, (share, cell) in enumerate(zip(shares, cells, strict=True))
    )


def _hours(sample: Sample, matched: Matched) -> Iterator[Part]:
    for hour in np.unique(sample.hours[matched.known]).tolist():
        first, stop = np.searchsorted(sample.hours, [hour, hour + 1]).tolist()
        name = utc_text(hour * HOUR_NS, "minutes").removesuffix("Z")
        yield matched.part(name, slice(first, stop))


def _windows(sample: Sample, matched: Matched) -> tuple[Window | None, Window | None]:
    """The half hours of the highest and the lowest rank correlation, of those that are known nearly whole."""
    values, future, known, _ = matched
    found: list[tuple[float, int, int]] = []
    full = 0.8 * WINDOW_NS / NS_PER_S / sample.table.step_s
    for window in np.unique(sample.windows[known]).tolist():
        first, stop = np.searchsorted(sample.windows, [window, window + 1]).tolist()
        if known[first:stop].sum() >= max(full, ROWS_MIN):
            ic = correlation(values[first:stop], future[first:stop])
            if math.isfinite(ic):
                found.append((ic, first, stop))
    if len(found) < 2:
        return None, None
    return _window(sample, values, *max(found)), _window(sample, values, *min(found))


def _window(sample: Sample, values: Floats, ic: float, first: int, stop: int) -> Window:
    at = np.unique(np.linspace(first, stop - 1, POINTS).astype(int))
    at = at[np.isfinite(values[at])]
    times_ns = sample.table.times_ns[at]
    begins_ns = int(times_ns[0])
    return Window(
        begins_ns,
        ic,
        tuple(((times_ns - begins_ns) / NS_PER_S).tolist()),
        tuple(values[at].round(1).tolist()),
        tuple(np.exp(sample.table.log_mid[at]).tolist()),
    )


def _autocorrelation(gathering: Gathering, column: int) -> Floats:
    count, total, squares = gathering.moments[:, column]
    if count < ROWS_MIN:
        return np.full(len(LAGS), np.nan)
    mean = total / count
    variance = squares / count - mean * mean
    with np.errstate(invalid="ignore", divide="ignore"):
        together = gathering.products[:, column] / gathering.products_of[:, column] - mean * mean
        out: Floats = together / variance if variance > 0.0 else np.full(len(LAGS), np.nan)
    return out


def half_life_of(correlations: Floats) -> float:
    """Where it falls through a half, seconds, between two of LAGS by their logarithms; ∞ where it never does,
    NaN where nothing is known.
    """
    if not np.isfinite(correlations).any():
        return math.nan
    below = np.flatnonzero(correlations < 0.5)
    if not len(below):
        return math.inf
    at = int(below[0])
    if at == 0:
        return float(LAGS[0]) * GRID_S
    high, low = correlations[at - 1], correlations[at]
    share = (high - 0.5) / (high - low)
    return float(math.exp(math.log(LAGS[at - 1]) * (1.0 - share) + math.log(LAGS[at]) * share)) * GRID_S


def _entries(gathering: Gathering, claim: Claim) -> Iterator[Entry]:
    if claim not in gathering.entries.claims:
        return
    sums = gathering.entries.sums[:, gathering.entries.claims.index(claim)]
    for level_place, level in enumerate(LEVELS):
        for place, horizon_s in enumerate(HORIZONS_S):
            blocks, *found = sums[:, level_place, place].tolist()
            move, net = (_mean_of_blocks(blocks, found[:2], found[at : at + 3]) for at in (2, 5))
            yield Entry(level, horizon_s, int(found[0]), *move, *net)


def _mean_of_blocks(blocks: float, n: Sequence[float], m: Sequence[float]) -> tuple[float, float, float]:
    """Mean and interval, of n = (Σn, Σn²) and m = (Σm, Σm², Σmn) over blocks, whose n and m are sums over
    what they hold: blocks are independent, what is in one of them is not.
    """
    if not n[0]:
        return math.nan, math.nan, math.nan
    mean = m[0] / n[0]
    if blocks < ENTRY_BLOCKS_MIN:
        return mean, math.nan, math.nan
    squares = max(m[1] - 2.0 * mean * m[2] + mean * mean * n[1], 0.0)
    around = Z * math.sqrt(blocks / (blocks - 1.0) * squares) / n[0]
    return mean, mean - around, mean + around


def _median(values: npt.NDArray[np.float32]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan
