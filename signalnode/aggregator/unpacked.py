"""A row of a digest as the message that it was. Pure."""

from __future__ import annotations

import math
from typing import Any

from signalnode.bus.digest import NONE, UNKNOWN
from signalnode.bus.wire import VERSION, Health, Score

UNKNOWN_READS = 50.0
OF_SCORE = (
    "epoch",
    "seq",
    "time_event_ns",
    "time_received_ns",
    "time_published_ns",
    "mid",
    "warm",
    "status",
    "reason",
    "outage_ms",
    "spread_bps",
)


def score_of(
    market: str, of_score: tuple[Any, ...], scores: dict[str, float], unknown: tuple[str, ...]
) -> Score:
    """That row as its engine sent it; `of_score` in the order of OF_SCORE."""
    epoch, seq, event_ns, received_ns, published_ns, mid, warm, status, reason, outage_ms, spread = of_score
    return Score(
        v=VERSION,
        market=market,
        epoch=epoch,
        seq=seq,
        time_event_ns=event_ns,
        time_received_ns=received_ns,
        time_published_ns=published_ns,
        mid=mid,
        warm=warm,
        status=status,
        health=_health(reason, outage_ms),
        spread_bps=None if math.isnan(spread) else spread,
        scores=scores,
        unknown=unknown,
    )


def known_of(scores: dict[str, float]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Those that this market has, and which of them are unknown, which read 50."""
    unknown = tuple(name for name, each in scores.items() if each == UNKNOWN)
    had = {name: each for name, each in scores.items() if not math.isnan(each)}
    return had | dict.fromkeys(unknown, UNKNOWN_READS), unknown


def _health(reason: str, outage_ms: int) -> Health | None:
    if not reason and outage_ms == NONE:
        return None
    return Health(reason=reason, outage_ms=None if outage_ms == NONE else outage_ms)
