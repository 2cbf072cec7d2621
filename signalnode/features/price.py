"""Price: where the mid is, how it has drifted, how far from fair value it stands, and how much it moves.

The mid of this family is the geometric one, √(bid · ask): under price → K/price it turns into K/mid exactly,
which the arithmetic mid does not. It enters through its log returns r_i alone, taken quote by quote as ½
ln(bid/bid') + ½ ln(ask/ask'), so an unchanged quote gives exactly 0 in any unit, and so does one below
RETURN_MIN. Until the first quote, trade prices stand in.

Features (τ = time constant in seconds):
- `trend` (dimensionless) = Σ r_i e^(−(t−t_i)/τ), τ = trend_s: distance of log mid from its own average, the
  drift;
- `distance` (dimensionless) = the same with τ = fair_value_s: log mid minus log fair value;
- `agreement`, in [−1, 1] = sgn D · (D² − Q)/(P² − Q) · (1 − MOVES_MIN Q/P²) as of the last move, both factors
  at least 0, fading with fair_value_s; D = distance, P the same sum of |r_i|, Q = Σ r_i² e^(−2(t−t_i)/τ): of
  all moves taken two by two, how many more go the same way than not. 0 for a random walk, ±1 for a price that
  goes one way only, however seldom it moves. P²/Q is the number of equal moves that would look like these; up
  to MOVES_MIN say nothing;
- `variance` (per second) = Σ r_i² e^(−(t−t_i)/τ) / (τ · share seen), τ = variance_s: realised variance, the
  usual one;
- `volatility`, `volatility_usual` (per second) = average over τ of (2/τ') (Σ r_i e^(−(t−t_i)/τ'))², τ' =
  volatility_lag_s, τ = volatility_s, volatility_usual_s: Zumbach and Müller's (2001) volatility operator
  squared, deaf to a mid that flickers between two values within the lag.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.features.base import Parameter, Weight
from signalnode.features.decay import SECONDS_PER_NS, decays
from signalnode.features.logarithm import log1p

PARAMETERS = (
    Parameter("trend_s", 10.0, 0.1, 3600.0, "s", "memory of the drift; short enough to turn with the market"),
    Parameter(
        "fair_value_s", 120.0, 1.0, 86400.0, "s", "averaging time of fair value; several times the reversion"
    ),
    Parameter("variance_s", 600.0, 10.0, 86400.0, "s", "what the market's drift is measured against"),
    Parameter("volatility_s", 15.0, 0.1, 3600.0, "s", "the volatility of now"),
    Parameter(
        "volatility_usual_s",
        1800.0,
        10.0,
        86400.0,
        "s",
        "floors the volatility of a market that stands still",
    ),
    Parameter(
        "volatility_lag_s", 0.5, 0.01, 600.0, "s", "moves undone sooner than this are flicker, not volatility"
    ),
)
FEATURES = ("trend", "distance", "agreement", "variance", "volatility", "volatility_usual")
STATE = (
    ("price_time_ns", "<i8"),
    ("price_first_ns", "<i8"),
    ("trend", "<f8"),
    ("distance", "<f8"),
    ("path", "<f8"),
    ("path_squares", "<f8"),
    ("squares", "<f8"),
    ("lagged", "<f8"),
    ("lagged_squares", "<f8"),
    ("lagged_squares_usual", "<f8"),
)

KEPT = (
    Weight("trend", "price_time_ns", "trend_s"),
    Weight("distance", "price_time_ns", "fair_value_s"),
    Weight("variance", "price_time_ns", "variance_s"),
    Weight("volatility", "price_time_ns", "volatility_s"),
    Weight("volatility_usual", "price_time_ns", "volatility_usual_s"),
    Weight("lagged_square", "price_time_ns", "volatility_lag_s", 0.5),
)
SEEN = (
    Weight("variance_seen", "price_first_ns", "variance_s"),
    Weight("volatility_seen", "price_first_ns", "volatility_s"),
    Weight("volatility_usual_seen", "price_first_ns", "volatility_usual_s"),
)

MOVES_MIN = 3.0
RETURN_MIN = 1e-12  # a spread that opens evenly moves the mid by less, and by what rounding makes of it


@compiled
def _lagged_square(
    average: float, square: float, fallen: float, kept: float, h: float, tau: float, lag: float
) -> float:
    """Exponential average (τ) of y² over h seconds in which y decays by itself with τ' = lag: A e^(−h/τ) +
    y₀² (e^(−2h/τ') − e^(−h/τ)) / (1 − 2τ/τ'), the exact integral.

    `square` = y₀², `fallen` = e^(−2h/τ'), `kept` = e^(−h/τ).
    """
    apart = lag - 2.0 * tau
    if abs(apart) < 1e-6 * lag:
        return average * kept + square * (h / tau) * kept
    return average * kept + square * lag * (fallen - kept) / apart


@compiled
def _take_return(s: Any, p: Any, time_ns: int, log_return: float) -> None:
    """Take one log return of the mid at `time_ns`."""
    h = (time_ns - s.price_time_ns) * SECONDS_PER_NS
    lag = p.volatility_lag_s
    trend, distance, variance, now = decays(
        h / p.trend_s, h / p.fair_value_s, h / p.variance_s, h / p.volatility_s
    )
    usual, fallen, lagged, _ = decays(h / p.volatility_usual_s, h / (0.5 * lag), h / lag, 0.0)
    was, square = s.lagged * s.lagged, log_return * log_return
    s.lagged_squares = _lagged_square(s.lagged_squares, was, fallen, now, h, p.volatility_s, lag)
    s.lagged_squares_usual = _lagged_square(
        s.lagged_squares_usual, was, fallen, usual, h, p.volatility_usual_s, lag
    )
    s.lagged = s.lagged * lagged + log_return
    s.trend = s.trend * trend + log_return
    s.distance = s.distance * distance + log_return
    s.path = s.path * distance + abs(log_return)
    s.path_squares = s.path_squares * distance * distance + square
    s.squares = s.squares * variance + square
    s.price_time_ns = time_ns


@compiled
def _take_prices(s: Any, p: Any, time_ns: int, bid: float, ask: float) -> None:
    """Take the prices that `s.bid` and `s.ask` give way to."""
    if s.has_price == 0:
        s.price_time_ns = time_ns
        s.price_first_ns = time_ns
    else:
        r = 0.5 * log1p(bid / s.bid - 1.0) + 0.5 * log1p(ask / s.ask - 1.0)
        if abs(r) > RETURN_MIN:
            _take_return(s, p, time_ns, r)


@compiled
def on_trade(s: Any, p: Any, e: Any) -> None:
    """Before any quote, take a trade's price as bid and ask."""
    if s.has_quote == 0:
        _take_prices(s, p, e.time_received_ns, e.price, e.price)


@compiled
def on_price_change(s: Any, p: Any, e: Any) -> None:
    """Take a quote's new bid and ask."""
    _take_prices(s, p, e.time_received_ns, e.bid, e.ask)


@compiled
def _agreement(distance: float, path: float, squares: float) -> float:
    """See the module's docstring; as of the last move."""
    beyond = path * path - MOVES_MIN * squares
    agreeing = distance * distance - squares
    if beyond <= 0.0 or agreeing <= 0.0:
        return 0.0
    share = min(agreeing / (path * path - squares), 1.0) * beyond / (path * path)
    return math.copysign(share, distance)


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    h = (time_ns - s.price_time_ns) * SECONDS_PER_NS
    lag = p.volatility_lag_s
    was = s.lagged * s.lagged
    square = _lagged_square(s.lagged_squares, was, w.lagged_square, w.volatility, h, p.volatility_s, lag)
    square_usual = _lagged_square(
        s.lagged_squares_usual, was, w.lagged_square, w.volatility_usual, h, p.volatility_usual_s, lag
    )
    f.trend = s.trend * w.trend
    f.distance = s.distance * w.distance
    f.agreement = _agreement(s.distance, s.path, s.path_squares) * w.distance
    f.variance = s.squares * w.variance / (p.variance_s * w.variance_seen)
    f.volatility = square * 2.0 / (lag * w.volatility_seen)
    f.volatility_usual = square_usual * 2.0 / (lag * w.volatility_usual_seen)
