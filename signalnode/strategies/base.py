"""What a strategy is: a view in, a list of decisions out. Thresholds live in this layer and nowhere below.

A strategy is any object with `evaluate_opportunities(view)`. It keeps what state it likes between calls,
takes its time from `view.time_ns`, and decides on fresh markets alone: the view holds no others.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from signalnode.bus.wire import Direction, Gap, MarketState
from signalnode.strategies.outcomes import NO_OUTCOMES, MarketOutcomes

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DIRECTIONS: tuple[Direction, ...] = ("long", "short")
NEAR = 0.85  # of difflib: a slip of the keyboard, and not long for short
TWO_SIDED = frozenset({"momentum", "mean_reversion"})  # each of them stands for two scores, one a direction


def score_name(name: str, direction: Direction) -> str:
    """`momentum` as `momentum_long` or `momentum_short`; a score that has no direction as it is."""
    return f"{name}_{direction}" if name in TWO_SIDED else name


@dataclass(frozen=True, slots=True)
class Relation:
    """How two markets move together. Correlations in −1 to 1, NaN while too little was seen."""

    correlation: float  # of returns, at the same time
    lead_s: float  # by which the first moves before the second; negative: after it; 0: together
    lead_correlation: float  # of returns, at that lead


@dataclass(frozen=True, slots=True)
class Relations:
    """Cross-market matrices of returns, shape (n, n) in the order of `markets`; read-only."""

    markets: tuple[str, ...]
    correlation: Floats
    lead_s: Floats  # row before column
    lead_correlation: Floats

    def between(self, first: str, second: str) -> Relation | None:
        """The relation of two markets; None if one of them has no row."""
        if first not in self.markets or second not in self.markets:
            return None
        at = self.markets.index(first), self.markets.index(second)
        return Relation(*(float(m[at]) for m in (self.correlation, self.lead_s, self.lead_correlation)))

    def leaders(self, market: str, correlation_min: float) -> list[str]:
        """Markets that move before `market` with at least that correlation, the strongest first."""
        if market not in self.markets:
            return []
        column = self.markets.index(market)
        strength = np.abs(self.lead_correlation[:, column])
        rows = np.flatnonzero((self.lead_s[:, column] > 0) & (strength >= correlation_min))
        return [self.markets[row] for row in rows[np.argsort(-strength[rows], kind="stable")].tolist()]

    def correlated(self, correlation_min: float, most: int) -> list[tuple[str, str]]:
        """The `most` couples of the highest correlation, from that on; the highest first."""
        rows, columns = np.nonzero(np.triu(self.correlation >= correlation_min, 1))
        best = np.argsort(-self.correlation[rows, columns], kind="stable")[:most]
        return [(self.markets[rows[k]], self.markets[columns[k]]) for k in best]


NOTHING_LATER: Mapping[str, Callable[[], Any]] = MappingProxyType({})
NO_RELATIONS = Relations((), np.empty((0, 0)), np.empty((0, 0)), np.empty((0, 0)))


class UnknownScoreError(LookupError):
    """No market has the score `name`; `others` are those that they have beside what is asked for."""

    def __init__(self, name: str, others: Iterable[str] = ()) -> None:
        near = difflib.get_close_matches(name, sorted(others), n=1, cutoff=NEAR)
        self.name, self.near = name, near[0] if near else ""
        mend = f"{self.near} is near: mend what is misspelt" if near else "mend its name, or add the signal"
        super().__init__(f"no market has a score {name}; {mend}")


@dataclass(frozen=True, slots=True)
class Columns:
    """The scores of a view once more, as arrays of shape (n,) by name, in the order of `markets`; NaN where a
    market is not fresh, has no such score, or no evidence for it.
    """

    markets: Sequence[str]
    places: Mapping[str, int]  # of each in that order
    scores: Mapping[str, Floats]


May = Callable[[Mapping[str, Floats]], Flags]


class _Sealed(Mapping[str, MarketState]):
    """Markets of a view, whose scores cannot be changed; each is sealed when it is first asked for."""

    __slots__ = ("_plain", "_sealed")

    def __init__(self, plain: Mapping[str, MarketState]) -> None:
        self._plain, self._sealed = plain, dict[str, MarketState]()

    def __getitem__(self, market: str) -> MarketState:
        found = self._sealed.get(market)
        if found is None:
            plain = self._plain[market]
            found = msgspec.structs.replace(plain, scores=MappingProxyType(plain.scores))
            self._sealed[market] = found
        return found

    def __contains__(self, market: object) -> bool:
        return market in self._plain

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)


class View(Mapping[str, Mapping[str, float]]):
    """All markets at one time: a mapping from each *fresh* market to its known scores, and what is around.

    A score without evidence is not in it, so that nobody takes its 50 for a reading.

    Attributes:
        time_ns: when, in ns since 1970, on a time line that never steps back.
        seq: number of this view, from 1 with every start of the aggregator.
        markets: state, age, epoch, seq, mid and warmth of every market of the config, fresh or not, and which
            of its scores are unknown.
        regime: strength of `trending`, `mean_reverting`, `turbulent` and `quiet`, each 0 to 100.
        measures: cross-market numbers by name; see `aggregator/measures/core.py`.
        relations: correlation and lead of every two markets.
        gaps: by market, how far its price lags behind the others of its asset; see
            `aggregator/measures/gaps.py`.
        outcomes: by market, what its scores were followed by; see `strategies/outcomes.py`.

    Nothing in it can be changed: the next strategy sees the same view, and the board the same scores.
    """

    time_ns: int
    seq: int
    markets: Mapping[str, MarketState]
    regime: Mapping[str, float]
    measures: Mapping[str, float]
    relations: Relations
    gaps: Mapping[str, Gap]
    outcomes: Mapping[str, MarketOutcomes]
    _scores: dict[str, Mapping[str, float]]
    _plain: Mapping[str, MarketState]
    _columns: Columns | None

    def __init__(
        self,
        time_ns: int,
        seq: int,
        markets: Mapping[str, MarketState],
        *,
        regime: Mapping[str, float] | None = None,
        measures: Mapping[str, float] | None = None,
        relations: Relations = NO_RELATIONS,
        gaps: Mapping[str, Gap] | None = None,
        outcomes: Mapping[str, MarketOutcomes] = NO_OUTCOMES,
        later: Mapping[str, Callable[[], Any]] = NOTHING_LATER,
        columns: Columns | None = None,
    ) -> None:
        """`later` has by name those attributes that are made when they are first asked for; `columns`, where
        markets are many, their scores once more.
        """
        self.__dict__.update(
            time_ns=time_ns,
            seq=seq,
            markets=_Sealed(markets),
            regime=MappingProxyType(dict(regime or {})),
            measures=MappingProxyType(dict(measures or {})),
            relations=relations,
            gaps=MappingProxyType(dict(gaps or {})),
            outcomes=outcomes,
            _scores={name: _known(market) for name, market in markets.items() if market.state == "fresh"},
            _plain=markets,
            _columns=columns,
        )
        for name in later:
            del self.__dict__[name]
        self.__dict__["_later"] = later

    def __getattr__(self, name: str) -> Any:
        make = self.__dict__.get("_later", NOTHING_LATER).get(name)
        if make is None:
            raise AttributeError(f"a view has no {name}")
        made = make()
        self.__dict__[name] = MappingProxyType(made) if isinstance(made, dict) else made
        return self.__dict__[name]

    def settle(self) -> None:
        """Make all that could still be asked for."""
        for name in self.__dict__["_later"]:
            getattr(self, name)

    def knows(self, market: str, names: Iterable[str]) -> bool:
        """Whether `market` is fresh, has all those scores, and has evidence for each."""
        scores = self._scores.get(market)
        return scores is not None and scores.keys() >= frozenset(names)

    def having(self, names: Iterable[str]) -> list[str]:
        """The fresh markets that have all those scores, and evidence for each: one market's own signal is no
        score of the others, and an unknown score reads 50 and says nothing.

        Raises UnknownScoreError where all markets have spoken and none has one of them: it is misspelt, and
        would be waited for in silence.
        """
        wanted = frozenset(names)
        for name in wanted:
            if any(name in market.scores for market in self._plain.values()):
                continue  # as nearly always, of the first market
            known = [market.scores for market in self._plain.values()]
            if known and all(known):
                raise UnknownScoreError(name, {each for scores in known for each in scores} - wanted)
        return [market for market, scores in self._scores.items() if scores.keys() >= wanted]

    def sift(self, names: Iterable[str], may: May, also: Iterable[str] = ()) -> list[str]:
        """As `having`; where markets are many only those that `may` is true of, given their scores as arrays
        by name, and those of `also`. So `may` spares work, and decides nothing.
        """
        wanted, columns = frozenset(names), self._columns
        if columns is None or not columns.scores.keys() >= wanted:
            return self.having(wanted)
        chosen = may(columns.scores)
        chosen[[columns.places[name] for name in also if name in columns.places]] = True
        for name in wanted:
            chosen &= ~np.isnan(columns.scores[name])
        return [columns.markets[place] for place in np.flatnonzero(chosen).tolist()]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a view cannot be changed, so {name} cannot be set")

    def __getitem__(self, market: str) -> Mapping[str, float]:
        return self._scores[market]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scores)

    def __len__(self) -> int:
        return len(self._scores)


def _known(market: MarketState) -> Mapping[str, float]:
    if not market.unknown:
        return MappingProxyType(market.scores)
    known = {name: score for name, score in market.scores.items() if name not in market.unknown}
    return MappingProxyType(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision, with all it rests on. The aggregator adds the strategy's name, a number and the time."""

    action: str  # what to do, for example enter, exit, rank
    markets: tuple[str, ...]
    direction: Direction
    strength: float  # 0 to 100
    reasons: tuple[str, ...]  # in words, with the numbers
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # exactly those it rests on
    strategy: str = ""  # whose it is; whoever asks the strategy fills it in


