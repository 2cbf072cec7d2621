"""The kernel: one event into the state, the state into features. Nothing here knows what a feature means."""

from __future__ import annotations

from typing import Any

from signalnode.compiled import compiled
from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.features import activity, flow, liquidity, price

PRICE_MIN = (
    1e-100  # quote currency; anything beyond is no price, and squares of it would leave the float range
)
PRICE_MAX = 1e100
SIZE_MIN = 1e-100  # base units
SIZE_MAX = 1e100

price_on_price = price.on_price
price_measure = price.measure
flow_on_quote = flow.on_quote
flow_measure = flow.measure
activity_on_trade = activity.on_trade
activity_measure = activity.measure
liquidity_on_spread = liquidity.on_spread
liquidity_on_depth = liquidity.on_depth
liquidity_measure = liquidity.measure


@compiled
def is_price(x: float) -> bool:
    """Whether `x` can be a price: false for NaN, zero, negative and absurd values."""
    return PRICE_MIN < x < PRICE_MAX


@compiled
def is_size(x: float) -> bool:
    """Whether `x` can be a quantity: false for NaN, zero, negative and absurd values."""
    return SIZE_MIN < x < SIZE_MAX


@compiled
def _on_trade(s: Any, p: Any, e: Any) -> bool:
    if not (is_price(e.price) and is_size(e.size)):
        return False
    activity_on_trade(s, p, e.time_received_ns, e.size)
    if s.has_quote == 0:
        price_on_price(s, p, e.time_received_ns, e.price, e.price)
    return True


@compiled
def _on_quote(s: Any, p: Any, e: Any) -> bool:
    if not (
        is_price(e.bid) and is_price(e.ask) and is_size(e.bid_size) and is_size(e.ask_size) and e.bid <= e.ask
    ):
        return False
    time_ns = e.time_received_ns
    flow_on_quote(s, p, time_ns, e.bid, e.bid_size, e.ask, e.ask_size)
    if s.has_quote == 0 or e.bid != s.bid or e.ask != s.ask:
        liquidity_on_spread(s, p, time_ns, e.bid, e.ask)
        price_on_price(s, p, time_ns, e.bid, e.ask)
    if s.depth_source < 2:
        liquidity_on_depth(s, p, time_ns, e.bid_size, e.ask_size, 1)
    s.has_quote = 1
    return True


@compiled
def _on_depth(s: Any, p: Any, e: Any) -> bool:
    if not (
        0.0 <= e.bid_depth < SIZE_MAX and 0.0 <= e.ask_depth < SIZE_MAX
    ):  # nothing near the mid is a fact too
        return False
    liquidity_on_depth(s, p, e.time_received_ns, e.bid_depth, e.ask_depth, 2)
    return True


@compiled
def apply(s: Any, p: Any, e: Any) -> None:
    """Take one event into the state. What cannot be true (NaN, non-positive, crossed, unknown kind) is
    counted in `refused` and changes nothing else. The caller sees to it that time does not run backwards.
    """
    if e.kind == QUOTE:
        taken = _on_quote(s, p, e)
    elif e.kind == TRADE:
        taken = _on_trade(s, p, e)
    elif e.kind == DEPTH:
        taken = _on_depth(s, p, e)
    else:
        taken = False
    if taken:
        s.events += 1
        s.time_event_ns = e.time_event_ns
    else:
        s.refused += 1
    s.time_ns = e.time_received_ns


@compiled
def measure(s: Any, p: Any, time_ns: int, f: Any) -> None:
    """Write every feature as of `time_ns` (not before `s.time_ns`) into the record `f`. The state stays as it
    is.
    """
    f.mid = 0.5 * (s.bid + s.ask)
    price_measure(s, p, time_ns, f)
    flow_measure(s, p, time_ns, f)
    activity_measure(s, p, time_ns, f)
    liquidity_measure(s, p, time_ns, f)
