"""Activity: how much is traded now, and how much usually.

Features, each Σ x_i e^(−(t−t_i)/τ) / (τ · share seen):
- `volume`, `volume_usual` (base units per second): x = size, τ = volume_s, volume_usual_s;
- `trading_1`, `trading_5`, `trading_25`, `trading_usual` (root of a base unit, per second): x = √size, τ = 1,
  5 and 25 times volume_s, and volume_usual_s. It grows with the number of trades and with their size, and one
  large trade does not outweigh all others.

What one trade may count (`limits.py`): 64 usual trades; in `volume` and `trading_1` that, or 64 times what is
usually traded in volume_s. At the third, all so far come down to 64 times the least of them.
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled, sqrt
from signalnode.features.base import Parameter, Weight
from signalnode.features.decay import SECONDS_PER_NS, SEEN_MIN, decay, decays
from signalnode.features.limits import INFLUENCE_MAX, KNOWN_FROM, least, limited

PARAMETERS = (
    Parameter(
        "volume_s",
        12.0,
        0.1,
        3600.0,
        "s",
        "a burst's length; 5 and 25 times as long count as well",
        (3.0, 60.0),
    ),
    Parameter("volume_usual_s", 1800.0, 10.0, 86400.0, "s", "the volume this market is used to"),
)
FEATURES = ("volume", "volume_usual", "trading_1", "trading_5", "trading_25", "trading_usual")
STATE = (
    ("trade_time_ns", "<i8"),
    ("trade_first_ns", "<i8"),
    ("trades", "<i8"),
    ("volume", "<f8"),
    ("volume_usual", "<f8"),
    ("trading_1", "<f8"),
    ("trading_5", "<f8"),
    ("trading_25", "<f8"),
    ("trading_usual", "<f8"),
    ("trades_usual", "<f8"),  # decayed number of them, as of the last
    ("size_before", "<f8"),  # of the last trade, and of the one before it: whole
    ("size_earlier", "<f8"),
)


KEPT = (
    Weight("volume", "trade_time_ns", "volume_s"),
    Weight("volume_5", "trade_time_ns", "volume_s", 5.0),
    Weight("volume_25", "trade_time_ns", "volume_s", 25.0),
    Weight("volume_usual", "trade_time_ns", "volume_usual_s"),
)
SEEN = (
    Weight("volume_seen", "trade_first_ns", "volume_s"),
    Weight("volume_5_seen", "trade_first_ns", "volume_s", 5.0),
    Weight("volume_25_seen", "trade_first_ns", "volume_s", 25.0),
    Weight("volume_usual_seen", "trade_first_ns", "volume_usual_s"),
)


@compiled
def _limited_sizes(s: Any, p: Any, time_ns: int, size: float, usual_kept: float) -> tuple[float, float]:
    """What of `size` counts now and in the usual."""
    observed_s = (time_ns - s.trade_first_ns) * SECONDS_PER_NS
    seen = max(1.0 - decay(observed_s / p.volume_usual_s), SEEN_MIN)
    volume = s.volume_usual * usual_kept * p.volume_s / (p.volume_usual_s * seen)
    usual, before, earlier = s.volume_usual / s.trades_usual, s.size_before, s.size_earlier
    now = limited(size, INFLUENCE_MAX * max(usual, volume), before, earlier)
    return now, limited(size, INFLUENCE_MAX * usual, before, earlier)


@compiled
def _begin_usual(s: Any, low: float) -> None:
    """Let the least of the first KNOWN_FROM sizes, `low`, stand for each in the usuals."""
    root = sqrt(low)
    most = KNOWN_FROM * sqrt(INFLUENCE_MAX) * root
    s.volume_usual = s.trades_usual * low
    s.volume = min(s.volume, KNOWN_FROM * INFLUENCE_MAX * low)
    s.trading_1 = min(s.trading_1, most)
    s.trading_5 = min(s.trading_5, most)
    s.trading_25 = min(s.trading_25, most)
    s.trading_usual = s.trades_usual * root


@compiled
def on_trade(s: Any, p: Any, e: Any) -> None:
    """Take a trade."""
    time_ns = e.time_received_ns
    if s.trades == 0:
        s.trade_time_ns = time_ns
        s.trade_first_ns = time_ns
    h = (time_ns - s.trade_time_ns) * SECONDS_PER_NS
    x = h * p.per_volume_s
    now, five, many, usual = decays(x, x * 0.2, x * 0.04, h * p.per_volume_usual_s)
    to_now = to_usual = e.size
    if s.trades >= KNOWN_FROM and e.size * s.trades_usual > INFLUENCE_MAX * s.volume_usual:
        to_now, to_usual = _limited_sizes(s, p, time_ns, e.size, usual)
    s.volume = s.volume * now + to_now
    s.volume_usual = s.volume_usual * usual + to_usual
    s.trades_usual = s.trades_usual * usual + 1.0
    root = sqrt(to_usual)
    s.trading_1 = s.trading_1 * now + sqrt(to_now)
    s.trading_5 = s.trading_5 * five + root
    s.trading_25 = s.trading_25 * many + root
    s.trading_usual = s.trading_usual * usual + root
    s.trades += 1
    if s.trades == KNOWN_FROM:
        _begin_usual(s, least(e.size, s.size_before, s.size_earlier))
    s.size_earlier = s.size_before
    s.size_before = e.size
    s.trade_time_ns = time_ns


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    now, usual = w.volume * p.per_volume_s / w.volume_seen, w.volume_usual * p.per_volume_usual_s
    usual /= w.volume_usual_seen
    f.volume = s.volume * now
    f.volume_usual = s.volume_usual * usual
    f.trading_1 = s.trading_1 * now
    f.trading_5 = s.trading_5 * (w.volume_5 * 0.2 * p.per_volume_s / w.volume_5_seen)
    f.trading_25 = s.trading_25 * (w.volume_25 * 0.04 * p.per_volume_s / w.volume_25_seen)
    f.trading_usual = s.trading_usual * usual
