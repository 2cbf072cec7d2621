"""The kernel: one event into the state, the state into features. Nothing here knows what a feature means.

It is made of FAMILIES, in their order: what cannot be true is refused here, and what can be goes to every
family that has a function for it. All of them see the book (`bid`, `ask`, `has_price`, `has_quote`) as it
stood before the event; it moves on when the last of them is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from signalnode.compiled import Lane, apart, checked, compiled, in_turn, where, written
from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.features import FAMILIES
from signalnode.features.weights import on_price_change_of, weigh, weigh_rows

# Anything beyond is no price and no quantity, and squares of it would leave the float range.
PRICE_MIN = 1e-100  # quote currency
PRICE_MAX = 1e100
SIZE_MIN = 1e-100  # base units
SIZE_MAX = 1e100


def _families(event_function: str) -> Callable[..., None]:
    """That function of all families that have it, as one."""
    return in_turn(
        [getattr(family, event_function) for family in FAMILIES if hasattr(family, event_function)]
    )


_on_trade, _on_quote, _on_depth = map(_families, ("on_trade", "on_quote", "on_depth"))
_on_price_change = on_price_change_of(FAMILIES)
_measure = in_turn([family.measure for family in FAMILIES])
_measure_rows = written(
    "s, p, times, w, f, n",
    [
        line
        for place in range(len(FAMILIES))
        for line in ("for k in range(n):", f" f{place}(Lane(s, k), p, times[k], Lane(w, k), Lane(f, k))")
    ],
    Lane=Lane,
    **{f"f{place}": checked(family.measure) for place, family in enumerate(FAMILIES)},
)


@compiled
def is_price(x: float) -> bool:
    """Whether `x` can be a price: false for NaN, zero, negative and absurd values."""
    return PRICE_MIN < x < PRICE_MAX


@compiled
def is_size(x: float) -> bool:
    """Whether `x` can be a quantity: false for NaN, zero, negative and absurd values."""
    return SIZE_MIN < x < SIZE_MAX


@compiled
def is_depth(x: float) -> bool:
    """As `is_size`, but zero is true too: that nothing stands near the mid is a fact like another."""
    return 0.0 <= x < SIZE_MAX


@compiled
def _take_trade(s: Any, p: Any, e: Any) -> bool:
    if not (is_price(e.price) and is_size(e.size)):
        return False
    _on_trade(s, p, e)
    if s.has_quote == 0:
        s.bid = e.price
        s.ask = e.price
        s.has_price = 1
    return True


@compiled
def _take_quote(s: Any, p: Any, e: Any) -> bool:
    if not (e.bid > PRICE_MIN and e.bid <= e.ask and e.ask < PRICE_MAX):
        return False
    if not (is_size(e.bid_size) and is_size(e.ask_size)):
        return False
    _on_quote(s, p, e)
    if s.has_quote == 0 or e.bid != s.bid or e.ask != s.ask:
        _on_price_change(s, p, e)
        s.bid = e.bid
        s.ask = e.ask
        s.has_price = 1
        s.has_quote = 1
    return True


@compiled
def _take_depth(s: Any, p: Any, e: Any) -> bool:
    if not (is_depth(e.bid_depth) and is_depth(e.ask_depth)):
        return False
    _on_depth(s, p, e)
    return True


@compiled
def take(s: Any, p: Any, e: Any) -> None:
    """Take one event into the state. What cannot be true (NaN, non-positive, crossed, unknown kind) is
    counted in `refused` and changes nothing else. The caller sees to it that time does not run backwards.
    """
    if e.kind == QUOTE:
        taken = _take_quote(s, p, e)
    elif e.kind == TRADE:
        taken = _take_trade(s, p, e)
    elif e.kind == DEPTH:
        taken = _take_depth(s, p, e)
    else:
        taken = False
    if taken:
        s.events += 1
        s.time_event_ns = e.time_event_ns
    else:
        s.refused += 1
    s.time_ns = e.time_received_ns


@apart
def apply(s: Any, p: Any, e: Any) -> None:
    """As `take`, for callers that it shall not become a part of."""
    take(s, p, e)


@apart
def measure(s: Any, p: Any, time_ns: int, w: Any, f: Any) -> None:
    """Write every feature as of `time_ns`, not before `s.time_ns`, into the record `f`, and every weight into
    the record `w`; `s` stays. Before the first price the mid is NaN.
    """
    f.mid = where(s.has_price == 1, 0.5 * (s.bid + s.ask), math.nan)
    weigh(s, p, time_ns, w)
    _measure(s, p, time_ns, w, f)


@compiled
def measure_rows(s: Any, p: Any, times: Any, w: Any, all_w: Any, f: Any, n: int) -> None:
    """As `measure`, of the first `n` lanes of `s`, each as of its time, into those of `w` and `f`; `all_w` is
    the memory of `w`.
    """
    weigh_rows(s, p, times, w, all_w, n)
    _measure_rows(s, p, times, w, f, n)
    for k in range(n):
        row = Lane(s, k)
        Lane(f, k).mid = where(row.has_price == 1, 0.5 * (row.bid + row.ask), math.nan)
