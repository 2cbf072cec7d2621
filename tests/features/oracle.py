"""Every feature once more, from its formula: plain sums over all past events, nothing carried along.

Slow and obvious on purpose. Times in seconds since the first event; events are those already taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from signalnode.events import DEPTH, QUOTE, TRADE, Events

Steps = list[tuple[float, float]]  # (since when, value): a value that stands until the next


@dataclass
class Past:
    """What has happened, as the formulas want it."""

    returns: Steps = field(default_factory=list)
    prices: list[float] = field(default_factory=list)  # times of the first price
    flows: Steps = field(default_factory=list)
    quotes: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    trades: Steps = field(default_factory=list)
    log_spreads: Steps = field(default_factory=list)
    tops: Steps = field(default_factory=list)
    depths: Steps = field(default_factory=list)


def past_of(events: Events) -> Past:
    """Read the events once, in plain Python."""
    past, bid, ask = Past(), 0.0, 0.0
    start_ns = int(events["time_received_ns"][0]) if len(events) else 0
    for event in events:
        t = (int(event["time_received_ns"]) - start_ns) * 1e-9
        if event["kind"] == TRADE:
            past.trades.append((t, float(event["size"])))
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
            past.depths.append((t, math.sqrt(float(event["bid_depth"]) * float(event["ask_depth"]))))
    return past


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


def _average(steps: Steps, t: float, tau: float) -> float:
    """Exponential average over time of a value that stands between its steps."""
    if not steps:
        return 0.0
    if t - steps[0][0] < 1e-5 * tau:
        return steps[-1][1]
    ends = [at for at, _ in steps[1:]] + [t]
    weights = [
        math.exp(-(t - end) / tau) - math.exp(-(t - at) / tau)
        for (at, _), end in zip(steps, ends, strict=True)
    ]
    return math.fsum(w * x for w, (_, x) in zip(weights, steps, strict=True)) / math.fsum(weights)


def _volatility(past: Past, t: float, tau: float, lag: float) -> float:
    """(2/lag) times the average of y² with y the decayed sum of returns: integrated move by move."""
    if not past.returns:
        return 0.0
    total = 0.0
    ends = [at for at, _ in past.returns[1:]] + [t]
    for i, ((at, _), end) in enumerate(zip(past.returns, ends, strict=True)):
        y = _sum(past.returns[: i + 1], at, lag)
        rate = 2.0 / lag - 1.0 / tau  # y² e^(−2(u−at)/lag) weighed by e^(−(t−u)/tau), over u from at to end
        total += y * y * math.exp(-(t - at) / tau) * -math.expm1(-rate * (end - at)) / rate / tau
    return total * 2.0 / lag / max(1.0 - math.exp(-(t - past.prices[0]) / tau), 1e-9)


def _agreement(past: Past, t: float, tau: float) -> float:
    """Over all moves two by two: those that agree less those that do not, by their size."""
    weighed = [r * math.exp(-(t - at) / tau) for at, r in past.returns]
    between = [a * b for i, a in enumerate(weighed) for j, b in enumerate(weighed) if i != j]
    path = math.fsum(abs(a) for a in weighed) ** 2
    squares = math.fsum(a * a for a in weighed)
    if not between or math.fsum(between) <= 0.0 or path <= 3.0 * squares:
        return 0.0
    share = math.fsum(between) / math.fsum(abs(x) for x in between) * (1.0 - 3.0 * squares / path)
    return math.copysign(share * math.exp(-(t - past.returns[-1][0]) / tau), math.fsum(weighed))


def features_of(events: Events, time_ns: int, p: Mapping[str, float]) -> dict[str, float]:
    """Every feature by name as of `time_ns`, from the formulas in the docstrings of the families."""
    past = past_of(events)
    t = (time_ns - int(events["time_received_ns"][0])) * 1e-9
    first = past.prices[0] if past.prices else 0.0
    traded = past.trades[0][0] if past.trades else 0.0
    out = {
        "trend": _sum(past.returns, t, p["trend_s"]),
        "distance": _sum(past.returns, t, p["fair_value_s"]),
        "agreement": _agreement(past, t, p["fair_value_s"]),
        "variance": _rate(past.returns, first, t, p["variance_s"], lambda r: r * r),
        "volatility": _volatility(past, t, p["volatility_s"], p["volatility_lag_s"]),
        "volatility_usual": _volatility(past, t, p["volatility_usual_s"], p["volatility_lag_s"]),
        "volume": _rate(past.trades, traded, t, p["volume_s"]),
        "volume_usual": _rate(past.trades, traded, t, p["volume_usual_s"]),
    }
    depths = past.depths or past.tops
    out["depth_now"] = _average(depths, t, p["liquidity_s"])
    out["depth_usual"] = _average(depths, t, p["liquidity_usual_s"])
    out["spread"] = math.exp(_average(past.log_spreads, t, p["liquidity_s"])) if past.quotes else 0.0
    out["depth_width"] = p["depth_bps"] * 1e-4 if past.depths else out["spread"]
    return out | _book(past, t, p)


def _book(past: Past, t: float, p: Mapping[str, float]) -> dict[str, float]:
    if not past.quotes:
        return {"imbalance": 0.0, "imbalance_usual": 0.0, "order_flow": 0.0}
    _, _, bid_size, _, ask_size = past.quotes[-1]
    usual = _rate(past.flows, past.quotes[0][0], t, p["order_flow_usual_s"], abs)
    total = _sum(past.flows, t, p["order_flow_s"], abs) + 0.1 * usual * p["order_flow_s"]
    flow = _sum(past.flows, t, p["order_flow_s"]) / total if total else 0.0
    now = (bid_size - ask_size) / (bid_size + ask_size)
    return {
        "imbalance": now,
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
