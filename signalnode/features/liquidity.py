"""Liquidity: what it costs to cross the spread, and how much stands behind it.

Features (averages over time, not over quotes; τ = liquidity_s, and for the usuals as named):
- `spread` (dimensionless) = exp of the average of ln(ln(ask/bid)): the geometric mean, so that a moment's gap
  of a hundred usual spreads does not stand for the whole second;
- `spread_usual` = the same over liquidity_usual_s;
- `depth_now`, `depth_usual` (base units) = average of √(bid_depth · ask_depth), the thinner side weighing
  more. The usual one is over depth_usual_s: depth drifts by the hour where the spread stands. In it a depth
  counts for no more than 3 usual ones (`limits.py`), unless one of the two before it was as much;
- `top_usual` (base units) = the same of √(bid_size · ask_size), as it stands when depth comes, up to 3 usual
  ones;
- `depth_width`, `depth_width_usual` (dimensionless) = the price range that the depth lies in, as a fraction
  of the mid.

The usuals are as of the last change: a book that stands while nobody comes does not become the usual one by
it. Before the first depth event the sizes at the best bid and ask stand in, with the spread as their width.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled, sqrt, where
from signalnode.features.base import Parameter, Weight
from signalnode.features.decay import SECONDS_PER_NS, decays, exp, hold, time_average
from signalnode.features.limits import KNOWN_FROM, LEVEL_MAX, middle

PARAMETERS = (
    Parameter(
        "liquidity_s",
        1.0,
        0.01,
        3600.0,
        "s",
        "long enough to ride over a flicker of the top of the book",
        (0.1, 30.0),
    ),
    Parameter("liquidity_usual_s", 1800.0, 10.0, 86400.0, "s", "the spread this market is used to"),
    Parameter(
        "depth_usual_s", 600.0, 10.0, 86400.0, "s", "the depth this market is used to; it drifts by the hour"
    ),
    Parameter("depth_bps", 10.0, 0.1, 1000.0, "bps", "how far from the mid the feed's depth reaches"),
)
FEATURES = (
    "spread",
    "spread_usual",
    "depth_now",
    "depth_usual",
    "top_usual",
    "depth_width",
    "depth_width_usual",
)
STATE = (
    ("log_spread", "<f8"),
    ("spread_time_ns", "<i8"),
    ("spread_first_ns", "<i8"),
    ("log_spread_average", "<f8"),
    ("log_spread_average_usual", "<f8"),
    ("spread_usual_seen", "<f8"),  # the weight that this average has gathered, 1 − e^(−observed/τ)
    ("depth", "<f8"),
    ("depth_source", "<i8"),  # NO_DEPTH, DEPTH_AT_TOP, DEPTH_IN_BAND
    ("depth_time_ns", "<i8"),
    ("depth_first_ns", "<i8"),
    ("depth_average", "<f8"),
    ("depth_average_usual", "<f8"),
    ("depth_usual_seen", "<f8"),  # as spread_usual_seen
    ("depths", "<i8"),  # taken from this source
    ("depth_counted", "<f8"),  # what of `depth` the usual takes
    ("depth_before", "<f8"),  # the depth before `depth`: whole
    ("top_square", "<f8"),  # bid size · ask size of the newest quote
    ("top_counted", "<f8"),  # what of the top the usual takes, as of the newest depth
    ("top_average_usual", "<f8"),
)

KEPT = (
    Weight("spread", "spread_time_ns", "liquidity_s"),
    Weight("depth", "depth_time_ns", "liquidity_s"),
)
SEEN = (
    Weight("spread_seen", "spread_first_ns", "liquidity_s"),
    Weight("depth_seen", "depth_first_ns", "liquidity_s"),
)
MOVED = (
    Weight("spread", "spread_time_ns", "liquidity_s"),
    Weight("spread_usual", "spread_time_ns", "liquidity_usual_s"),
)

SEEN_ENOUGH = 1e-5  # of a usual's memory; with less the value of now stands for it
SPREAD_MIN = 1e-12  # of the price; a locked book has a spread of zero, and zero has no logarithm
NO_DEPTH, DEPTH_AT_TOP, DEPTH_IN_BAND = 0, 1, 2  # what `depth` was taken from: each ousts those before it


@compiled
def _most(s: Any) -> float:
    """Usual ones that one depth counts for: one, until KNOWN_FROM have been, for any of these may be wild."""
    return LEVEL_MAX if s.depths >= KNOWN_FROM else 1.0


@compiled
def _limited_depth(s: Any, depth: float) -> float:
    """What of `depth` counts in the usual; all of it while nothing has stood there."""
    usual, seen, most = s.depth_average_usual, s.depth_usual_seen, _most(s)
    if depth * seen <= most * usual or usual <= 0.0:
        return depth
    counted: float = max(most * usual / seen, middle(depth, s.depth, s.depth_before))
    return counted


@compiled
def _limited_top(s: Any) -> float:
    """What of the top the usual takes: all of it while nothing has stood there."""
    top, usual = sqrt(s.top_square), s.top_average_usual
    if s.depths == 1 and top > 0.0:
        usual = s.top_average_usual = min(usual, top * s.depth_usual_seen)
    return top if usual <= 0.0 else min(top, _most(s) * usual / s.depth_usual_seen)


@compiled
def _take_depth(s: Any, p: Any, time_ns: int, bid_depth: float, ask_depth: float, source: int) -> None:
    """Take the quantities near the mid on either side, from a `source` no worse than the one before."""
    depth = sqrt(bid_depth * ask_depth)
    if s.depth_source < source:
        s.depth_source = source
        s.depth_first_ns = time_ns
        s.depth_average = 0.0
        s.depth_average_usual = 0.0
        s.depth_usual_seen = 0.0
        s.depths = 0
        s.depth_before = 0.0
        s.depth_counted = depth
        s.top_average_usual = 0.0
        s.top_counted = sqrt(s.top_square)
    else:
        h = (time_ns - s.depth_time_ns) * SECONDS_PER_NS
        now, usual, _, _ = decays(h * p.per_liquidity_s, h * p.per_depth_usual_s, 0.0, 0.0)
        s.depth_average = hold(s.depth_average, s.depth, now)
        s.depth_average_usual = hold(s.depth_average_usual, s.depth_counted, usual)
        s.depth_usual_seen = hold(s.depth_usual_seen, 1.0, usual)
        s.top_average_usual = hold(s.top_average_usual, s.top_counted, usual)
        s.top_counted = _limited_top(s)
        if s.depths == 1 and depth > 0.0:  # no more has been seen than the first, and that may have been wild
            s.depth_average_usual = min(s.depth_average_usual, depth * s.depth_usual_seen)
        s.depth_counted = _limited_depth(s, depth)
        if s.depths == 2:  # now the middle one can be told, and stands for each
            s.depth_counted = middle(depth, s.depth, s.depth_before)
            s.depth_average_usual = s.depth_counted * s.depth_usual_seen
        s.depth_before = s.depth
    s.depths += 1
    s.depth_time_ns = time_ns
    s.depth = depth


@compiled
def on_quote(s: Any, p: Any, e: Any) -> None:
    """Take a quote's sizes, until the first depth event for the depth."""
    s.top_square = e.bid_size * e.ask_size
    if s.depth_source < DEPTH_IN_BAND:
        _take_depth(s, p, e.time_received_ns, e.bid_size, e.ask_size, DEPTH_AT_TOP)


