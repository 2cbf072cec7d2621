"""Every feature once more, from its formula: plain sums over all past events, nothing carried along.

Slow and obvious on purpose. Times in seconds since the first event; events are those already taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from signalnode.events import DEPTH, QUOTE, TRADE, Events
from tests.features.oracle_takers import taken_of

KEPT_MAX = 512  # answers, each of a market as far as it has come
Steps = list[tuple[float, float]]  # (since when, value): a value that stands until the next


@dataclass
class Past:
    """What has happened, as the formulas want it."""

    returns: Steps = field(default_factory=list)
    prices: list[float] = field(default_factory=list)  # times of the first price
    flows: Steps = field(default_factory=list)
    quotes: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    trades: Steps = field(default_factory=list)
    takings: list[tuple[float, float, float]] = field(default_factory=list)  # time, side, √size
    log_spreads: Steps = field(default_factory=list)
    tops: Steps = field(default_factory=list)
    depths: Steps = field(default_factory=list)
    tops_at_depths: Steps = field(default_factory=list)


def past_of(events: Events) -> Past:
    """Read the events once, in plain Python."""
    past, bid, ask = Past(), 0.0, 0.0
    start_ns = int(events["time_received_ns"][0]) if len(events) else 0
    for event in events:
        t = (int(event["time_received_ns"]) - start_ns) * 1e-9
        if event["kind"] == TRADE:
            past.trades.append((t, float(event["size"])))
            past.takings.append((t, _side(event, bid, ask), math.sqrt(event["size"])))
            if not past.quotes:
                price = float(event["price"])
                _price(past, t, (bid, ask), (price, price))
                bid = ask = price
        elif event["kind"] == QUOTE:
            row = tuple(float(event[name]) for name in ("bid", "bid_size", "ask", "ask_size"))
            new_bid, bid_size, new_ask, ask_size = row
            if past.quotes:
                past.flows.append((t, _flow(past.quotes[-1][1:], row)))
            past.quotes.append((t, new_bid, bid_size, new_ask, ask_size))
            past.log_spreads.append((t, math.log(max(math.log(new_ask / new_bid), 1e-12))))
            past.tops.append((t, math.sqrt(bid_size * ask_size)))
            _price(past, t, (bid, ask), (new_bid, new_ask))
            bid, ask = new_bid, new_ask
        elif event["kind"] == DEPTH:
            past.tops_at_depths.append((t, past.tops[-1][1] if past.tops else 0.0))
            past.depths.append((t, math.sqrt(float(event["bid_depth"]) * float(event["ask_depth"]))))
    return past


def _side(event: Mapping[str, float], bid: float, ask: float) -> float:
    """The venue's word, or where between bid and ask the price lies, from −1 to 1."""
    if event["aggressor_side"] != 0 or bid == 0.0:
        return float(np.sign(event["aggressor_side"]))
    price = float(event["price"])
    if bid == ask:
        return float(np.sign(price - bid)) if abs(price / bid - 1.0) > 1e-9 else 0.0
    return float(np.clip((price / bid - ask / price) / (price / bid + ask / price - 2.0), -1.0, 1.0))


def _price(past: Past, t: float, old: tuple[float, float], new: tuple[float, float]) -> None:
    if past.prices:
        r = 0.5 * math.log(new[0] / old[0]) + 0.5 * math.log(new[1] / old[1])
        if abs(r) > 1e-12:
            past.returns.append((t, r))
    past.prices.append(t)


def _flow(old: Sequence[float], new: Sequence[float]) -> float:
    """Cont, Kukanov and Stoikov (2014), equation 3."""
    e = new[1] * (new[0] >= old[0]) - old[1] * (new[0] <= old[0])
    return e - new[3] * (new[2] <= old[2]) + old[3] * (new[2] >= old[2])


def _sum(steps: Steps, t: float, tau: float, of: Callable[[float], float] = float) -> float:
    return math.fsum(of(x) * math.exp(-(t - at) / tau) for at, x in steps)


