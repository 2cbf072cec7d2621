"""The pictures of one score of one market."""

from __future__ import annotations

import math
from collections.abc import Sequence

from signalnode.clock import utc_text
from signalnode.research.evaluation import Part, ScoreEvaluation, Window
from signalnode.research.gathering import LEVELS
from signalnode.research.statistics import Foresight
from signalnode.research.svg import Frame, span_of
from signalnode.research.verdicts import seconds

HORIZON_MARKS = ((0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (100.0, "100 s"))
TENTH_MARKS = ((5.0, "0"), (55.0, "50"), (95.0, "90"))
PARTS_MAX = 48  # that are drawn; more hours are put together to days by their mean


def figures_of(score: ScoreEvaluation) -> list[str]:
    """All of them, in the order in which they are read."""
    drawn = [
        by_horizon(score),
        calibration(score),
        hit_rates(score),
        moves(score),
        stability(score),
        memory(score),
    ]
    if score.claim.is_directed:
        drawn.append(break_even(score))
    drawn += [
        window(each, f"{word} half hour: {each.ic:+.2f}, {utc_text(each.begins_ns, 'minutes')[5:16]}")
        for word, each in (("Best", score.best), ("Worst", score.worst))
        if each is not None
    ]
    return drawn


def by_horizon(score: ScoreEvaluation) -> str:
    """IC by horizon, its interval, and what chance stays below."""
    rows = [(each.horizon_s, each.foresight) for each in score.by_horizon]
    y = span_of(
        [f.ic for _, f in rows],
        [f.low for _, f in rows],
        [f.high for _, f in rows],
        about=0.0,
        least=0.1,
    )
    frame = Frame("Rank correlation by horizon", (0.09, 660.0), y, log_x=True)
    frame.band([(h, -f.chance, f.chance) for h, f in rows], "n")
    frame.y_axis("{:.2g}")
    frame.level(0.0)
    frame.upright(score.claim.horizon_s, "c")
    frame.band([(h, f.low, f.high) for h, f in rows])
    frame.line([(h, f.ic) for h, f in rows])
    frame.dots([(each.horizon_s, each.foresight.ic) for each in score.by_horizon if each.holds])
    frame.x_axis(HORIZON_MARKS)
    return frame.svg()


def calibration(score: ScoreEvaluation) -> str:
    """The share of time in each tenth; a calibrated score has a tenth in each."""
    shares = [100.0 * each.share for each in score.tenths]
    band = 100.0 * score.spread_band
    frame = Frame("Share of the time in each tenth, %", (0.0, 100.0), (0.0, max(20.0, *shares)))
    frame.band([(x, max(10.0 - band, 0.0), 10.0 + band) for x in (0.0, 100.0)], "n")
    frame.y_axis()
    frame.bars([(each.low + 5.0, share) for each, share in zip(score.tenths, shares, strict=True)], 8.0)
    frame.level(10.0)
    frame.x_axis(TENTH_MARKS)
    return frame.svg()


def hit_rates(score: ScoreEvaluation) -> str:
    """How often it went the score's way, by tenth."""
    what = (
        "moves that went its way"
        if score.claim.is_directed
        else _of(score, "above the mean", "below the mean")
    )
    within = seconds(score.claim.horizon_s)
    rows = [
        (each.low + 5.0, 100.0 * each.hit_rate, 100.0 * each.hit_low, 100.0 * each.hit_high)
        for each in score.tenths
    ]
    y = span_of([row[1] for row in rows], [row[2] for row in rows], [row[3] for row in rows], about=50.0)
    return _with_intervals(f"{what.capitalize()}, {within}, %", rows, y, 50.0)


def moves(score: ScoreEvaluation) -> str:
    """How far it went, by tenth."""
    unit = "bps" if score.claim.is_directed else _of(score, "of the usual above it", "of the usual below it")
    rows = [(each.low + 5.0, each.move, each.move_low, each.move_high) for each in score.tenths]
    y = span_of([row[1] for row in rows], [row[2] for row in rows], [row[3] for row in rows], about=0.0)
    return _with_intervals(f"Mean outcome in {seconds(score.claim.horizon_s)}, {unit}", rows, y, 0.0)


def _of(score: ScoreEvaluation, above: str, below: str) -> str:
    return above if score.claim.sign > 0.0 else below


def _with_intervals(
    title: str, rows: Sequence[tuple[float, float, float, float]], y: tuple[float, float], middle: float
) -> str:
    frame = Frame(title, (0.0, 100.0), y)
    frame.y_axis("{:.3g}")
    frame.level(middle)
    frame.whiskers([(x, low, high) for x, _, low, high in rows])
    frame.dots([(x, value) for x, value, _, _ in rows])
    frame.x_axis(TENTH_MARKS)
    return frame.svg()


def stability(score: ScoreEvaluation) -> str:
    """IC by hour, and apart from them by regime."""
    hours = _drawn_hours(score.hours)
    parts = [*hours, *score.regimes]
    y = span_of([p.ic for p in parts], [p.low for p in parts], [p.high for p in parts], about=0.0, least=0.1)
    gap = 1 if score.regimes else 0
    frame = Frame("By hour (UTC), and by regime", (-0.7, len(parts) + gap - 0.3), y)
    frame.y_axis("{:.2g}")
    frame.level(0.0)
    places = [place + (gap if place >= len(hours) else 0) for place in range(len(parts))]
    placed = list(zip(places, parts, strict=True))
    frame.whiskers([(place, part.low, part.high) for place, part in placed])
    frame.dots([(place, part.ic) for place, part in placed])
    every = max(1, -(-len(hours) // 5))
    marks = [(place, part.name[11:13] or part.name) for place, part in placed[: len(hours) : every]]
    letters = [(place, part.name[0]) for place, part in placed[len(hours) :]]
    frame.x_axis([*marks, *letters])
    return frame.svg()


def _drawn_hours(hours: Sequence[Part]) -> list[Part]:
    """At most PARTS_MAX, each the mean of some that follow each other, by rows."""
    every = -(-len(hours) // PARTS_MAX)
    if every <= 1:
        return list(hours)
    drawn = []
    for start in range(0, len(hours), every):
        some = [each for each in hours[start : start + every] if math.isfinite(each.ic)]
        rows = sum(each.rows for each in some)
        if rows:
            ic = sum(each.ic * each.rows for each in some) / rows
            squares = sum(((each.high - each.low) / 2.0 * each.rows) ** 2 for each in some)
            around = math.sqrt(squares) / rows
            drawn.append(Part(some[0].name, ic, ic - around, ic + around, rows))
    return drawn


def memory(score: ScoreEvaluation) -> str:
    """Autocorrelation by lag, and the half-life."""
    half = score.half_life_s
    told = f"half-life {seconds(half)}" if math.isfinite(half) else "half-life not known"
    frame = Frame(f"Autocorrelation by lag, {told}", (0.09, 660.0), (-0.2, 1.0), log_x=True)
    frame.y_axis()
    frame.level(0.5)
    if math.isfinite(half) and half > 0.0:
        frame.upright(max(half, 0.09), "c")
    frame.line(zip(score.lags_s, score.autocorrelation, strict=True))
    frame.x_axis(HORIZON_MARKS)
    return frame.svg()


def break_even(score: ScoreEvaluation) -> str:
    """What entering at each level and holding brought, mid to mid and across the spread."""
    kept = [each for each in score.entries if each.entries]
    middle = LEVELS[1]
    y = span_of(
        [each.move_bps for each in kept],
        [each.net_bps for each in kept if each.level == middle],
        [each.low_bps for each in kept if each.level == middle],
        [each.high_bps for each in kept if each.level == middle],
        about=0.0,
    )
    frame = Frame("Break-even cost by holding time, bps", (0.09, 660.0), y, log_x=True)
    frame.y_axis("{:.3g}")
    frame.level(0.0)
    for level, name in zip(LEVELS, ("l1", "l", "l2"), strict=True):
        rows = [each for each in kept if each.level == level]
        if level == middle:
            frame.band([(each.horizon_s, each.low_bps, each.high_bps) for each in rows])
            frame.line([(each.horizon_s, each.net_bps) for each in rows], "x")
        frame.line([(each.horizon_s, each.move_bps) for each in rows], name)
    frame.x_axis(HORIZON_MARKS)
    return frame.svg()


def window(shown: Window, title: str) -> str:
    """Score, left, against price, which has no axis of its own but its lowest and highest."""
    low, high = min(shown.price), max(shown.price)
    wide = (high - low) or 1.0
    frame = Frame(title, (0.0, 1_800.0), (0.0, 100.0))
    frame.y_axis()
    price = [100.0 * (value - low) / wide for value in shown.price]
    frame.line(zip(shown.seconds, shown.score, strict=True), "s")
    frame.line(zip(shown.seconds, price, strict=True), "p")
    marks = [(at, f"{at / 60.0:.0f} min") for at in (600.0, 1_200.0)]
    frame.x_axis([*marks, (1_640.0, f"{high / low - 1.0:.2%}")])
    return frame.svg()


def interval(told: Foresight, widest: float) -> str:
    """A correlation in its interval, with what chance stays below, on a scale that a whole table shares."""
    if math.isnan(told.ic):
        return ""
    low, high = (told.low, told.high) if math.isfinite(told.low) else (told.ic, told.ic)
    at = [round(60.0 + 56.0 * max(min(value / widest, 1.0), -1.0)) for value in (low, high, told.ic)]
    chance = 0 if math.isnan(told.chance) else round(56.0 * min(told.chance, widest) / widest)
    parts = [
        f'<path class="n" d="M{60 - chance} 1h{2 * chance}v12h{-2 * chance}Z"/>' if chance else "",
        '<path class="z" d="M60 0V14"/>',
        f'<path class="w" d="M{at[0]} 7H{at[1]}"/><path class="d" d="M{at[2]} 7h0"/>',
    ]
    return (
        f'<svg class="i" viewBox="0 0 120 14" role="img" aria-label="{told.ic:+.3f}">{"".join(parts)}</svg>'
    )
