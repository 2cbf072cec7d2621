"""An evaluation as one page: HTML that needs nothing else, neither a script nor a file, and prints well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from signalnode.clock import utc_text
from signalnode.research.claims import Claim
from signalnode.research.evaluation import Evaluation, MarketEvaluation, ScoreEvaluation
from signalnode.research.figures import figures_of, interval
from signalnode.research.statistics import BLOCKS_MIN
from signalnode.research.verdicts import seconds

STYLE = """
:root{color-scheme:light dark;--p:#fff;--t:#1c2430;--q:#5d6876;--g:#e4e8ee;--l:#1f6feb;--b:#1f6feb2e;
--n:#8a94a233;--a:#c2410c;--y:#15803d;--r:#b91c1c;--u:#667085}@media(prefers-color-scheme:dark){:root{
--p:#10151c;--t:#e3e8ef;--q:#97a3b2;--g:#27303b;--l:#6cb2ff;--b:#6cb2ff38;--n:#97a3b23d;--a:#fb923c;
--y:#4ade80;--r:#f87171;--u:#97a3b2}}@media print{:root{--p:#fff;--t:#000;--q:#444;--g:#ddd;--l:#1f6feb;
--b:#1f6feb2e;--n:#8a94a233;--a:#c2410c}section{break-inside:auto}figure,tr{break-inside:avoid}}body{
margin:0 auto;max-width:1180px;padding:20px;background:var(--p);color:var(--t);
font:14px/1.45 system-ui,sans-serif}h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:30px 0 4px}
h3{font-size:14px;margin:14px 0 2px}p{margin:4px 0 10px;max-width:80em}small,.q{color:var(--q)}.o{
overflow-x:auto}table{border-collapse:collapse;margin:8px 0}td,th{padding:6px 12px 6px 0;text-align:left;
vertical-align:top;border-bottom:1px solid var(--g)}th{color:var(--q);font-weight:500}
td:not(:first-child){min-width:17em}.m td,.m th{min-width:0;text-align:right;white-space:nowrap}
.m td:first-child,.m th:first-child{text-align:left}b.shown{color:var(--y)}b.contrary{color:var(--r)}
b.not,b.no{color:var(--u)}.f{display:grid;grid-template-columns:repeat(auto-fill,minmax(205px,1fr));
gap:8px 14px}figure{margin:0}figcaption{font-size:11.5px;color:var(--q)}svg{display:block;width:100%}
svg.i{width:120px;display:inline}path{fill:none;stroke:none}.l,.l1,.l2,.s,.x{stroke:var(--l);
stroke-width:1.5}.l1{opacity:.45}.l2{stroke-dasharray:1 2}.x,.p{stroke:var(--a);stroke-width:1.3}.b{
fill:var(--b)}.n{fill:var(--n)}.f path.f{fill:var(--l);opacity:.75}.g{stroke:var(--g)}.z{stroke:var(--q);
opacity:.7}.c{stroke:var(--q);stroke-dasharray:2 3}.w{stroke:var(--l)}.d{stroke:var(--l);
stroke-width:4.5;stroke-linecap:round}.d.p{stroke:var(--a)}
text{font-size:9px;fill:var(--q)}.m{text-anchor:middle}.e{
text-anchor:end}@media screen and (max-width:640px){.v,.v tbody,.v tr,.v td{display:block}.v tr:first-child{
display:none}.v td{border:0;padding-bottom:0}.v tr{border-bottom:1px solid var(--g);padding-bottom:6px}
.v td:not(:first-child){min-width:0}.v td[data-of]::before{content:attr(data-of) " ";color:var(--q)}
.m td:first-child,.m th:first-child{position:sticky;left:0;background:var(--p)}}
"""

WIDEST = 0.4  # rank correlation in the table's drawings; more stands at their edge

GUIDE = """
<h2>How to read this</h2>
<p><b>Rank correlation</b> (the information coefficient, IC) is Spearman's, of the score with what followed,
over the usual of the half hour before. The blue band holds it in 95%, by a bootstrap
over blocks of time; grey is what chance stays below in 95%, by every rotation of time. A dot stands where
it holds among all looks together; the broken upright is the horizon that the score claims. <b>Share of the
time</b>: in grey where it lies by chance, for so few independent moments as there are. <b>Moves that went
its way</b> leave out those that were none. Whiskers are of 95% and count overlapping windows once. <b>By
regime</b>: the thirds c(alm), u(sual), w(ild) by how far the price moved in the half hour before, the
halves r(anging), t(rending) by how straight. <b>Break-even cost</b>: what entering each time the score
rises to 80 (pale), 90 (with its band) or 95 (dotted), and holding, brought mid to mid, which is what both
trades together may cost; orange, of 90, what is left across the spread. <b>Half hours</b>: the score in
blue, 0 to 100, the price in orange from its lowest to its highest, whose distance stands below at the
right. Nothing here is annualised, and none of it is a promise.</p>
"""


def page_of(found: Evaluation) -> str:
    """The whole page."""
    names = ", ".join(market.market for market in found.markets)
    body = [
        f"<h1>What the scores were worth: {escape(names)}</h1>",
        _spans(found.markets),
        _verdicts(found),
        *_sections(found),
        GUIDE,
    ]
    return document(f"Evaluation of {names}", body)


def document(title: str, body: Iterable[str]) -> str:
    """A page of these pieces, with the style that all reports share."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.strip()}</style><body>{''.join(body)}</body></html>\n"
    )


