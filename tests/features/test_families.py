"""Each family measures what its formula says: against sums over all past events, to a billionth."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import DEPTH, EVENT, QUOTE, TIME_MIN_NS, TRADE, Events
from signalnode.features import FAMILIES, FEATURES
from signalnode.feeds import synthetic_events
from signalnode.signals import PARAMETERS
from tests.effort import drawn
from tests.features.oracle import features_of
from tests.laws.made import Stretch, made_market
from tests.laws.streams import stream

DEFAULTS = {parameter.name: parameter.default for parameter in PARAMETERS}
SHORT = {
    "trend_s": 0.7,
    "fair_value_s": 3.0,
    "variance_s": 11.0,
    "volatility_s": 2.0,
    "volatility_lag_s": 0.3,
    "volatility_usual_s": 13.0,
    "order_flow_s": 0.4,
    "order_flow_usual_s": 5.0,
    "imbalance_s": 0.8,
    "imbalance_usual_s": 10.0,
    "taken_s": 1.5,
    "taken_usual_s": 10.0,
    "volume_s": 0.9,
    "volume_usual_s": 10.0,
    "liquidity_s": 0.5,
    "liquidity_usual_s": 12.0,
    "depth_usual_s": 11.0,
    "depth_bps": 25.0,
}


def without(events: Events, *kinds: int) -> Events:
    """The events of all other kinds."""
    return events[~np.isin(events["kind"], kinds)]


def with_wild_values(events: Events) -> Events:
    """The events with one absurd value of each kind among the first few, and another of each later."""
    out = events.copy()
    for kind, fields in (
        (TRADE, ("size",)),
        (QUOTE, ("bid_size",)),
        (QUOTE, ("bid", "ask")),
        (DEPTH, ("bid_depth",)),
    ):
        places = np.flatnonzero(out["kind"] == kind)
        for place in (places[len(fields)], places[-len(places) // 3]):
            for field in fields:
                out[field][place] *= 9.0 if kind == QUOTE and len(fields) == 2 else 1e5
    return out


MARKETS: dict[str, Callable[[], Events]] = {
    "btc": lambda: stream("btc")[: drawn(100, 400)],
    "synthetic": lambda: synthetic_events(4, drawn(120, 300), events_per_s=5.0),
    "climb": lambda: made_market(
        1, Stretch(seconds=drawn(40.0, 60.0), events_per_s=3.0, sigma_bps=0.1, drift_bps_s=1.0)
    ),
    "wild": lambda: with_wild_values(synthetic_events(4, drawn(120, 300), events_per_s=5.0)),
    "no_depth": lambda: without(synthetic_events(5, drawn(120, 300)), DEPTH),
    "no_quotes": lambda: without(synthetic_events(6, drawn(150, 600)), QUOTE, DEPTH),
    "no_trades": lambda: without(synthetic_events(7, drawn(120, 300)), TRADE),
}
NAMES = [name for family in FAMILIES for name in family.FEATURES]
LATER_NS = (0, 1, NS_PER_S // 3, 20 * NS_PER_S)
# Sums that cancel carry the rounding of what went into them, so beside a billionth of the value a
# billionth of what it is made of is allowed.
ROUNDING = {
    "idle_s": 1e-14,  # as of times since the first event, where ours subtracts whole nanoseconds
    "trend": 1e-13,
    "distance": 1e-13,
    "order_flow": 1e-12,
    "imbalance_lately": 1e-12,
    "imbalance_usual": 1e-12,
    "taken": 1e-7,
    "trend_variance": 1e-20,
    "volatility": 1e-13,
    "volatility_5": 1e-13,
    "volatility_25": 1e-13,
    "volatility_usual": 1e-13,
}


def measured(events: Events, parameters: dict[str, float], later_ns: int = 0) -> dict[str, float]:
    engine = SignalEngine("ANY-USD", parameters)
    engine.ingest(events)
    return engine.features_at(engine.time_ns + later_ns)


@pytest.mark.parametrize("parameters", [DEFAULTS, DEFAULTS | SHORT], ids=["defaults", "short"])
@pytest.mark.parametrize("market", MARKETS)
def test_every_feature_is_the_sum_its_formula_says(market: str, parameters: dict[str, float]) -> None:
    events = MARKETS[market]()
    for place in (1, 2, 3, len(events) // 2, len(events)):
        for later_ns in LATER_NS if place <= 3 else LATER_NS[:: drawn(3, 1)]:
            time_ns = int(events["time_received_ns"][place - 1]) + later_ns
            ours = measured(events[:place], parameters, later_ns)
            expected = features_of(events[:place], time_ns, parameters)
            for name in NAMES:
                near = math.isclose(ours[name], expected[name], rel_tol=1e-9, abs_tol=ROUNDING.get(name, 0.0))
                assert near, (name, ours[name], expected[name])


def test_the_oracle_knows_every_feature() -> None:
    events = MARKETS["synthetic"]()
    assert set(features_of(events, int(events["time_received_ns"][-1]), DEFAULTS)) == set(NAMES)
    assert FEATURES.names == ("mid", *NAMES)


def test_before_the_first_event_there_is_nothing_to_measure() -> None:
    features = SignalEngine("ANY-USD").features_at(0)
    assert all(features[name] == 0.0 for name in NAMES if name != "depth_width")


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_one_event_is_measured_without_a_past(kind: int) -> None:
    event = np.zeros(1, EVENT)
    event["time_received_ns"], event["kind"] = TIME_MIN_NS, kind
    for name, value in (("price", 10.0), ("size", 2.0), ("bid", 9.0), ("ask", 11.0), ("bid_size", 3.0)):
        event[name] = value
    event["ask_size"], event["bid_depth"], event["ask_depth"] = 1.0, 4.0, 9.0
    features = measured(event, {})
    assert features["trend"] == features["distance"] == features["variance"] == features["volatility"] == 0.0
    assert features["mid"] == pytest.approx({1: 10.0, 2: 10.0, 3: math.nan}[kind], nan_ok=True)
    assert features["imbalance"] == (0.5 if kind == 2 else 0.0)
    assert features["depth_now"] == pytest.approx({1: 0.0, 2: 3.0**0.5, 3: 6.0}[kind])
    assert (features["volume"] > 0.0) == (kind == 1)


@pytest.mark.parametrize("market", MARKETS)
def test_measuring_changes_nothing(market: str) -> None:
    engine = SignalEngine("ANY-USD")
    engine.ingest(MARKETS[market]())
    state = engine.state()
    first = engine.features_at(engine.time_ns)
    for later_ns in (1, NS_PER_S, 10**15):
        engine.features_at(engine.time_ns + later_ns)
    assert engine.features_at(engine.time_ns) == first
    assert engine.state() == state


def test_every_parameter_changes_some_feature_or_belongs_to_the_scale() -> None:
    events = synthetic_events(8, 2_000, events_per_s=20.0)
    before, after = events[:200], without(events[200:], DEPTH)
    after["time_received_ns"] += 4_000 * NS_PER_S  # the depth has stopped coming
    events = np.concatenate([before, after])
    for family in FAMILIES:
        usual = measured(events, {}, NS_PER_S)
        for parameter in family.PARAMETERS:
            changed = measured(events, {parameter.name: parameter.default * 1.5}, NS_PER_S)
            assert any(changed[name] != usual[name] for name in family.FEATURES), parameter.name


def test_a_spread_that_opens_evenly_moves_nothing() -> None:
    events = np.zeros(40, EVENT)
    events["time_received_ns"] = TIME_MIN_NS + np.arange(40) * NS_PER_S
    events["kind"], events["bid_size"], events["ask_size"] = 2, 1.0, 1.0
    events["bid"], events["ask"] = 60_000.0 / (1 + 1e-9), 60_000.0 * (1 + 1e-9)
    events["bid"][::2], events["ask"][::2] = 60_000.0 / (1 + 3e-9), 60_000.0 * (1 + 3e-9)
    features = measured(events, {})
    assert features["variance"] == features["trend"] == 0.0


def test_a_market_of_one_event_a_second_remembers_as_long_as_one_of_a_hundred() -> None:
    after = {}
    for rate in (1.0, 100.0):
        steady = Stretch(seconds=600.0, events_per_s=rate, regular=True, sigma_bps=0.0, trades=1.0)
        events = made_market(1, steady)
        events["kind"], events["price"], events["size"] = 1, 10.0, 1.0 / rate
        after[rate] = measured(events, {}, 12 * NS_PER_S)["volume"]
    assert after[1.0] == pytest.approx(np.exp(-1.0), rel=0.05)
    assert after[100.0] == pytest.approx(np.exp(-1.0), rel=0.01)