def _rate(steps: Steps, first: float, t: float, tau: float, of: Callable[[float], float] = float) -> float:
    return _sum(steps, t, tau, of) / (tau * max(1.0 - math.exp(-(t - first) / tau), 1e-9))


def _average(steps: Steps, t: float, tau: float, known_from: float = 1e-5) -> float:
    """Exponential average over time of a value that stands between its steps."""
    if not steps:
        return 0.0
    if t - steps[0][0] < known_from * tau:
        return steps[-1][1]
    ends = [at for at, _ in steps[1:]] + [t]
    weights = [
        math.exp(-(t - end) / tau) - math.exp(-(t - at) / tau)
        for (at, _), end in zip(steps, ends, strict=True)
    ]
    return math.fsum(w * x for w, (_, x) in zip(weights, steps, strict=True)) / math.fsum(weights)


def _lagged_sizes(steps: Steps, t: float, tau: float, lag: float, power: int = 1) -> float:
    """Average over tau of |y|^power, with y the decayed sum (lag) of returns: integrated move by move."""
    total = 0.0
    ends = [at for at, _ in steps[1:]] + [t] * bool(steps)
    for i, ((at, _), end) in enumerate(zip(steps, ends, strict=True)):
        y = _sum(steps[: i + 1], at, lag)
        rate = power / lag - 1.0 / tau  # |y| e^(−(u−at)/lag) weighed by e^(−(t−u)/tau), over u from at to end
        total += abs(y) ** power * math.exp(-(t - at) / tau) * -math.expm1(-rate * (end - at)) / rate / tau
    return total


def _trend_variance(steps: Steps, t: float, tau: float, lag: float) -> float:
    """The average of trend² so far, and what it will add to it as it fades."""
    return _lagged_sizes(steps, t, tau, lag, 2) * 2.0 / lag + _sum(steps, t, lag) ** 2 / tau


def _volatility(sizes: float, past: Past, t: float, tau: float, lag: float) -> float:
    return sizes * math.sqrt(math.pi / lag) / max(1.0 - math.exp(-(t - past.prices[0]) / tau), 1e-9)


def _volatility_usual(past: Past, counted: Counted, t: float, tau: float, lag: float) -> float:
    """From the third return on, of what is left of the first three where the least of them is the measure."""
    steps, began = counted.lasting, 0.0
    if len(steps) >= 3:
        third = steps[2][0]
        most = math.sqrt(3.0 * 64.0 * min(r * r for _, r in past.returns[:3]))
        sizes = min(_lagged_sizes(counted.first, third, tau, lag), lag / tau * most)
        y = _sum(counted.first, third, lag)
        began = sizes * math.exp(-(t - third) / tau)
        steps = [(third, math.copysign(min(abs(y), most), y)), *steps[3:]]
    return _volatility(began + _lagged_sizes(steps, t, tau, lag), past, t, tau, lag)


@dataclass
class Counted:
    """What of each return counts where."""

    drift: Steps = field(default_factory=list)
    now: Steps = field(default_factory=list)
    lasting: Steps = field(default_factory=list)
    usual: Steps = field(default_factory=list)
    interval: float = 0.0  # the mean time between two
    first: Steps = field(default_factory=list)  # of the first three in the usual, before the third came


def _mean(steps: Steps, t: float, tau: float) -> float:
    """The mean of values, each weighing less the older it is."""
    weights = [math.exp(-(t - at) / tau) for at, _ in steps]
    return math.fsum(w * x for w, (_, x) in zip(weights, steps, strict=True)) / math.fsum(weights)


def _limited(x: float, most: float, before: Sequence[float]) -> float:
    """x up to `most`, or up to what the two before it both were."""
    return min(x, max(most, min(before[-2:])))


def _counted_returns(past: Past, p: Mapping[str, float]) -> Counted:
    """The limits of the docstring of `price.py`, return by return."""
    spans = (p["variance_s"], p["fair_value_s"], p["volatility_s"])
    return _counted_returns_of(tuple(past.returns), past.prices[0] if past.prices else 0.0, *spans)


