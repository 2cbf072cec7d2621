"""A study as one page, in the style of all reports: what is proposed, and all that it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

from signalnode.research.report import document, table_of
from signalnode.research.svg import Frame, span_of
from signalnode.research.tuning.space import Values
from signalnode.research.tuning.study import Verdict, spoken
from signalnode.research.tuning.told import sentence_of

GUIDE = """
<h2>How to read this</h2>
<p><b>IC</b>, the information coefficient, is the rank correlation of the score with what it claims to
foresee. A <b>gain</b> is how much higher it is than with what stands now. <b>Inside</b>: of the best trial,
over the blocks that chose it; there is always one, in noise too. <b>Held out</b>: in each block of the second
half of the recording, of the trial that was best in all blocks before it, with its standard error. Blocks
are twenty times as long as a row reaches (horizon plus half-life), and their last twentieth is left out.
<b>PBO</b>, the probability of backtest overfitting: how often the best trial of one half of the blocks is
below the middle of all in the other half (Bailey, Borwein, López de Prado and Zhu 2015). <b>Real</b>: the
deflated figure, the probability that the best of so many trials is no luck (after Bailey and López de Prado
2014). <b>Own</b>: how much of the estimate is the market's own, the rest being of all markets together
(James and Stein 1961). A change is proposed where held out is over its standard error and 0.005, PBO under
20%, the deflated figure over 1 less half a part in all the signals looked at, each parameter by itself a
fifth more or less keeps half of the gain, and no other score loses. In the pictures a dot is a trial, an
orange one the best; the line adds up its gains block by block. None of it is a promise.</p>
"""


def page_of(
    verdicts: Sequence[Verdict], stands: Mapping[str, Values], diffs: Mapping[str, str], about: str
) -> str:
    """The whole page. `diffs` by market, of those that have a proposal."""
    names = ", ".join(dict.fromkeys(each.market for each in verdicts))
    body = [
        f"<h1>Parameters tried: {escape(names)}</h1>",
        f"<p>{escape(about)} Nothing was changed.</p>",
        _words(verdicts, stands),
        _figures(verdicts),
        *(_diff(market, text) for market, text in diffs.items()),
        *_pictures(verdicts),
        GUIDE,
    ]
    return document(f"Parameters tried: {names}", body)


def _words(verdicts: Sequence[Verdict], stands: Mapping[str, Values]) -> str:
    """What to do with each signal."""
    rows = (
        (
            f"<b>{escape(each.market)}</b> {escape(each.target.name)}",
            _bold(each, sentence_of(each, stands[each.market])),
        )
        for each in verdicts
    )
    return table_of(("signal", "what to do, and why"), rows)


def _bold(verdict: Verdict, text: str) -> str:
    """In the colour of what is proposed, or is not."""
    return f'<b class="{"shown" if verdict.proposed else "not"}">{escape(text)}</b>'


def _figures(verdicts: Sequence[Verdict]) -> str:
    """What it rests on."""
    headings = ("signal", "IC", "inside", "held out", "PBO", "real", "trials", "own", "blocks")
    rows = [
        (
            f"<b>{escape(each.market)}</b> {escape(each.target.name)}",
            f"{each.ic:+.3f}",
            f"{found.inside:+.3f}",
            f"{found.held_out:+.3f} ± {found.error:.3f}",
            f"{found.overfitting:.0%}",
            f"{found.deflated:.0%}",
            f"{found.trials}",
            f"{found.own_share:.0%}",
            f"{found.blocks} of {spoken(each.block_s)}",
        )
        for each in verdicts
        if (found := each.finding) is not None
    ]
    return table_of(headings, rows, "m") if rows else ""


def _diff(market: str, text: str) -> str:
    return f"<h2>{escape(market)}: what would be changed</h2><pre>{escape(text)}</pre>"


def _pictures(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.finding is None:
            continue
        yield f"<h3>{escape(verdict.market)}: {escape(verdict.target.name)}</h3>"
        drawn = [_by_parameter(verdict, parameter.name) for parameter in verdict.target.own]
        yield f'<div class="f">{"".join([*drawn, _by_block(verdict)])}</div>'


def _by_parameter(verdict: Verdict, name: str) -> str:
    """Every trial's mean gain over its value of one parameter."""
    xs = [values[name] for values in verdict.tried]
    frame = Frame(
        f"Gain by {name}", (0.9 * min(xs), 1.1 * max(xs)), span_of(verdict.inside, about=0.0), log_x=True
    )
    frame.y_axis("{:.2g}")
    frame.level(0.0)
    frame.upright(xs[0], "c")
    frame.dots(list(zip(xs[1:], verdict.inside[1:], strict=True)), "d l1")
    best = verdict.best[name]
    gain = float(np.max(verdict.inside))
    frame.dots([(best, verdict.inside[verdict.finding.best] if verdict.finding else gain)], "d p")
    frame.x_axis([(x, f"{x:g}") for x in sorted({min(xs), xs[0], max(xs)})])
    return frame.svg()


def _by_block(verdict: Verdict) -> str:
    """The best trial's gains, added up."""
    total = [0.0, *np.cumsum(verdict.gains).tolist()]
    frame = Frame(
        "Gains of the best, block by block", (0.0, float(len(total) - 1)), span_of(total, about=0.0)
    )
    frame.y_axis("{:.2g}")
    frame.level(0.0)
    frame.upright(math.floor(0.5 * (len(total) - 1)), "c")
    frame.line(list(enumerate(total)))
    frame.x_axis([(0.0, "0"), (float(len(total) - 1), f"{len(total) - 1}")])
    return frame.svg()
