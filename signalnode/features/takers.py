"""Takers: who has traded at the other's price, and how much of it.

Features, in [−1, 1], positive where buyers took: with x_i = side_i · √size_i of a trade,
- `taken` = X / (A + TRADES_MIN · x̄), X = Σ x_i e^(−(t−t_i)/τ), A the same of |x_i|, τ = taken_s;
- `taken_usual` = U A / (A + TRADES_MIN · x̄), what that would be had they taken as usual: U = X / (A +
  SIDES_MIN · x̄) with τ = taken_usual_s, as of the last trade. Where buyers take more all day, it is no push.

x̄ is the mean of √size, trade by trade, so that a few trades are no flow. The root is between counting trades
and adding their sizes: impact grows about so (Bouchaud, Farmer and Lillo 2009). In either sum and in x̄ one
trade counts up to ROOTS_MAX of x̄, 64 usual sizes; at the third, x̄ begins with the least of the three, as the
usuals of `limits.py` do. Before some have been, nobody knows who usually takes, and U is near 0.

Where the venue does not tell the side, the quote does (Lee and Ready 1991): at the ask or above it is 1, at
the bid or below −1, and in between (p/bid − ask/p) / (p/bid + ask/p − 2), which the mirror turns round
exactly. Without quotes the last price stands for both: a trade above it is the buyer's.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled, sqrt
from signalnode.features.base import Parameter, Weight
from signalnode.features.decay import SECONDS_PER_NS, decays
from signalnode.features.limits import KNOWN_FROM, least

PARAMETERS = (
    Parameter(
        "taken_s", 5.0, 0.1, 3600.0, "s", "an order worked in pieces shows for some seconds", (1.0, 60.0)
    ),
    Parameter("taken_usual_s", 1800.0, 10.0, 86400.0, "s", "who takes in this market, and how much more"),
)
FEATURES = ("taken", "taken_usual")
STATE = (
    ("taken_time_ns", "<i8"),
    ("taken_sum", "<f8"),
    ("taken_whole", "<f8"),
    ("taken_sum_usual", "<f8"),
    ("taken_whole_usual", "<f8"),
    ("takings", "<i8"),
    ("root_usual", "<f8"),
    ("root_before", "<f8"),  # √size of the last trade, and of the one before it: whole
    ("root_earlier", "<f8"),
)
KEPT = (Weight("taken", "taken_time_ns", "taken_s"),)

TRADES_MIN = 2.0  # so many usual trades stand against those that were
SIDES_MIN = 64.0  # the same of what is usual
TRADES_USUAL = 256  # trades over which x̄ is averaged
ROOTS_MAX = 8.0
SAME_PRICE = 1e-12  # prices nearer to each other than this share differ by rounding


@compiled
def _side(s: Any, e: Any) -> float:
    """Who took, from −1 to 1."""
    if e.aggressor_side != 0:
        return math.copysign(1.0, e.aggressor_side)
    if s.has_price == 0:
        return 0.0
    above, below = e.price / s.bid - 1.0, s.ask / e.price - 1.0
    leaning, room = above - below, above + below
    if room > SAME_PRICE:
        side: float = min(max(leaning / room, -1.0), 1.0)
        return side
    return math.copysign(1.0, leaning) if abs(leaning) > SAME_PRICE else 0.0


@compiled
def _take_root(s: Any, root: float) -> float:
    """Take √size into what is usual; returns what of it counts."""
    s.takings += 1
    counted = root if s.takings <= KNOWN_FROM else min(root, ROOTS_MAX * s.root_usual)
    s.root_usual += (counted - s.root_usual) / min(s.takings, TRADES_USUAL)
    if s.takings == KNOWN_FROM:
        s.root_usual = least(root, s.root_before, s.root_earlier)
        most = KNOWN_FROM * ROOTS_MAX * s.root_usual
        s.taken_sum = min(max(s.taken_sum, -most), most)
        s.taken_whole = min(s.taken_whole, most)
        s.taken_sum_usual = min(max(s.taken_sum_usual, -most), most)
        s.taken_whole_usual = min(s.taken_whole_usual, most)
        counted = min(root, ROOTS_MAX * s.root_usual)
    s.root_earlier = s.root_before
    s.root_before = root
    return counted


@compiled
def on_trade(s: Any, p: Any, e: Any) -> None:
    """Take a trade."""
    time_ns = e.time_received_ns
    if s.takings == 0:
        s.taken_time_ns = time_ns
    h = (time_ns - s.taken_time_ns) * SECONDS_PER_NS
    kept, usual, _, _ = decays(h * p.per_taken_s, h * p.per_taken_usual_s, 0.0, 0.0)
    root, side = _take_root(s, sqrt(e.size)), _side(s, e)
    s.taken_sum = s.taken_sum * kept + side * root
    s.taken_whole = s.taken_whole * kept + root
    s.taken_sum_usual = s.taken_sum_usual * usual + side * root
    s.taken_whole_usual = s.taken_whole_usual * usual + root
    s.taken_time_ns = time_ns


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    f.taken = f.taken_usual = 0.0
    against = s.taken_whole * w.taken + TRADES_MIN * s.root_usual
    if against > 0.0:
        share = w.taken / against
        usual = s.taken_sum_usual / (s.taken_whole_usual + SIDES_MIN * s.root_usual)
        f.taken = s.taken_sum * share
        f.taken_usual = usual * s.taken_whole * share
