"""What an evaluation says, as plain frozen objects: `signalnode.evaluate` returns it, `--json` prints it.

A NaN is what is not known; it is null in JSON. Intervals hold 95%. Moves are in basis points of the mid and
in the direction that the score claims; of what has no direction they are multiples of the usual, less one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from signalnode.research.claims import Claim
from signalnode.research.statistics import Foresight

Word = Literal["shown", "contrary", "not shown", "no evidence"]


@dataclass(frozen=True, slots=True)
class Horizon:
    """How well the score foresees what follows within one horizon, in the direction that it claims."""

    horizon_s: float
    foresight: Foresight
    holds: bool  # by Holm's rule over every look at every market


@dataclass(frozen=True, slots=True)
class Tenth:
    """One tenth of a score's range, and what followed within the claimed horizon while it stood there."""

    low: float  # it begins there: 0, 10, … 90
    share: float  # of the time
    seen: float  # rows of the sample
    effective: float  # as many independent ones would tell as much
    hit_rate: float  # share of the outcomes that went its way; of returns, those that were 0 left out
    hit_low: float
    hit_high: float
    move: float
    move_low: float
    move_high: float


@dataclass(frozen=True, slots=True)
class Part:
    """The rank correlation in one hour, or in one regime."""

    name: str
    ic: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Entering each time the score rises to a level, and holding for so long."""

    level: float
    horizon_s: float
    entries: int
    move_bps: float  # mean, mid to mid: the cost of both trades together at which nothing is left
    low_bps: float
    high_bps: float
    net_bps: float  # what is left after half the spread at each end; NaN without quotes
    net_low_bps: float
    net_high_bps: float


@dataclass(frozen=True, slots=True)
class Window:
    """Half an hour of score and price."""

    begins_ns: int
    ic: float
    seconds: tuple[float, ...]  # since `begins_ns`
    score: tuple[float, ...]
    price: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScoreEvaluation:
    """One score of one market, held against what it claims."""

    claim: Claim
    verdict: Word
    words: str
    at_claim: Foresight
    by_horizon: tuple[Horizon, ...]
    tenths: tuple[Tenth, ...]
    spread_band: float  # a tenth's share lies so near to 0.1 in 95%, by chance alone
    hours: tuple[Part, ...]  # of UTC
    regimes: tuple[Part, ...]
    lags_s: tuple[float, ...]
    autocorrelation: tuple[float, ...]
    half_life_s: float
    trips_per_hour: float  # 90 → 10 → 90
    entries: tuple[Entry, ...]  # of what has a direction
    best: Window | None
    worst: Window | None


@dataclass(frozen=True, slots=True)
class MarketEvaluation:
    """One market's recording and its scores."""

    market: str
    first_ns: int
    last_ns: int
    events: int
    span_s: float  # from the first event to the last, silences left out
    warm_up_s: float  # of that, apart: nothing of it counts
    silences: int  # of five minutes and more
    silent_s: float
    step_s: float  # between two rows of the sample
    spread_bps: float  # median; NaN without quotes
    usual_move_bps: float  # median of the root mean square of a second's return
    scores: tuple[ScoreEvaluation, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Several markets side by side."""

    markets: tuple[MarketEvaluation, ...]
    claims: int  # at how many claims was looked
    looks: int  # … and at how many claims and horizons together
    level: float  # probability that any one of all that is called shown is chance
