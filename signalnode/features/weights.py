"""What is left of the past as of one time: every weight that a family measures with, all worked out at once.

A family names its weights (KEPT, SEEN) instead of computing them one after the other as it goes: here all of
them are straight code, four by four, in which none waits for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from signalnode.compiled import Lane, checked, compiled, written
from signalnode.features import FAMILIES
from signalnode.features.base import PER, Family, Weight
from signalnode.features.decay import (
    SECONDS_PER_NS,
    any_decay,
    any_decays,
    are_short,
    decays,
    share_seen,
    shares_seen,
    shorts,
)
from signalnode.features.logarithm import log1ps

_USUAL = {each.name: each.default for family in FAMILIES for each in family.PARAMETERS}
KEPT: list[Weight] = [weight for family in FAMILIES for weight in getattr(family, "KEPT", ())]
SEEN: list[Weight] = sorted(
    (weight for family in FAMILIES for weight in getattr(family, "SEEN", ())),
    key=lambda weight: _USUAL[weight.time_constant] * weight.share,
)
WEIGHTS = np.dtype([(weight.name, "<f8") for weight in [*KEPT, *SEEN]], align=True)

# What a price change tells every family: ln of the new bid over the old, of the asks, and of ask over bid.
LOGS = ("bid_log", "ask_log", "width_log")
_MOVES = ("e.bid / s.bid - 1.0", "e.ask / s.ask - 1.0", "(e.ask - e.bid) / e.bid")  # e to these, less 1

_KEPT_COUNT, _COUNT = len(KEPT), len(KEPT) + len(SEEN)


def _age(weight: Weight) -> str:
    """What its share is e to the minus of: the time since, over the time constant."""
    unit = f"{SECONDS_PER_NS / weight.share!r} * p.{PER}{weight.time_constant}"
    return f"(time_ns - s.{weight.since}) * ({unit})"


def _lines(weights: list[Weight], function: str) -> Iterator[str]:
    """Four by four, `function` of every weight's age over its time constant into the record `w`."""
    for first in range(0, len(weights), 4):
        four = weights[first : first + 4]
        names = [f"w.{weight.name}" for weight in four]
        ages = [_age(weight) for weight in four]
        none = 4 - len(four)
        yield f"{', '.join(names + ['_'] * none)} = {function}({', '.join(ages + ['0.0'] * none)})"


# Write every weight as of `time_ns` into the record `w`.
weigh = written(
    "s, p, time_ns, w",
    [*_lines(KEPT, "any_decays"), *_lines(SEEN, "shares_seen")],
    any_decays=any_decays,
    shares_seen=shares_seen,
)
_write_ages = written(
    "rows, p, times, weights, n",
    [
        "for k in range(n):",
        " time_ns, s, w = times[k], Lane(rows, k), Lane(weights, k)",
        *(f" w.{weight.name} = {_age(weight)}" for weight in [*KEPT, *SEEN]),
    ],
    Lane=Lane,
)


@compiled
def weigh_rows(s: Any, p: Any, times: Any, w: Any, all_w: Any, n: int) -> None:
    """As `weigh`, of the first `n` lanes of `s`, each as of its time. `all_w` is the memory of `w`, one
    column behind the other: a short loop needs less code than as many exponentials in a row, and less time.
    """
    _write_ages(s, p, times, w, n)
    kept = len(all_w) // _COUNT * _KEPT_COUNT
    for i in range(kept):
        all_w[i] = any_decay(all_w[i])
    for i in range(kept, len(all_w)):
        all_w[i] = share_seen(all_w[i])


def on_price_change_of(families: Sequence[Family]) -> Callable[..., None]:
    """`on_price_change` of all that have it, in turn, each with LOGS and what is left of its MOVED.

    A decay is a chain in which each step waits for the one before, and so is a logarithm behind a division.
    One family after the other, they would be too far apart for the processor to see: so all are worked out
    first. Where every age is short, which is mostly so, that is straight code without a branch, and else four
    by four; the bits are the same.
    """
    lines, fours, calls, functions = [f"{', '.join(LOGS)}, _ = log1ps({', '.join(_MOVES)}, 0.0)"], [], [], {}
    lines += ["time_ns = e.time_received_ns"]
    for place, family in enumerate(family for family in families if hasattr(family, "on_price_change")):
        moved: Sequence[Weight] = getattr(family, "MOVED", ())
        ages = [f"x{place}_{number}" for number in range(len(moved))]
        lines += [f"{age} = {_age(weight)}" for age, weight in zip(ages, moved, strict=True)]
        fours += [ages[first : first + 4] for first in range(0, len(ages), 4)]
        functions[f"f{place}"] = checked(family.on_price_change)
        calls.append(f"f{place}({', '.join(['s', 'p', 'e', *LOGS, *(f'w{age}' for age in ages)])})")
    if fours:
        test = " & ".join(f"are_short({', '.join((four * 4)[:4])})" for four in fours)
        lines += [f"if {test}:", *(f" {_four(four, 'shorts')}" for four in fours)]
        lines += ["else:", *(f" {_four(four, 'decays')}" for four in fours)]
    known = {"decays": decays, "shorts": shorts, "are_short": are_short, "log1ps": log1ps}
    return written("s, p, e", lines + calls, **functions, **known)


def _four(ages: list[str], function: str) -> str:
    """The line that works out the weights of up to four ages."""
    none = 4 - len(ages)
    weights = [*(f"w{age}" for age in ages), *["_"] * none]
    return f"{', '.join(weights)} = {function}({', '.join(ages + ['0.0'] * none)})"
