"""Markets made to order: a price path of one's own under quotes, trades and depth that come at random."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events, join_events

START_NS = 1_700_000_000 * NS_PER_S
PRICE, TICK = 60_000.0, 0.01
MADE_MAX = 16  # beginnings of markets that are kept, each of some 2 MB
Floats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of a market under one regime. Every field but the first has the calm market's value."""

    seconds: float
    events_per_s: float = 10.0
    drift_bps_s: float = 0.0  # of the mid
    sigma_bps: float = 0.7  # diffusion of the mid in a second
    pull_s: float = math.inf  # the diffusion is forgotten with this time constant
    jump_bps: float = 0.0  # at the stretch's start
    spread_ticks: int = 1
    sizes: float = 0.8  # spread of the log of sizes at the best bid and ask; 0: all alike
    lean: float = 0.0  # log of what stands at the bid over what stands at the ask
    depth: float = 40.0  # base units within the band, in the middle
    traded: float = 0.02  # base units of a trade, in the middle
    trades: float = 0.25  # share of events that are trades
    depths: float = 0.05  # share of events that are depth
    regular: bool = False  # events come evenly instead of at random


def made_market(
    seed: int, *stretches: Stretch, price: float = PRICE, tick: float = TICK, start_ns: int = START_NS
) -> Events:
    """The stretches one after the other, shape (n,), dtype EVENT."""
    return join_events(_drawn(seed, stretches, price, tick, start_ns).pieces)


def made_after(seed: int, before: tuple[Stretch, ...], *stretches: Stretch) -> Events:
    """Of `made_market(seed, *before, *stretches)`, what comes after `before`."""
    pieces = _drawn(seed, (*before, *stretches), PRICE, TICK, START_NS).pieces
    return join_events(pieces[len(before) :])


@lru_cache(maxsize=MADE_MAX)
def state_after(seed: int, before: tuple[Stretch, ...]) -> bytes:
    """An engine's that has heard that beginning: what follows is scored to the same bits from there on."""
    engine = SignalEngine("ANY-USD")
    if before:
        engine.ingest(made_market(seed, *before))
    return engine.state()


class _Drawn(NamedTuple):
    """A market as far as it is made, and what its next stretch goes on from."""

    pieces: tuple[Events, ...]
    log_mid: float
    now_ns: int
    random: Mapping[str, Any]  # the generator's state


@lru_cache(maxsize=MADE_MAX)
def _drawn(seed: int, stretches: tuple[Stretch, ...], price: float, tick: float, start_ns: int) -> _Drawn:
    """Many markets begin alike: what they share is drawn once."""
    random = np.random.default_rng(seed)
    if not stretches:
        return _Drawn((), math.log(price), start_ns, random.bit_generator.state)
    before = _drawn(seed, stretches[:-1], price, tick, start_ns)
    random.bit_generator.state = before.random
    piece, log_mid = _piece(random, stretches[-1], before.log_mid, before.now_ns, tick)
    now_ns = before.now_ns + int(stretches[-1].seconds * NS_PER_S)
    return _Drawn((*before.pieces, piece), log_mid, now_ns, random.bit_generator.state)


def _times_s(random: np.random.Generator, s: Stretch) -> Floats:
    count = round(s.seconds * s.events_per_s)
    if s.regular:
        return (np.arange(count) + 1.0) / s.events_per_s
    return np.sort(random.uniform(0.0, s.seconds, count))


def _faded_sums(steps: Floats, keep: float) -> Floats:
    """Each step and `keep` of the sum before it: `scipy.signal.lfilter`, which takes a second to import."""
    if keep == 1.0:
        return np.cumsum(steps)
    return np.array(list(accumulate(steps.tolist(), lambda total, step: step + keep * total)), float)


def _piece(
    random: np.random.Generator, s: Stretch, log_mid: float, start_ns: int, tick: float
) -> tuple[Events, float]:
    times = _times_s(random, s)
    n = len(times)
    steps = np.sqrt(np.diff(times, prepend=0.0)) * random.standard_normal(n) * s.sigma_bps
    keep = math.exp(-1.0 / (s.events_per_s * s.pull_s))
    path = log_mid + (s.jump_bps + s.drift_bps_s * times + _faded_sums(steps, keep)) * 1e-4
    events = np.zeros(n, EVENT)
    events["time_received_ns"] = start_ns + (times * NS_PER_S).astype(np.int64)
    events["time_event_ns"] = events["time_received_ns"] - 5_000_000
    low = np.floor(np.exp(path) / tick - 0.5 * (s.spread_ticks - 1))
    bid, ask = low * tick, (low + s.spread_ticks) * tick
    which = random.random(n)
    if n:
        which[0] = 1.0  # a stretch shows its price at once
    trades, depths = which < s.trades, (which >= s.trades) & (which < s.trades + s.depths)
    quotes = ~(trades | depths)
    events["kind"] = np.where(trades, TRADE, np.where(depths, DEPTH, QUOTE))
    events["bid"], events["ask"] = quotes * bid, quotes * ask
    events["bid_size"] = quotes * np.exp(s.sizes * random.standard_normal(n) + 0.5 * s.lean)
    events["ask_size"] = quotes * np.exp(s.sizes * random.standard_normal(n) - 0.5 * s.lean)
    buys = random.random(n) < 0.5
    events["aggressor_side"] = trades * np.where(buys, 1, -1)
    events["price"] = trades * np.where(buys, ask, bid)
    events["size"] = trades * (s.traded * np.exp(random.standard_normal(n)))
    events["bid_depth"] = depths * (s.depth * np.exp(0.1 * random.standard_normal(n)))
    events["ask_depth"] = depths * (s.depth * np.exp(0.1 * random.standard_normal(n)))
    return events, float(path[-1]) if n else log_mid
