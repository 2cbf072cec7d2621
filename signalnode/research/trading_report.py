"""The page of strategies: verdicts first, then each one's trades by market and hour, and their sum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from signalnode.clock import utc_text
from signalnode.research.report import document, table_of
from signalnode.research.statistics import BLOCKS_MIN
from signalnode.research.svg import Frame, span_of
from signalnode.research.trading import Mean, StrategiesEvaluation, StrategyEvaluation
from signalnode.research.verdicts import seconds

POINTS = 240  # of a curve that is drawn
KINDS = {"shown": "shown", "loses": "contrary", "not shown": "not", "no trades": "no"}


def strategies_page(found: StrategiesEvaluation) -> str:
    """The whole page."""
    names = ", ".join(each.strategy for each in found.strategies)
    span = f"{utc_text(found.first_ns, 'minutes')} to {utc_text(found.last_ns, 'minutes')}"
    rows = [
        (
            f"<b>{escape(each.strategy)}</b>",
            f'<b class="{KINDS[each.verdict]}">{each.verdict}</b><br><small>{escape(each.words)}</small>',
        )
        for each in found.strategies
    ]
    seen = f"{found.views:,} views of {', '.join(map(escape, found.markets))}, {span}{escape(_alone(found))}."
    guide = (
        f"{seen} Each decision is acted on at the view after it, at the mid, and pays half the spread at "
        "each end and the fee twice. Intervals of 95% count what falls into one block of five minutes, or "
        f"of two trades' length, once; with fewer than {BLOCKS_MIN} of them nothing is shown, and the "
        f"strategies count each other as looks (Holm, {found.level:.0%}). Nothing is annualised. No order "
        "was in the book: its own effect is left out."
    )
    body = [f"<h1>What strategies were worth: {escape(names)}</h1>", table_of(("strategy", "verdict"), rows)]
    body.append(f'<p class="q">{guide}</p>')
    for each in found.strategies:
        body += _section(each)
    return document(f"Strategies: {names}", body)


def strategy_lines(found: StrategiesEvaluation) -> Iterator[str]:
    """The same in words, for a terminal."""
    for each in found.strategies:
        yield f"{each.strategy}: {each.verdict}. {each.words}"
        for mean in each.by_market:
            yield f"  {mean.name}: {_told(mean)}"
    looked = "one strategy" if len(found.strategies) == 1 else f"{len(found.strategies)} strategies"
    yield f"{looked} looked at, {found.views:,} views of {', '.join(found.markets)}{_alone(found)}"


def _alone(found: StrategiesEvaluation) -> str:
    if not found.alone:
        return ""
    was = "was" if len(found.alone) == 1 else "were each"
    return f"; {', '.join(found.alone)} {was} recorded at another time, and never seen beside another"


def _told(mean: Mean) -> str:
    interval = "" if math.isnan(mean.low_bps) else f" ({mean.low_bps:+.2f} to {mean.high_bps:+.2f})"
    return f"{mean.net_bps:+.2f} bps{interval}, {mean.trades:,} trades, {mean.won:.0%} won"


def _section(each: StrategyEvaluation) -> Iterator[str]:
    yield f"<section><h2>{escape(each.strategy)}: {each.verdict}</h2>"
    if each.whole.trades:
        left = f"; {each.still_open} still open, left out" if each.still_open else ""
        lost = f"; {each.faults} turns lost" if each.faults else ""
        held = f"{each.whole.trades:,} trades, held {seconds(each.held_s)} (median)"
        yield f'<p class="q">{held}{left}{lost}.</p>'
        yield f'<div class="f">{_curve(each)}{_by_hour(each.by_hour)}</div>'
        rows = [_row(mean) for mean in (*each.by_market, each.whole)]
        headings = ("market", "trades", "blocks", "mid to mid, bps", "net, bps", "95%", "won")
        yield table_of(headings, rows, "m")
    yield "</section>"


def _row(mean: Mean) -> tuple[str, ...]:
    interval = "" if math.isnan(mean.low_bps) else f"{mean.low_bps:+.2f} to {mean.high_bps:+.2f}"
    numbers = f"{mean.trades:,}", f"{mean.blocks}", f"{mean.move_bps:+.2f}", f"{mean.net_bps:+.2f}"
    return (escape(mean.name), *numbers, interval, f"{mean.won:.0%}")


def _curve(each: StrategyEvaluation) -> str:
    """Net basis points added up by time."""
    total, points = 0.0, []
    begins = each.exits_ns[0]
    for at, net in zip(each.exits_ns, each.nets_bps, strict=True):
        total += net
        points.append(((at - begins) / 3.6e12, total))
    every = max(1, len(points) // POINTS)
    drawn = [*points[::every], points[-1]]
    y = span_of([value for _, value in drawn], about=0.0)
    frame = Frame("Net basis points added up, by hours", (0.0, drawn[-1][0] or 1.0), y)
    frame.y_axis("{:.4g}")
    frame.level(0.0)
    frame.line(drawn)
    frame.x_axis([(drawn[-1][0] * share, _hours(drawn[-1][0] * share)) for share in (0.0, 0.5, 0.95)])
    return frame.svg()


def _hours(hours: float) -> str:
    """`0.5 h`, `25 h`, `6,120 h`."""
    return f"{hours:.2g} h" if hours < 10.0 else f"{hours:,.0f} h"


def _by_hour(hours: Sequence[Mean]) -> str:
    y = span_of(
        [each.net_bps for each in hours],
        [each.low_bps for each in hours if each.blocks > 2],
        [each.high_bps for each in hours if each.blocks > 2],
        about=0.0,
    )
    frame = Frame("Net of a trade by hour (UTC), bps", (-0.7, len(hours) - 0.3), y)
    frame.y_axis("{:.3g}")
    frame.level(0.0)
    frame.whiskers([(place, each.low_bps, each.high_bps) for place, each in enumerate(hours)])
    frame.dots([(place, each.net_bps) for place, each in enumerate(hours)])
    every = max(1, -(-len(hours) // 6))
    frame.x_axis([(place, each.name[11:13]) for place, each in enumerate(hours)][::every])
    return frame.svg()
