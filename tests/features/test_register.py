"""The kernel is made of FAMILIES: who is there hears of events, and its place there makes no difference."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from signalnode.compiled import in_turn
from signalnode.events import Events
from signalnode.features import FAMILIES, FEATURES, STATE, kernel
from signalnode.features.base import EVENT_FUNCTIONS, Parameter, Weight, refuse_groundless, refuse_unheard
from signalnode.features.weights import WEIGHTS, on_price_change_of
from signalnode.feeds import synthetic_events
from signalnode.signals.parameters import parameters_of
from tests.compiled.rows import Row, Rows
from tests.effort import drawn
from tests.laws.streams import stream

MARKETS: dict[str, Callable[[], Events]] = {
    "btc": lambda: stream("btc")[: drawn(500, 2_000)],
    "synthetic": lambda: synthetic_events(4, drawn(500, 2_000), events_per_s=5.0),
}


def measured(events: Events) -> bytes:
    """State and features after the events, in plain Python, as bits."""
    state, features = np.zeros(1, STATE), np.zeros(1, FEATURES)
    s, p, f, w = Row(state[0]), Row(parameters_of({})[0]), Row(features[0]), Row(np.zeros(1, WEIGHTS)[0])
    rows = Rows(events)
    with np.errstate(all="ignore"):
        for i in range(len(rows)):
            kernel.apply(s, p, rows[i])
        kernel.measure(s, p, int(state["time_ns"][0]) + 1_000_000_000, w, f)
    return state.tobytes() + features.tobytes()


@pytest.mark.parametrize("market", MARKETS)
def test_the_order_of_the_register_changes_no_bit(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = MARKETS[market]()
    usual = measured(events)
    changes = on_price_change_of(list(reversed(FAMILIES)))
    monkeypatch.setattr(kernel, "_on_price_change", changes)
    for name in {*EVENT_FUNCTIONS, "measure"} - {"on_price_change"}:
        backwards = [vars(family)[name] for family in reversed(FAMILIES) if name in vars(family)]
        monkeypatch.setattr(kernel, f"_{name}", in_turn(backwards))
    assert measured(events) == usual


def test_every_event_is_heard_by_some_family() -> None:
    for name in EVENT_FUNCTIONS:
        assert any(hasattr(family, name) for family in FAMILIES), name


def test_a_function_for_an_event_that_there_is_not_is_refused_in_one_line() -> None:
    family: Any = ModuleType("mood")
    family.on_trades = kernel.apply
    with pytest.raises(TypeError, match=r"^mood\.on_trades: name it one of on_trade, on_quote, [\w, ]+$"):
        refuse_unheard(family)


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (Weight("mood", "mood_ns", "mood_s"), "counts from mood_ns: name a field of STATE"),
        (Weight("mood", "mood_time_ns", "mood"), "fades by mood: name one of PARAMETERS"),
    ],
)
@pytest.mark.parametrize("kind", ["KEPT", "SEEN"])
def test_a_weight_that_rests_on_nothing_is_refused_in_one_line(weight: Weight, said: str, kind: str) -> None:
    family: Any = ModuleType("mood")
    family.STATE, family.PARAMETERS = (
        (("mood_time_ns", "<i8"),),
        (Parameter("mood_s", 1.0, 0.1, 9.0, "s", ""),),
    )
    setattr(family, kind, (weight,))
    with pytest.raises(TypeError, match=rf"^mood: the weight mood {said}$"):
        refuse_groundless(family)
