"""Markets that are known: one with nothing to be found in it, and one with an effect that was planted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signalnode.cli.trying import begun, moved_by, stands, targets_with
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from signalnode.research.tuning.space import Values
from signalnode.research.tuning.study import Results, Setup, Verdict, reaches, study
from signalnode.research.tuning.tape import laid_out
from signalnode.research.tuning.trials import Bench, Prepared, Trial

START_NS = 1_700_000_000_000_000_000
MARKET = "MADE-USD"
SPREAD, SIGMA = 1e-4, 5e-5  # of the price; a root of a second
LASTS_S = 60.0  # planted: how long a book stays as deep as it is
SLOW, NOISE = 0.6, 1.4  # deviations of its logarithm: of what lasts, and from quote to quote
BOOK_S = 0.05  # half a row of what scores are held against: no book lasts from one row into the next


def random_walk(seed: int, waits_s: npt.NDArray[np.float64], span_s: float) -> Events:
    """Nothing to be found: a price that walks at random by the clock, volume that comes evenly by the clock,
    and a book that leans at random and always costs the same, at times whose waits are a market's.
    """
    return _market(np.random.default_rng(seed), waits_s, span_s, lasting=False)


def forgetful_books(seed: int, waits_s: npt.NDArray[np.float64], span_s: float) -> Events:
    """Nothing to be found about what an order costs: the walk's trades and quotes at a market's waits, and a
    book that comes each BOOK_S as venues send it, its depth drawn anew each time.
    """
    random = np.random.default_rng([seed, 1])
    walk = random_walk(seed, waits_s, span_s)
    walk = walk[walk["kind"] != DEPTH]
    books = np.zeros(int(span_s / BOOK_S), EVENT)
    times_ns = START_NS + (np.arange(len(books)) * BOOK_S * 1e9).astype(np.int64)
    books["time_received_ns"] = books["time_event_ns"] = times_ns
    books["kind"] = DEPTH
    books["bid_depth"] = books["ask_depth"] = 10.0 * np.exp(NOISE * random.normal(0.0, 1.0, len(books)))
    events = np.concatenate([walk, books])
    out: Events = events[np.argsort(events["time_received_ns"], kind="stable")]
    return out


def lasting_depth(seed: int, waits_s: npt.NDArray[np.float64], span_s: float) -> Events:
    """The same, but the book is deeper and thinner by turns of LASTS_S, beneath noise from quote to quote: so
    what it was in the last half minute says more of the next seconds than what it was in the last one.
    """
    return _market(np.random.default_rng(seed), waits_s, span_s, lasting=True)


def _market(
    random: np.random.Generator, waits_s: npt.NDArray[np.float64], span_s: float, *, lasting: bool
) -> Events:
    waits = _drawn(random, waits_s, span_s)
    times_s = np.cumsum(waits)
    count = len(times_s)
    events = np.zeros(count, EVENT)
    events["time_received_ns"] = events["time_event_ns"] = START_NS + (times_s * 1e9).astype(np.int64)
    mid = 100.0 * np.exp(np.cumsum(random.normal(0.0, SIGMA, count) * np.sqrt(waits)))
    is_trade = random.random(count) < 0.4
    events["kind"] = np.where(is_trade, TRADE, QUOTE)
    side = random.choice([-1, 1], count)
    events["aggressor_side"] = np.where(is_trade, side, 0)
    events["price"] = np.where(is_trade, mid * (1.0 + 0.5 * SPREAD * side), 0.0)
    events["size"] = np.where(is_trade, random.exponential(1.0, count) * waits, 0.0)
    lean, deep = random.uniform(-0.9, 0.9, count), np.ones(count)
    if lasting:
        lean, deep = np.zeros(count), np.exp(NOISE * random.normal(0.0, 1.0, count))
        deep *= np.exp(SLOW * _slow(random, times_s, LASTS_S))
    for name, sign in (("bid", -1.0), ("ask", 1.0)):
        events[name] = np.where(is_trade, 0.0, mid * (1.0 + 0.5 * SPREAD * sign))
        events[f"{name}_size"] = np.where(is_trade, 0.0, deep * (1.0 - sign * lean))
    if not lasting:  # whatever stands at the top, the depth says that an order costs the same
        is_depth = random.random(count) < 0.05
        events[is_depth] = 0
        events["time_received_ns"] = events["time_event_ns"] = START_NS + (times_s * 1e9).astype(np.int64)
        events["kind"][is_depth], events["bid_depth"][is_depth], events["ask_depth"][is_depth] = (
            DEPTH,
            10.0,
            10.0,
        )
    return events


def _drawn(
    random: np.random.Generator, waits_s: npt.NDArray[np.float64], span_s: float
) -> npt.NDArray[np.float64]:
    """Waits in runs of 64, as the market had them, until the span is full."""
    run = 64
    pieces, total = [], 0.0
    while total < span_s:
        at = int(random.integers(0, len(waits_s) - run))
        pieces.append(waits_s[at : at + run])
        total += float(pieces[-1].sum())
    return np.concatenate(pieces)


def _slow(
    random: np.random.Generator, times_s: npt.NDArray[np.float64], lasts_s: float
) -> npt.NDArray[np.float64]:
    """A series of mean 0 and deviation 1 that forgets within `lasts_s`, at these times."""
    grid = np.arange(0.0, times_s[-1] + 1.0)
    keep = np.exp(-1.0 / lasts_s)
    steps = random.normal(0.0, np.sqrt(1.0 - keep * keep), len(grid))
    values = np.zeros(len(grid))
    for at in range(1, len(grid)):
        values[at] = keep * values[at - 1] + steps[at]
    return np.interp(times_s, grid, values)


def tuned(
    events: Events, folder: Path, *, trials: int, seed: int, chosen: Sequence[str] = ()
) -> list[Verdict]:
    """The verdicts of a whole study of one market, run in this process."""
    signals: dict[str, object] = {}
    targets = targets_with(signals, 30.0)
    tape = laid_out(MARKET, [(events, 1.0)], begun(MARKET, signals), targets, folder / "made.events")
    bench = Bench(tape, signals, targets, reaches([tape], targets))
    prepared = Prepared(bench)

    def run(wanted: Sequence[Trial]) -> Results:
        return {each: prepared.measured(begun, dict(each.values)) for each in dict.fromkeys(wanted)}

    standing: Values = stands(signals, targets)
    setup = Setup(
        [tape],
        targets,
        frozenset(chosen or (each.name for each in targets)),
        moved_by(targets, signals),
        {MARKET: standing},
        seed,
        trials,
    )
    return study(setup, run)