def table_of(headings: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "v") -> str:
    """A table of cells that are HTML already: "v" of verdicts in words, whose cells stand below each other on
    a phone, each behind its heading where there are several; "m" of numbers.
    """
    head = "".join(f"<th>{each}</th>" for each in headings)
    of = [
        f' data-of="{each}"' if kind == "v" and len(headings) > 2 and at else ""
        for at, each in enumerate(headings)
    ]
    lines = "".join(
        f"<tr>{''.join(f'<td{which}>{cell}</td>' for which, cell in zip(of, row, strict=True))}</tr>"
        for row in rows
    )
    return f'<div class="o"><table class="{kind}"><tr>{head}</tr>{lines}</table></div>'


def _spans(markets: Iterable[MarketEvaluation]) -> str:
    rows = [
        (
            f"<b>{escape(market.market)}</b>",
            _span(market),
            seconds(market.span_s),
            f"{market.events:,}",
            seconds(market.warm_up_s),
            f"{market.silences} ({seconds(market.silent_s)})" if market.silences else "none",
            f"{seconds(market.step_s)}",
            _bps(market.spread_bps),
            _bps(market.usual_move_bps),
        )
        for market in markets
    ]
    headings = (
        "market",
        "recorded (UTC)",
        "in all",
        "events",
        "warm-up",
        "silences",
        "a row each",
        "spread",
        "usual move, 1 s",
    )
    return table_of(headings, rows, "m")


def _span(market: MarketEvaluation) -> str:
    """`2013-10-07 13:30 to 19:59`, with the day again where it is another."""
    first, last = (utc_text(at, "minutes")[:16].split("T") for at in (market.first_ns, market.last_ns))
    return f"{' '.join(first)} to {' '.join(last if last[0] != first[0] else last[1:])}"


def _bps(value: float) -> str:
    return "not known" if math.isnan(value) else f"{value:.3g} bps"


def _verdicts(found: Evaluation) -> str:
    by_market = [{score.claim: score for score in market.scores} for market in found.markets]
    claims = list(dict.fromkeys(claim for scores in by_market for claim in scores))
    correlations = [abs(s.at_claim.ic) for scores in by_market for s in scores.values()]
    widest = min(max([0.1, *(value for value in correlations if math.isfinite(value))]) * 1.25, WIDEST)
    rows = [
        (
            f"<b>{escape(claim.score)}</b><br><small>{_claimed(claim)}</small>",
            *(_cell(scores[claim], widest) if claim in scores else "" for scores in by_market),
        )
        for claim in claims
    ]
    told = table_of(("score and claim", *(escape(market.market) for market in found.markets)), rows)
    looked = f"{found.claims} claims were looked at, {found.looks} with every horizon of each."
    guard = (
        f"Of all that is called shown, the chance that any is noise is {found.level:.0%}, and as much for "
        "what holds at other horizons (Holm)."
    )
    least = f"With fewer than {BLOCKS_MIN} independent blocks of a horizon nothing is called shown."
    return f"<h2>Verdicts</h2><p>{looked} {guard} {least}</p>{told}"


def _claimed(claim: Claim) -> str:
    return f"When high, {claim.words} within {seconds(claim.horizon_s)}"


def _cell(score: ScoreEvaluation, widest: float) -> str:
    kind = score.verdict.split()[0]
    return (
        f'<b class="{kind}">{score.verdict}</b> {interval(score.at_claim, widest)}<br>'
        f"<small>{escape(score.words)}</small>"
    )


def _sections(found: Evaluation) -> Iterator[str]:
    claims: list[Claim] = list(dict.fromkeys(s.claim for market in found.markets for s in market.scores))
    for claim in claims:
        yield f"<section><h2>{escape(claim.score)}</h2>"
        yield f'<p class="q">{_claimed(claim)}.</p>'
        for market in found.markets:
            for score in market.scores:
                if score.claim == claim:
                    yield from _drawn(market, score)
        yield "</section>"


def _drawn(market: MarketEvaluation, score: ScoreEvaluation) -> Iterator[str]:
    yield f"<h3>{escape(market.market)}: {score.verdict}</h3>"
    if math.isnan(score.at_claim.ic):
        yield f"<p>{escape(score.words)}</p>"
        return
    effective = f"{score.at_claim.effective:,.0f} independent rows, {score.at_claim.blocks:,.1f} blocks"
    trips = f"{score.trips_per_hour:.1f} trips 90 → 10 → 90 an hour"
    yield f'<p class="q">{effective} of {seconds(score.claim.horizon_s)}; {trips}.</p>'
    yield f'<div class="f">{"".join(figures_of(score))}</div>'
