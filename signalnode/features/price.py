"""Price: where the mid is, how it has drifted, how far from fair value it stands, and how much it moves.

The mid of this family is the geometric one, √(bid · ask): under price → K/price it turns into K/mid exactly,
which the arithmetic mid does not. It enters through its log returns r_i alone, taken quote by quote as ½
ln(bid/bid') + ½ ln(ask/ask'), so an unchanged quote gives exactly 0 in any unit, and so does one below
RETURN_MIN. Until the first quote, trade prices stand in.

Features (τ = time constant in seconds):
- `trend` (dimensionless) = Σ r_i e^(−(t−t_i)/τ), τ = trend_s: distance of log mid from its own average, the
  drift;
- `distance` (dimensionless) = the same with τ = fair_value_s: log mid minus log fair value;
- `trend_variance` (per second) = (2/τ') (average of trend² over fair_value_s, not freed of its beginning, and
  what trend² will still add to it as it fades), τ' = trend_s: the variance of moves that outlast trend_s. A
  drift is a part of it, so distance² / (½ trend_variance · fair_value_s) is 1 on average for a random walk, 2
  after one jump, and 2 fair_value_s / trend_s at most, for a price that goes one way only;
- `idle_s` (s) = how long the price has stood still; `move_interval` (s) = the mean time between two moves;
- `variance` (per second) = Σ r_i² e^(−(t−t_i)/τ) / (τ · share seen), τ = variance_s: realised variance, the
  usual one;
- `volatility`, `volatility_5`, `volatility_25`, `volatility_usual` (per √second) = average over τ of √(π/τ')
  |Σ r_i e^(−(t−t_i)/τ')|, τ' = volatility_lag_s, τ = 1, 5 and 25 times volatility_s, and volatility_usual_s:
  what a random walk would have for a standard deviation. Zumbach and Müller's (2001) volatility operator of
  the first power: deaf to a mid that flickers between two values within the lag, and one return does not
  outweigh all others, as it does in squares (Forsberg and Ghysels 2007).

What one return may count (`limits.py`): m is the mean square of a return, taken return by return, v = m over
the mean time between two, and m is as it was before the return before, so that a move and its undoing count
alike. Its square counts
- in `volatility` up to 256 max(m, v volatility_s), sixteen deviations of what volatility_s makes: a gap reads
  as high as anything does, and is gone after four time constants;
- in `variance` and the other three volatilities up to 64 m, eight deviations, or a twentieth
  of all that is usual there;
- in `trend` and `distance` up to 256 max(m, v fair_value_s/2), sixteen deviations of what
  fair_value_s makes: fair value goes along with the rest.

The first returns, before anything is known, count up to UNKNOWN_MAX.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled, sqrt
from signalnode.features.base import Derived, Parameter, Weight
from signalnode.features.decay import SECONDS_PER_NS, decays
from signalnode.features.limits import INFLUENCE_MAX, KNOWN_FROM, least, limited
from signalnode.features.logarithm import log1p

PARAMETERS = (
    Parameter(
        "trend_s",
        10.0,
        0.1,
        3600.0,
        "s",
        "memory of the drift; short enough to turn with the market",
        search=(3.0, 40.0),
    ),
    Parameter(
        "fair_value_s",
        120.0,
        1.0,
        86400.0,
        "s",
        "averaging time of fair value; several times the reversion",
        search=(20.0, 600.0),
    ),
    Parameter("variance_s", 600.0, 10.0, 86400.0, "s", "what the market's drift is measured against"),
    Parameter(
        "volatility_s",
        12.0,
        0.1,
        3600.0,
        "s",
        "the volatility of now; 5 and 25 times as long count as well",
        search=(3.0, 60.0),
    ),
    Parameter(
        "volatility_usual_s",
        1800.0,
        10.0,
        86400.0,
        "s",
        "floors the volatility of a market that stands still",
    ),
    Parameter(
        "volatility_lag_s",
        0.5,
        0.01,
        600.0,
        "s",
        "moves undone sooner than this are flicker, not volatility",
        search=(0.1, 5.0),
    ),
)
FEATURES = (
    "trend",
    "distance",
    "trend_variance",
    "idle_s",
    "move_interval",
    "variance",
    "volatility",
    "volatility_5",
    "volatility_25",
    "volatility_usual",
)
STATE = (
    ("price_time_ns", "<i8"),
    ("price_first_ns", "<i8"),
    ("trend", "<f8"),
    ("distance", "<f8"),
    ("trend_squares", "<f8"),
    ("squares", "<f8"),
    ("lagged", "<f8"),
    ("lagged_sizes", "<f8"),
    ("lagged_usual", "<f8"),
    ("lagged_sizes_5", "<f8"),
    ("lagged_sizes_25", "<f8"),
    ("lagged_sizes_usual", "<f8"),
    ("returns", "<i8"),  # taken since the first price
    ("moves", "<f8"),  # decayed number of them, as of the last
    ("move_square", "<f8"),  # the mean square of one of these
    ("move_square_before", "<f8"),  # the same before the last: a move and its undoing meet the same limit
    ("move_interval", "<f8"),  # the mean time between two of them, s
    ("square_before", "<f8"),  # of the last return, and of the one before it: whole
    ("square_earlier", "<f8"),
)

KEPT = (
    Weight("trend", "price_time_ns", "trend_s"),
    Weight("distance", "price_time_ns", "fair_value_s"),
    Weight("variance", "price_time_ns", "variance_s"),
    Weight("volatility", "price_time_ns", "volatility_s"),
    Weight("volatility_5", "price_time_ns", "volatility_s", 5.0),
    Weight("volatility_25", "price_time_ns", "volatility_s", 25.0),
    Weight("volatility_usual", "price_time_ns", "volatility_usual_s"),
    Weight("lagged", "price_time_ns", "volatility_lag_s"),
)
SEEN = (
    Weight("variance_seen", "price_first_ns", "variance_s"),
    Weight("volatility_seen", "price_first_ns", "volatility_s"),
    Weight("volatility_5_seen", "price_first_ns", "volatility_s", 5.0),
    Weight("volatility_25_seen", "price_first_ns", "volatility_s", 25.0),
    Weight("volatility_usual_seen", "price_first_ns", "volatility_usual_s"),
)
MOVED = KEPT


def _gain(tau: float, lag: float) -> float:
    """1 / (1 − τ/τ'), τ' = lag; ∞ where the two are as good as the same."""
    return math.inf if abs(lag - tau) < 1e-6 * lag else lag / (lag - tau)


DERIVED = (
    Derived("volatility_unit", lambda p: math.sqrt(math.pi / p.volatility_lag_s)),
    Derived("trend_gain", lambda p: _gain(p.fair_value_s, 0.5 * p.trend_s)),
    Derived("volatility_gain", lambda p: _gain(p.volatility_s, p.volatility_lag_s)),
    Derived("volatility_5_gain", lambda p: _gain(5.0 * p.volatility_s, p.volatility_lag_s)),
    Derived("volatility_25_gain", lambda p: _gain(25.0 * p.volatility_s, p.volatility_lag_s)),
    Derived("volatility_usual_gain", lambda p: _gain(p.volatility_usual_s, p.volatility_lag_s)),
)

LASTING_MAX = 0.05  # of the usual variance; with more, five minutes do not forget one wild price
SHARE_MAX = 0.05  # of the usual variance, which activity is measured against
DRIFT_MAX = 256.0  # sixteen deviations: beyond, neither drift nor gap says more
INTERVAL_MIN = 1e-9  # s; moves at one time are as good as a nanosecond apart
UNKNOWN_MAX = 3e-4  # the return to believe of a market that has hardly moved yet: three basis points
RETURN_MIN = 1e-12  # a spread that opens evenly moves the mid by less, and by what rounding makes of it


@compiled
def _lagged_size(
    average: float, size: float, fallen: float, kept: float, h: float, gain: float, per_tau: float
) -> float:
    """Exponential average (τ) of |y| over h seconds in which y decays by itself with τ': A e^(−h/τ) + |y₀|
    (e^(−h/τ') − e^(−h/τ)) / (1 − τ/τ'), the exact integral.

    `size` = |y₀|, or y₀² where τ' is half of y's; `fallen` = e^(−h/τ'), `kept` = e^(−h/τ), `gain` is what
    `_gain` makes of τ and τ', and `per_tau` 1/τ.
    """
    alike, apart = size * (h * per_tau) * kept, size * gain * (fallen - kept)
    return average * kept + (alike if gain == math.inf else apart)


@compiled
def _counted(log_return: float, most: float, s: Any) -> float:
    """`log_return`, whose square counts up to `most`."""
    square = limited(log_return * log_return, most, s.square_before, s.square_earlier)
    return math.copysign(sqrt(square), log_return)


@compiled
def _limited_returns(s: Any, p: Any, log_return: float) -> tuple[float, float, float, float]:
    """What of `log_return` counts in drifts, volatility, the lasting volatilities and variance."""
    if s.returns < KNOWN_FROM:
        r = min(max(log_return, -UNKNOWN_MAX), UNKNOWN_MAX)
        return r, r, r, r
    move, a_second = s.move_square_before, s.move_square_before / s.move_interval
    return (
        _counted(log_return, DRIFT_MAX * max(move, 0.5 * p.fair_value_s * a_second), s),
        _counted(log_return, DRIFT_MAX * max(move, p.volatility_s * a_second), s),
        _counted(log_return, max(INFLUENCE_MAX * move, LASTING_MAX * p.variance_s * a_second), s),
        _counted(log_return, max(INFLUENCE_MAX * move, SHARE_MAX * p.variance_s * a_second), s),
    )


@compiled
def _take_move(s: Any, h: float, square: float) -> None:
    """Take the square of one return, h seconds after the one before, into what a move usually is."""
    weight = 1.0 / s.moves
    s.returns += 1
    s.move_square_before = s.move_square
    if s.returns > KNOWN_FROM:
        counted = limited(square, INFLUENCE_MAX * s.move_square, s.square_before, s.square_earlier)
        s.move_square += (counted - s.move_square) * weight
        h = min(h, INFLUENCE_MAX * s.move_interval)
    elif s.returns == KNOWN_FROM:
        s.move_square = s.move_square_before = least(square, s.square_before, s.square_earlier)
    s.move_interval += (max(h, INTERVAL_MIN) - s.move_interval) * weight
    s.square_earlier = s.square_before
    s.square_before = square


@compiled
def _begin_usual(s: Any, p: Any) -> None:
    """Let the least of the first KNOWN_FROM squares stand for each."""
    low = s.move_square
    s.squares = s.moves * low
    most = sqrt(KNOWN_FROM * INFLUENCE_MAX * low)
    s.lagged_usual = math.copysign(min(abs(s.lagged_usual), most), s.lagged_usual)
    share = most * p.volatility_lag_s
    s.lagged_sizes_5 = min(s.lagged_sizes_5, share / (5.0 * p.volatility_s))
    s.lagged_sizes_25 = min(s.lagged_sizes_25, share / (25.0 * p.volatility_s))
    s.lagged_sizes_usual = min(s.lagged_sizes_usual, share / p.volatility_usual_s)


@compiled
def _take_return(
    s: Any,
    p: Any,
    time_ns: int,
    log_return: float,
    trend: float,
    distance: float,
    variance: float,
    now: float,
    five: float,
    many: float,
    usual: float,
    lagged: float,
) -> None:
    """Take one log return of the mid at `time_ns`; the rest is what is left of MOVED."""
    h = (time_ns - s.price_time_ns) * SECONDS_PER_NS
    square = log_return * log_return
    to_drift = to_volatility = to_lasting = to_usual = log_return
    if s.returns < KNOWN_FROM or square > INFLUENCE_MAX * s.move_square_before:
        to_drift, to_volatility, to_lasting, to_usual = _limited_returns(s, p, log_return)
    was, was_usual, per = abs(s.lagged), abs(s.lagged_usual), p.per_volatility_s
    s.lagged_sizes = _lagged_size(s.lagged_sizes, was, lagged, now, h, p.volatility_gain, per)
    s.lagged_sizes_5 = _lagged_size(
        s.lagged_sizes_5, was_usual, lagged, five, h, p.volatility_5_gain, 0.2 * per
    )
    s.lagged_sizes_25 = _lagged_size(
        s.lagged_sizes_25, was_usual, lagged, many, h, p.volatility_25_gain, 0.04 * per
    )
    s.lagged_sizes_usual = _lagged_size(
        s.lagged_sizes_usual, was_usual, lagged, usual, h, p.volatility_usual_gain, p.per_volatility_usual_s
    )
    s.lagged = s.lagged * lagged + to_volatility
    s.lagged_usual = s.lagged_usual * lagged + to_lasting
    drift = s.trend * s.trend
    s.trend_squares = _lagged_size(
        s.trend_squares, drift, trend * trend, distance, h, p.trend_gain, p.per_fair_value_s
    )
    s.trend = s.trend * trend + to_drift
    s.distance = s.distance * distance + to_drift
    s.squares = s.squares * variance + to_usual * to_usual
    s.moves = s.moves * variance + 1.0
    _take_move(s, h, square)
    if s.returns == KNOWN_FROM:
        _begin_usual(s, p)
    s.price_time_ns = time_ns


@compiled
def _begin(s: Any, time_ns: int) -> None:
    """Take the first price, which has moved from none."""
    s.price_time_ns = time_ns
    s.price_first_ns = time_ns


@compiled
def on_trade(s: Any, p: Any, e: Any) -> None:
    """Before any quote, take a trade's price as bid and ask."""
    if s.has_quote == 0:
        time_ns = e.time_received_ns
        if s.has_price == 0:
            _begin(s, time_ns)
            return
        r = log1p(e.price / s.bid - 1.0)
        if abs(r) > RETURN_MIN:
            h = (time_ns - s.price_time_ns) * SECONDS_PER_NS
            x = h * p.per_volatility_s
            trend, distance, variance, now = decays(
                h * p.per_trend_s, h * p.per_fair_value_s, h * p.per_variance_s, x
            )
            five, many, usual, lagged = decays(
                x * 0.2, x * 0.04, h * p.per_volatility_usual_s, h * p.per_volatility_lag_s
            )
            _take_return(s, p, time_ns, r, trend, distance, variance, now, five, many, usual, lagged)


@compiled
def on_price_change(
    s: Any,
    p: Any,
    e: Any,
    bid_log: float,
    ask_log: float,
    width_log: float,
    trend: float,
    distance: float,
    variance: float,
    now: float,
    five: float,
    many: float,
    usual: float,
    lagged: float,
) -> None:
    """Take a quote's new bid and ask; the rest is what is left of MOVED."""
    if s.has_price == 0:
        _begin(s, e.time_received_ns)
        return
    r = 0.5 * bid_log + 0.5 * ask_log
    if abs(r) > RETURN_MIN:
        _take_return(s, p, e.time_received_ns, r, trend, distance, variance, now, five, many, usual, lagged)


@compiled
def _trend_variance(s: Any, p: Any, h: float, trend: float, distance: float) -> float:
    """See the module's docstring; h seconds after the last move, with what is left of `trend` and `distance`
    since then.
    """
    drift, left = s.trend * s.trend, trend * trend
    average = _lagged_size(s.trend_squares, drift, left, distance, h, p.trend_gain, p.per_fair_value_s)
    to_come: float = drift * left * (0.5 * p.trend_s * p.per_fair_value_s)
    variance: float = (average + to_come) * (2.0 * p.per_trend_s)
    return variance


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    h = (time_ns - s.price_time_ns) * SECONDS_PER_NS
    was, was_usual, fallen, per = abs(s.lagged), abs(s.lagged_usual), w.lagged, p.per_volatility_s
    now = _lagged_size(s.lagged_sizes, was, fallen, w.volatility, h, p.volatility_gain, per)
    five = _lagged_size(
        s.lagged_sizes_5, was_usual, fallen, w.volatility_5, h, p.volatility_5_gain, 0.2 * per
    )
    many = _lagged_size(
        s.lagged_sizes_25, was_usual, fallen, w.volatility_25, h, p.volatility_25_gain, 0.04 * per
    )
    usual = _lagged_size(
        s.lagged_sizes_usual,
        was_usual,
        fallen,
        w.volatility_usual,
        h,
        p.volatility_usual_gain,
        p.per_volatility_usual_s,
    )
    unit = p.volatility_unit
    f.trend = s.trend * w.trend
    f.distance = s.distance * w.distance
    f.trend_variance = _trend_variance(s, p, h, w.trend, w.distance)
    f.idle_s = h if s.has_price == 1 else 0.0
    f.move_interval = s.move_interval
    f.variance = s.squares * w.variance * p.per_variance_s / w.variance_seen
    f.volatility = unit * now / w.volatility_seen
    f.volatility_5 = unit * five / w.volatility_5_seen
    f.volatility_25 = unit * many / w.volatility_25_seen
    f.volatility_usual = unit * usual / w.volatility_usual_seen
