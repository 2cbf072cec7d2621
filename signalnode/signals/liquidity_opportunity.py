"""Liquidity opportunity: trading is cheaper than usual.

reading = −ln c + ¾ ln c', where c = ½ spread + ½ width · ORDER_SHARE · top_usual / depth_now is
what an order of the usual size costs, as a share of the price: half the spread that it crosses, and the depth
that it eats into (Kyle's tightness and depth, 1985), the book taken as even over its width. c' is the same of
the usual spread and depth, so that a market whose spread falls all day is not cheap all day. Neither spread
nor width counts for less than SPREAD_SHARE of the usual: a book that is locked for a moment costs something.
NaN until there is a quote.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled, where
from signalnode.features.logarithm import log
from signalnode.signals.base import NEGLIGIBLE, Signal

ORDER_SHARE = 0.3  # of what usually stands at the top of the book
SPREAD_SHARE = 0.25


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    known = (f.spread > 0.0) & (f.depth_usual > 0.0)
    depth_usual = where(known, f.depth_usual, 1.0)
    order = ORDER_SHARE * f.top_usual
    spread = max(f.spread, SPREAD_SHARE * f.spread_usual)
    width = max(f.depth_width, SPREAD_SHARE * f.depth_width_usual)
    cost = 0.5 * spread + 0.5 * width * order / (f.depth_now + NEGLIGIBLE * depth_usual)
    usual = 0.5 * f.spread_usual + 0.5 * f.depth_width_usual * order / depth_usual
    cost = where(known, cost, 1.0)
    against = usual / cost
    return where(known, 0.25 * log(against * against * against / cost), math.nan)


LIQUIDITY_OPPORTUNITY = Signal(("liquidity_opportunity",), reading, needs=("quotes",), tuned=("liquidity_s",))