@lru_cache(maxsize=KEPT_MAX)
def _counted_returns_of(
    returns: Sequence[tuple[float, float]], last: float, tau: float, fair_value_s: float, volatility_s: float
) -> Counted:
    out, squares = Counted(), [r * r for _, r in returns]
    moves: Steps = []
    intervals: Steps = []
    before = 0.0
    for n, (t, r) in enumerate(returns):
        h, last = max(t - last, 1e-9), t
        if n < 3:
            small = math.copysign(min(abs(r), 3e-4), r)
            counts = [small] * 4
            moves = [(at, min(squares[: n + 1])) for at, _ in returns[: n + 1]]
            before = moves[0][1] if n == 2 else before
        else:
            a_second = before / _mean(intervals, last, tau)
            h = min(h, 64.0 * _mean(intervals, last, tau))
            most = [256.0 * max(before, fair_value_s / 2 * a_second)]
            most.append(256.0 * max(before, volatility_s * a_second))
            most += [max(64.0 * before, share * tau * a_second) for share in (0.05, 0.05)]
            counts = [math.copysign(_limited(r * r, x, squares[:n]) ** 0.5, r) for x in most]
            before = _mean(moves, t, tau)
            moves.append((t, _limited(r * r, 64.0 * before, squares[:n])))
        intervals.append((t, h))
        out.interval = _mean(intervals, t, tau)
        for steps, x in zip((out.drift, out.now, out.lasting, out.usual), counts, strict=True):
            steps.append((t, x))
        if n == 2:
            out.first = list(out.usual)
            low = min(squares[:3]) ** 0.5
            out.usual = [(at, low) for at, _ in out.usual]
    return out


def _counted_sizes(
    steps: Sequence[tuple[float, float]], tau: float, most: Callable[[float, float], float]
) -> Steps:
    """Sizes up to `most` of (time, usual size), or up to what the two before were; the first three whole."""
    usual: Steps = []
    out: Steps = []
    for n, (t, x) in enumerate(steps):
        sizes = [size for _, size in steps[:n]]
        mean = _mean(usual, t, tau) if usual else 0.0
        out.append((t, x if n < 3 else _limited(x, most(t, mean), sizes)))
        usual.append((t, x if n < 3 else _limited(x, 64.0 * mean, sizes)))
        if n == 2:
            usual = [(at, min(x, *sizes)) for at, _ in usual]
    return out


def _usual_sizes(steps: Steps, tau: float) -> Steps:
    """Sizes up to 64 usual ones; the first three: the least of them."""
    return list(_usual_sizes_of(tuple(steps), tau))


@lru_cache(maxsize=KEPT_MAX)  # asked of the same again and again: as of some times, and by what follows
def _usual_sizes_of(steps: Sequence[tuple[float, float]], tau: float) -> Steps:
    counted = _counted_sizes(steps, tau, lambda _, mean: 64.0 * mean)
    if len(steps) < 3:
        return counted
    low = min(x for _, x in steps[:3])
    return [(t, low) for t, _ in counted[:3]] + counted[3:]


def _usual_depths(steps: Steps, tau: float) -> Steps:
    """Depths up to 3 usual ones, unless one of the two before was as much."""
    out: Steps = []
    for n, (t, x) in enumerate(steps):
        counted, seen = x, -math.expm1(-(t - steps[0][0]) / tau)
        if n == 1 and x > 0.0:
            out = [(at, min(first, x)) for at, first in out]
        if n and seen and (usual := _average(out, t, tau, 0.0)) > 0.0:
            two = [value for _, value in steps[max(n - 2, 0) : n]]
            counted = min(x, max(3.0 * usual, *two)) if n > 1 else min(x, two[0])
        if n == 2:
            counted = sorted(value for _, value in steps[:3])[1]
            out = [(at, counted) for at, _ in out]
        out.append((t, counted))
    return out


