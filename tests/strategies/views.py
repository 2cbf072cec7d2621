"""Makers of views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signalnode.bus.wire import SCORE_NAMES, MarketState
from signalnode.strategies.base import NO_RELATIONS, View

S = 1_000_000_000
T0 = 1_700_000_000 * S


def market(
    state: str = "fresh",
    mid: float = 100.0,
    warm: float = 1.0,
    unknown: tuple[str, ...] = (),
    **scores: float,
) -> MarketState:
    """One market; every score 50 that is not given."""
    return MarketState(
        state=state,
        age_s=0.1,
        epoch=1,
        seq=1,
        mid=mid,
        warm=warm,
        scores=dict.fromkeys(SCORE_NAMES, 50.0) | scores,
        unknown=unknown,
    )


def view(second: float, markets: Mapping[str, MarketState], **around: Any) -> View:
    """A view `second` seconds after T0."""
    return View(T0 + int(second * S), int(second * 4) + 1, markets, **({"relations": NO_RELATIONS} | around))
