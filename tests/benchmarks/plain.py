"""The engine's formulas as plain Python objects, one call an event: what the kernel is measured against.

It keeps to the formulas in `signalnode/features` and `signalnode/signals` (see there) and scores by the rank
among the readings so far, which is what the scale stands for; it is no second implementation of the scale.
"""

from __future__ import annotations

import bisect
import math

from signalnode.events import DEPTH, QUOTE, TRADE, Events


class Decayed:
    """Σ x · exp(−age/τ)."""

    def __init__(self, tau: float) -> None:
        self.tau, self.value, self.time = tau, 0.0, 0.0

    def add(self, now: float, x: float) -> None:
        self.value = self.at(now) + x
        self.time = now

    def at(self, now: float) -> float:
        return self.value * math.exp(-(now - self.time) / self.tau)


class Held:
    """Decayed time average of a value that stands still between changes."""

    def __init__(self, tau: float) -> None:
        self.tau, self.average, self.value, self.time = tau, 0.0, 0.0, 0.0

    def set(self, now: float, value: float) -> None:
        self.average = self.at(now)
        self.value, self.time = value, now

    def at(self, now: float) -> float:
        return self.value + (self.average - self.value) * math.exp(-(now - self.time) / self.tau)


class Rank:
    """Share of past readings below one."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def learn(self, reading: float) -> None:
        bisect.insort(self.seen, reading)

    def score(self, reading: float) -> float:
        return 100.0 * bisect.bisect_left(self.seen, reading) / max(len(self.seen), 1)


class PlainEngine:
    """Takes events one by one and scores on a grid."""

    def __init__(self) -> None:
        self.trend, self.distance, self.squares = Decayed(10.0), Decayed(120.0), Decayed(600.0)
        self.lagged = Decayed(0.5)
        self.moving = [Decayed(tau) for tau in (12.0, 60.0, 300.0, 1800.0)]
        self.flow, self.flow_abs, self.flow_usual = Decayed(0.25), Decayed(0.25), Decayed(60.0)
        self.lean = Held(1800.0)
        self.trading = [Decayed(tau) for tau in (12.0, 60.0, 300.0, 1800.0)]
        self.spread, self.spread_usual = Held(1.0), Held(1800.0)
        self.depth, self.depth_usual, self.top_usual = Held(1.0), Held(600.0), Held(600.0)
        self.ranks = [Rank() for _ in range(5)]
        self.bid = self.ask = self.bid_size = self.ask_size = 0.0
        self.next_sample: float | None = None

    def take(self, event: dict[str, float]) -> None:
        now = event["time_received_ns"] * 1e-9
        if self.next_sample is None:
            self.next_sample = now + 1.0
        while self.next_sample < now:
            for rank, reading in zip(self.ranks, self.readings(self.next_sample), strict=True):
                rank.learn(reading)
            self.next_sample += 1.0
        if event["kind"] == QUOTE:
            self._quote(now, event)
        elif event["kind"] == TRADE:
            for total in self.trading:
                total.add(now, math.sqrt(event["size"]))
        elif event["kind"] == DEPTH:
            depth = math.sqrt(event["bid_depth"] * event["ask_depth"])
            self.depth.set(now, depth)
            self.depth_usual.set(now, depth)
            self.top_usual.set(now, math.sqrt(self.bid_size * self.ask_size))

    def _quote(self, now: float, event: dict[str, float]) -> None:
        bid, ask, bid_size, ask_size = event["bid"], event["ask"], event["bid_size"], event["ask_size"]
        if self.bid:
            e = (bid >= self.bid) * bid_size - (bid <= self.bid) * self.bid_size
            e += (ask >= self.ask) * self.ask_size - (ask <= self.ask) * ask_size
            self.flow.add(now, e)
            self.flow_abs.add(now, abs(e))
            self.flow_usual.add(now, abs(e))
            r = 0.5 * math.log(bid / self.bid) + 0.5 * math.log(ask / self.ask)
            if r:
                self.lagged.add(now, r)
                for total in (self.trend, self.distance):
                    total.add(now, r)
                self.squares.add(now, r * r)
                for average in self.moving:
                    average.add(now, abs(self.lagged.value))
        if bid != self.bid or ask != self.ask:
            self.spread.set(now, math.log(max(math.log(ask / bid), 1e-12)))
            self.spread_usual.set(now, math.log(max(math.log(ask / bid), 1e-12)))
        self.lean.set(now, (bid_size - ask_size) / (bid_size + ask_size))
        self.bid, self.ask, self.bid_size, self.ask_size = bid, ask, bid_size, ask_size

    def readings(self, now: float) -> list[float]:
        top = self.bid_size + self.ask_size or 1.0
        total = self.flow_abs.at(now) + 0.025 * self.flow_usual.at(now) / 60.0 or 1.0
        usual = math.sqrt(self.squares.at(now) / 600.0 * 5.0) or 1.0
        t = max(-15.0, min(15.0, self.trend.at(now) / usual))
        lean = (self.bid_size - self.ask_size) / top - self.lean.at(now)
        momentum = lean + 0.25 * self.flow.at(now) / total + 0.0005 * t**3
        return [
            momentum,
            -self.distance.at(now),
            self._volatility(now),
            self._volume(now),
            self._liquidity(now),
        ]

    def _volatility(self, now: float) -> float:
        moment, minute, minutes, usual = (x.at(now) / x.tau + 1e-300 for x in self.moving)
        logs = [math.log(x / usual + 1e-3) for x in (moment, minute, minutes)]
        lasting = (logs[0] + 3.0 * logs[1] + 4.0 * logs[2]) / 8.0
        return max(lasting, logs[0] - math.log(3.0)) + 0.25 * math.log(usual)

    def _volume(self, now: float) -> float:
        moment, minute, minutes, usual = (x.at(now) / x.tau + 1e-300 for x in self.trading)
        logs = [math.log(x / usual + 1e-3) for x in (moment, minute, minutes)]
        return (logs[0] + 3.0 * logs[1] + 4.0 * logs[2]) / 8.0 + 0.5 * math.log(usual)

    def _liquidity(self, now: float) -> float:
        usual_depth = self.depth_usual.at(now) or 1.0
        order = 1e-3 * 0.3 * self.top_usual.at(now)
        spread, usual_spread = math.exp(self.spread.at(now)), math.exp(self.spread_usual.at(now))
        cost = max(spread, 0.25 * usual_spread) + order / (self.depth.at(now) + 1e-3 * usual_depth)
        return 0.75 * math.log(usual_spread + order / usual_depth) - math.log(cost)

    def replay(self, events: Events, interval_ns: int) -> list[list[float]]:
        """The scores at every `interval_ns`, event by event."""
        names = events.dtype.names or ()
        table = []
        next_ns = int(events["time_received_ns"][0])
        for row in events.tolist():
            event = dict(zip(names, row, strict=True))
            while next_ns < event["time_received_ns"]:
                now = next_ns * 1e-9
                table.append([rank.score(x) for rank, x in zip(self.ranks, self.readings(now), strict=True)])
                next_ns += interval_ns
            self.take(event)
        return table
