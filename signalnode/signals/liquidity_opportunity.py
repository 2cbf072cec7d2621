"""Liquidity opportunity: trading is cheaper than usual.

reading = −ln( ½ spread / order + ½ depth_width / depth_now ), with order = ORDER_SHARE · depth_usual: minus
the log of what a market order costs per unit of it, half the spread it crosses and the depth it eats into
(Kyle's tightness and depth, 1985). The order is a hundredth of what usually stands in the book, and the book
is taken as even over its width. NaN until there is a quote.
"""

from __future__ import annotations

import math
from typing import Any

from signalnode.compiled import compiled
from signalnode.signals.base import NEGLIGIBLE, Signal

ORDER_SHARE = 0.01  # of the usual depth


@compiled
def reading(f: Any, p: Any) -> float:
    """See the module's docstring."""
    if f.spread <= 0.0 or f.depth_usual <= 0.0:
        return math.nan
    depth = f.depth_now + NEGLIGIBLE * f.depth_usual
    return -math.log(0.5 * f.spread / (ORDER_SHARE * f.depth_usual) + 0.5 * f.depth_width / depth)


LIQUIDITY_OPPORTUNITY = Signal(("liquidity_opportunity",), reading, needs=("quotes",))