def _begun(sizes: Steps, tau: float, most: float) -> Steps:
    """From the third on, the first three as one that is at most `most` times the least of them."""
    if len(sizes) < 3:
        return sizes
    third = sizes[2][0]
    return [(third, min(_sum(sizes[:3], third, tau), most * min(x for _, x in sizes[:3]))), *sizes[3:]]


def _trading(
    trades: Steps, p: Mapping[str, float], most: Callable[[float, float], float], t: float
) -> dict[str, float]:
    """The rates of roots of sizes."""
    usual_s, first = p["volume_usual_s"], trades[0][0] if trades else 0.0
    now = _counted_sizes(trades, usual_s, most)
    usual = _counted_sizes(trades, usual_s, lambda _, mean: 64.0 * mean)
    out = {}
    for span, sizes in ((1, now), (5, usual), (25, usual)):
        tau = span * p["volume_s"]
        roots = _begun([(at, math.sqrt(x)) for at, x in sizes], tau, 24.0)
        out[f"trading_{span}"] = _rate(roots, first, t, tau)
    roots = [(at, math.sqrt(x)) for at, x in _usual_sizes(trades, usual_s)]
    return out | {"trading_usual": _rate(roots, first, t, usual_s)}


def _usual_top(steps: Steps, tau: float) -> float:
    """As of the last depth; up to 3 usual ones, all of it while nothing has stood there."""
    out: Steps = []
    for n, (t, x) in enumerate(steps):
        if n == 1 and x > 0.0:
            out = [(at, min(first, x)) for at, first in out]
        usual = _average(out, t, tau, 0.0) if n and t > steps[0][0] else 0.0
        out.append((t, min(x, (3.0 if n > 2 else 1.0) * usual) if usual > 0.0 else x))
    return _average(out, steps[-1][0], tau) if steps else 0.0


def _usual_spread(past: Past, tau: float) -> float:
    """As of the last change of price."""
    if not past.quotes:
        return 0.0
    prices = [(bid, ask) for _, bid, _, ask, _ in past.quotes]
    last = max(i for i, now in enumerate(prices) if i == 0 or now != prices[i - 1])
    steps = past.log_spreads[: last + 1]
    return math.exp(_average(steps, steps[-1][0], tau))


def features_of(events: Events, time_ns: int, p: Mapping[str, float]) -> dict[str, float]:
    """Every feature by name as of `time_ns`, from the formulas in the docstrings of the families."""
    past = past_of(events)
    t = (time_ns - int(events["time_received_ns"][0])) * 1e-9
    first = past.prices[0] if past.prices else 0.0
    traded = past.trades[0][0] if past.trades else 0.0
    counted = _counted_returns(past, p)
    lag, tau, usual = p["volatility_lag_s"], p["volatility_s"], p["volatility_usual_s"]
    out = {
        "trend": _sum(counted.drift, t, p["trend_s"]),
        "distance": _sum(counted.drift, t, p["fair_value_s"]),
        "trend_variance": _trend_variance(counted.drift, t, p["fair_value_s"], p["trend_s"]),
        "idle_s": t - ([first] + [at for at, _ in past.returns])[-1] if past.prices else 0.0,
        "move_interval": counted.interval,
        "variance": _rate(counted.usual, first, t, p["variance_s"], lambda r: r * r),
        "volatility": _volatility(_lagged_sizes(counted.now, t, tau, lag), past, t, tau, lag)
        if counted.now
        else 0.0,
    } | {
        name: _volatility_usual(past, counted, t, span, lag) if counted.now else 0.0
        for name, span in {
            "volatility_5": 5.0 * tau,
            "volatility_25": 25.0 * tau,
            "volatility_usual": usual,
        }.items()
    }
    out |= taken_of(past.takings, t, p["taken_s"], p["taken_usual_s"])
    sizes = _usual_sizes(past.trades, p["volume_usual_s"])

    def most(at: float, mean: float) -> float:
        before = _usual_sizes([step for step in past.trades if step[0] < at], p["volume_usual_s"])
        return 64.0 * max(mean, p["volume_s"] * _rate(before, traded, at, p["volume_usual_s"]))

    now = _begun(_counted_sizes(past.trades, p["volume_usual_s"], most), p["volume_s"], 192.0)
    out["volume"] = _rate(now, traded, t, p["volume_s"])
    out["volume_usual"] = _rate(sizes, traded, t, p["volume_usual_s"])
    out |= _trading(past.trades, p, most, t)
    depths = past.depths or past.tops
    out["depth_now"] = _average(depths, t, p["liquidity_s"])
    usual_depths = _usual_depths(depths, p["depth_usual_s"])
    out["depth_usual"] = _average(usual_depths, depths[-1][0] if depths else t, p["depth_usual_s"])
    out["top_usual"] = _usual_top(past.tops_at_depths, p["depth_usual_s"])
    if not past.depths:
        out["top_usual"] = out["depth_usual"]
    out["spread_usual"] = _usual_spread(past, p["liquidity_usual_s"])
    out["spread"] = math.exp(_average(past.log_spreads, t, p["liquidity_s"])) if past.quotes else 0.0
    band = p["depth_bps"] * 1e-4
    out["depth_width"] = band if past.depths else out["spread"]
    out["depth_width_usual"] = band if past.depths else out["spread_usual"]
    return out | _book(past, t, p) | _heard(events, p["evidence_s"])


