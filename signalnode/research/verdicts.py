"""Verdicts in words: what a score claims, what was found, and "not shown" where the data do not show it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from signalnode.research.claims import HORIZONS_S
from signalnode.research.evaluation import MarketEvaluation, ScoreEvaluation, Word
from signalnode.research.statistics import BLOCKS_MIN, Foresight
from signalnode.research.stretch import USUAL_S

# Half hours, of what is held against the usual of one. In few of them chance falls back to its own mean: in
# twenty minutes of a walk a volatility of its past "foresees" the next half minute's with −0.4.
USUALS_MIN = 4


def usuals_in(market: MarketEvaluation, score: ScoreEvaluation) -> float:
    """How many times the span has what is usual; ∞ for what has a direction, which that does not touch."""
    return math.inf if score.claim.is_directed else (market.span_s - market.warm_up_s) / USUAL_S


def verdict(market: MarketEvaluation, score: ScoreEvaluation, is_told: bool) -> tuple[Word, str]:
    """The word and the sentences. `is_told`: what was found at the claim is left over by Holm's rule."""
    claim, found = score.claim, score.at_claim
    within = f"within {seconds(claim.horizon_s)}"
    if math.isnan(found.ic):
        return "no evidence", "The recording holds nothing, or not enough, that this rests on."
    if is_told:
        held = _held(found)
        if found.ic < 0.0:
            return "contrary", f"The contrary of what it claims: {within} {held}.{_beside(score)}"
        told = f"When it is high, {claim.words} {within}: {held}."
        return "shown", f"{told}{_worth(market, score)}{_beside(score)}"
    why = f"{_correlation(found)} {within}, and chance alone reaches {found.chance:.3f}"
    if abs(found.ic) > found.chance:
        why = f"{_correlation(found)} {within}: one look at noise may give it, and there were many looks"
    counted = seconds(market.span_s - market.warm_up_s)
    if usuals_in(market, score) < USUALS_MIN:
        why = (
            f"{counted} are too few to tell: what is usual takes half an hour to know, and {USUALS_MIN} of "
            "them are the least"
        )
    elif found.blocks < BLOCKS_MIN:
        why = (
            f"{counted} hold {found.blocks:.1f} independent blocks of {seconds(claim.horizon_s)}, "
            f"too few to tell: {BLOCKS_MIN} are the least"
        )
    elif math.isnan(found.chance):
        why = f"{_correlation(found)} {within}, and chance alone gives as much"
    return "not shown", f"{why[0].upper()}{why[1:]}.{_beside(score)}"


def seconds(value: float) -> str:
    """`0.5 s`, `650 s`, `10 min`, `6.5 h`."""
    if value < 1_000.0 and (value < 120.0 or value % 60.0):
        return f"{value:.3g} s"
    return f"{value / 60.0:.3g} min" if value < 7_200.0 else f"{value / 3_600.0:.3g} h"


def _correlation(found: Foresight) -> str:
    return f"rank correlation {found.ic:+.3f}"


def _held(found: Foresight) -> str:
    interval = "" if math.isnan(found.low) else f" ({found.low:+.3f} to {found.high:+.3f})"
    chance = "" if math.isnan(found.chance) else f", where chance reaches {found.chance:.3f}"
    return f"{_correlation(found)}{interval}{chance}"


def _worth(market: MarketEvaluation, score: ScoreEvaluation) -> str:
    """What the highest tenth brought, and what a trade costs."""
    top = score.tenths[-1]
    if math.isnan(top.move):
        return ""
    if not score.claim.is_directed:
        what = {"size": "the mean square of moves", "volume": "what is traded", "cost": "the cost"}
        return f" Above 90 {what[score.claim.kind]} is {1.0 + _excess(score):.2f} times the usual."
    told = f" Above 90 {100.0 * top.hit_rate:.0f}% of the moves go its way, {top.move:+.2f} bps in the mean"
    if math.isnan(market.spread_bps):
        return f"{told}; what the spread takes is not known."
    enough = "less than" if top.move < market.spread_bps else "more than"
    return f"{told}: {enough} the spread of {market.spread_bps:.2f} bps."


def _excess(score: ScoreEvaluation) -> float:
    """Of the highest tenth, the outcome over the usual, less one, whichever way the claim goes."""
    return score.claim.sign * score.tenths[-1].move


def _beside(score: ScoreEvaluation) -> str:
    """At which other horizons it holds, all looks counted."""
    others = [each for each in score.by_horizon if each.holds]
    with_it = [each.horizon_s for each in others if each.foresight.ic > 0.0]
    against = [each.horizon_s for each in others if each.foresight.ic < 0.0]
    told = f" It holds {listed(with_it)}." if with_it else ""
    return f"{told} The contrary holds {listed(against)}." if against else told


def listed(horizons_s: Sequence[float]) -> str:
    """`at 1 s`, `from 0.1 s to 1 s and at 60 s`: horizons that follow each other are put together."""
    runs: list[list[float]] = []
    for horizon_s in horizons_s:
        if runs and HORIZONS_S.index(horizon_s) == HORIZONS_S.index(runs[-1][-1]) + 1:
            runs[-1].append(horizon_s)
        else:
            runs.append([horizon_s])
    told = [
        f"at {seconds(run[0])}" if len(run) == 1 else f"from {seconds(run[0])} to {seconds(run[-1])}"
        for run in runs
    ]
    return " and ".join(filter(None, [", ".join(told[:-1]), told[-1]]))
