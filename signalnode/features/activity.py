"""Activity: how much is traded now, and how much usually.

Features (base units per second):
- `volume`, `volume_usual` = Σ size_i e^(−(t−t_i)/τ) / (τ · share seen), τ = volume_s, volume_usual_s.
"""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.features.base import Parameter, Weight
from signalnode.features.decay import SECONDS_PER_NS, decays

PARAMETERS = (
    Parameter("volume_s", 12.0, 0.1, 3600.0, "s", "a burst's length"),
    Parameter("volume_usual_s", 1800.0, 10.0, 86400.0, "s", "the volume this market is used to"),
)
FEATURES = ("volume", "volume_usual")
STATE = (
    ("trade_time_ns", "<i8"),
    ("trade_first_ns", "<i8"),
    ("trades", "<i8"),
    ("volume", "<f8"),
    ("volume_usual", "<f8"),
)


KEPT = (
    Weight("volume", "trade_time_ns", "volume_s"),
    Weight("volume_usual", "trade_time_ns", "volume_usual_s"),
)
SEEN = (
    Weight("volume_seen", "trade_first_ns", "volume_s"),
    Weight("volume_usual_seen", "trade_first_ns", "volume_usual_s"),
)


@compiled
def on_trade(s: Any, p: Any, e: Any) -> None:
    """Take a trade."""
    time_ns = e.time_received_ns
    if s.trades == 0:
        s.trade_time_ns = time_ns
        s.trade_first_ns = time_ns
    h = (time_ns - s.trade_time_ns) * SECONDS_PER_NS
    now, usual, _, _ = decays(h / p.volume_s, h / p.volume_usual_s, 0.0, 0.0)
    s.volume = s.volume * now + e.size
    s.volume_usual = s.volume_usual * usual + e.size
    s.trade_time_ns = time_ns
    s.trades += 1


@compiled
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write this family's features as of `time_ns` into the record `f`; the state stays as it is."""
    f.volume = s.volume * w.volume / (p.volume_s * w.volume_seen)
    f.volume_usual = s.volume_usual * w.volume_usual / (p.volume_usual_s * w.volume_usual_seen)
