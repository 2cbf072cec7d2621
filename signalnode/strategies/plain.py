"""Plain dicts of scores as a view, for strategies that are asked without a node.

What a dict of scores by market cannot carry is neutral: every market that has scores is fresh, was heard at
this moment (`age_s` 0) and is warm (1), for whoever hands its scores over answers for them; `epoch` is 0 and
`mid` is 0, as before any price. Regime, measures and relations are empty, as before the first fresh market.
The scores of an engine say themselves which of them are unknown; where all are, the market is warming. A row
of the table that `SignalEngine.replay` gives has its mid and its warmth beside its scores, and with
`with_unknown` which of them are unknown.
"""

from __future__ import annotations

import inspect
import math
import numbers
import operator
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from signalnode.bus.wire import MarketState, ViewMessage
from signalnode.clock import wall_ns
from signalnode.scores import UNKNOWN, MarketScores, is_any_known, names_in
from signalnode.strategies.base import View
from signalnode.strategies.heard import view_from

# By market and name, each 0 to 100; a View is such a mapping as well.
Scores: TypeAlias = Mapping[str, Mapping[str, float] | np.void] | ViewMessage

ROW_ABOUT = ("time_ns", "mid", "warm")  # what stands beside the scores in a row of a replay's table
_FORM = '{"BTC-USD": {"momentum_long": 85.5, …}, …}'


def view_of(scores: Scores, time_ns: int | None = None, seq: int = 1) -> View:
    """`scores` themselves where they are a view, also one from the wire, else a view of them at `time_ns`;
    None: now.

    Raises TypeError or ValueError, one line, for what are no scores by market.
    """
    if isinstance(scores, ViewMessage):
        scores = view_from(scores)
    if isinstance(scores, View):
        if time_ns is not None:
            raise ValueError("a view has a time of its own; leave time_ns out")
        return scores
    if not isinstance(scores, Mapping):
        raise TypeError(f"{_kind(scores)} is given, where scores by market are wanted, as {_FORM}")
    at_ns = wall_ns() if time_ns is None else operator.index(time_ns)
    return View(at_ns, seq, {market: _state(market, given, seq) for market, given in scores.items()})


def _state(market: object, given: object, seq: int) -> MarketState:
    if inspect.iscoroutine(given):
        given.close()  # or Python would say of it, too, that it was never awaited
        raise TypeError(f"{market}: its scores are still to come; write await get_continuous_scores()")
    about: dict[str, float] = {}
    if isinstance(given, np.void) and given.dtype.names:
        row = {name: given[name].item() for name in given.dtype.names}
        about = {name: row.pop(name) for name in ROW_ABOUT if name in row}
        bits = int(row.pop(UNKNOWN, 0))
        given = MarketScores.of(row.items(), names_in(bits, row))
    if not isinstance(market, str) or not isinstance(given, Mapping):
        raise TypeError(f"{market!r}: {_kind(given)} is given, where scores by market are wanted, as {_FORM}")
    scores = {name: _checked(market, name, value) for name, value in given.items()}
    unknown = given.unknown if isinstance(given, MarketScores) else ()
    says_something = "fresh" if is_any_known(scores, unknown) else "warming"
    return MarketState(
        state=says_something if scores else "unheard",
        age_s=0.0,
        epoch=0,
        seq=seq,
        mid=0.0 if math.isnan(mid := about.get("mid", 0.0)) else mid,
        warm=about.get("warm", 1.0),
        scores=scores,
        unknown=unknown,
    )


def _checked(market: str, name: object, value: Any) -> float:
    if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{market}: {name!r} is {_kind(value)}; a score is a name and a number from 0 to 100")
    score = float(value)
    if not 0.0 <= score <= 100.0:
        raise ValueError(f"{market}: {name} is {score:g}; a score is a number from 0 to 100")
    return score


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