def decisions_in(answer: object) -> list[Decision]:
    """The answer of a strategy, where it is a list of decisions, as it must be; raises TypeError."""
    if not isinstance(answer, list):
        raise TypeError(
            f"evaluate_opportunities returned {shown_value(answer)}; a list of Decision is wanted"
        )
    for each in answer:
        if not isinstance(each, Decision):
            raise TypeError(
                f"evaluate_opportunities returned a list with {shown_value(each)}; Decision is wanted"
            )
    return answer


def shown_value(value: object) -> str:
    """What it is and holds, in 120 characters at most."""
    return f"{type(value).__name__} {reprlib.repr(value)}"[:120]  # never the whole of a long list


class Strategy(Protocol):
    """What the aggregator calls at every view."""

    def evaluate_opportunities(self, view: View) -> list[Decision]:
        """The decisions to take at `view`, mostly none."""


@runtime_checkable
class Stateful(Strategy, Protocol):
    """A strategy whose state outlives the process: both methods, or neither."""

    def state(self) -> Any:
        """What is to be known again after a restart, of msgpack's types; at most 256 kB.

        Asked at every view that brought a decision of any strategy, and kept in the same record of the
        journal: what is restored is the state after the newest decision anyone may have heard of.
        """

    def restore(self, state: Any, time_ns: int) -> None:
        """Go on from what `state` gave, hours later maybe, or earlier where the clock was set back.

        Before the first view, and at a reload. May raise for what it does not understand, with its state as
        it was: it then starts afresh.
        """


@dataclass(frozen=True, slots=True)
class Registered:
    """One line of STRATEGIES: the name in `[strategies.<name>]` and the class behind it."""

    name: str
    make: type[Any]