def _heard(events: Events, most_s: float) -> dict[str, float]:
    """1 where there was such an event at most `most_s` before the newest of any kind."""
    kinds, quotes = events["kind"], events[events["kind"] == QUOTE]
    bids, asks = quotes["bid_size"], quotes["ask_size"]
    told = bids != asks
    told[1:] |= (bids[1:] != bids[:-1]) | (asks[1:] != asks[:-1])
    times = {
        "heard_quotes": quotes["time_received_ns"],
        "heard_sizes": quotes["time_received_ns"][told],
        "heard_trades": events["time_received_ns"][kinds == TRADE],
        "heard_sides": events["time_received_ns"][(kinds == TRADE) & (events["aggressor_side"] != 0)],
        "heard_depth": events["time_received_ns"][kinds == DEPTH],
    }
    newest_ns = events["time_received_ns"][-1]
    out = {name: float(len(at) > 0 and newest_ns - at[-1] <= most_s * 1e9) for name, at in times.items()}
    out["heard_prices"] = out["heard_quotes"] if len(quotes) else out["heard_trades"]
    return out


def _book(past: Past, t: float, p: Mapping[str, float]) -> dict[str, float]:
    if not past.quotes:
        return dict.fromkeys(("imbalance", "queue", "imbalance_lately", "imbalance_usual", "order_flow"), 0.0)
    _, _, bid_size, _, ask_size = past.quotes[-1]
    flows = _usual_sizes([(at, abs(e)) for at, e in past.flows if e], p["order_flow_usual_s"])
    usual = _rate(flows, past.quotes[0][0], t, p["order_flow_usual_s"])
    total = _sum(past.flows, t, p["order_flow_s"], abs) + 0.1 * usual * p["order_flow_s"]
    flow = _sum(past.flows, t, p["order_flow_s"]) / total if total else 0.0
    now = (bid_size - ask_size) / (bid_size + ask_size)
    return {
        "imbalance": now,
        "queue": min(bid_size, ask_size),
        "imbalance_lately": _usual_lean(past, t, p["imbalance_s"]),
        "imbalance_usual": _usual_lean(past, t, p["imbalance_usual_s"]),
        "order_flow": flow,
    }


def _usual_lean(past: Past, t: float, tau: float) -> float:
    """The imbalance averaged over all time, which was even before the first quote."""
    leans = [(at, (bid - ask) / (bid + ask)) for at, _, bid, _, ask in past.quotes]
    ends = [at for at, _ in leans[1:]] + [t]
    return math.fsum(
        lean * (math.exp(-(t - end) / tau) - math.exp(-(t - at) / tau))
        for (at, lean), end in zip(leans, ends, strict=True)
    )