@compiled
def on_price_change(
    s: Any, p: Any, e: Any, bid_log: float, ask_log: float, width_log: float, kept: float, usual: float
) -> None:
    """Take a quote's spread; the one before it stood until now."""
    time_ns = e.time_received_ns
    log_spread = math.log(max(width_log, SPREAD_MIN))
    if s.has_quote == 0:
        s.spread_time_ns = time_ns
        s.spread_first_ns = time_ns
    else:
        s.log_spread_average = hold(s.log_spread_average, s.log_spread, kept)
        s.log_spread_average_usual = hold(s.log_spread_average_usual, s.log_spread, usual)
        s.spread_usual_seen = hold(s.spread_usual_seen, 1.0, usual)
        s.spread_time_ns = time_ns
    s.log_spread = log_spread


@compiled
def on_depth(s: Any, p: Any, e: Any) -> None:
    """Take the depth within `depth_bps` of the mid."""
    _take_depth(s, p, e.time_received_ns, e.bid_depth, e.ask_depth, DEPTH_IN_BAND)


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    tau = p.liquidity_s
    observed = (time_ns - s.spread_first_ns) * SECONDS_PER_NS
    average = time_average(s.log_spread_average, s.log_spread, w.spread, w.spread_seen, observed, tau)
    seen = s.spread_usual_seen
    usual = where(seen > SEEN_ENOUGH, s.log_spread_average_usual / max(seen, SEEN_ENOUGH), s.log_spread)
    f.spread = spread = where(s.has_quote == 1, exp(average), 0.0)
    f.spread_usual = spread_usual = where(s.has_quote == 1, exp(usual), 0.0)
    observed = (time_ns - s.depth_first_ns) * SECONDS_PER_NS
    f.depth_now = time_average(s.depth_average, s.depth, w.depth, w.depth_seen, observed, tau)
    seen = s.depth_usual_seen
    divisor = max(seen, SEEN_ENOUGH)
    depth = where(seen > SEEN_ENOUGH, s.depth_average_usual / divisor, s.depth_counted)
    top = where(seen > SEEN_ENOUGH, s.top_average_usual / divisor, s.top_counted)
    in_band, width = s.depth_source == DEPTH_IN_BAND, p.depth_bps * 1e-4
    f.depth_usual, f.top_usual = depth, where(in_band, top, depth)
    f.depth_width = where(in_band, width, spread)
    f.depth_width_usual = where(in_band, width, spread_usual)
