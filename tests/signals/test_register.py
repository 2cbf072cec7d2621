"""The register and the kernel agree, and a market's own numbers are checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.bus.wire import SCORE_NAMES
from signalnode.clock import NS_PER_S
from signalnode.errors import ConfigError
from signalnode.features import FEATURES
from signalnode.signals import BUILT_IN_SCORES, PARAMETERS, SIGNALS
from signalnode.signals.base import Signal, heard
from signalnode.signals.parameters import parameters_of
from signalnode.signals.volume_spike import reading
from tests.laws.streams import STREAMS, stream


def test_the_seven_scores_of_the_contract_are_built_in_and_come_first() -> None:
    assert BUILT_IN_SCORES[:7] == SCORE_NAMES
    assert len(set(BUILT_IN_SCORES)) == len(BUILT_IN_SCORES)


@pytest.mark.parametrize("market", STREAMS)
def test_the_kernel_reads_each_signal_in_its_own_place(market: str) -> None:
    events = stream(market)
    for place in (1, 10, 500, len(events)):
        engine = SignalEngine("ANY-USD")
        engine.ingest(events[:place])
        for later_ns in (0, NS_PER_S, 100 * NS_PER_S):
            engine.scores_at(engine.time_ns + later_ns)
            core: Any = engine._scoring.view(np.recarray)[0]
            expected = [x for signal in SIGNALS for x in readings_of(signal, core)]
            assert core.readings.tolist() == pytest.approx(expected, rel=1e-12, nan_ok=True)


def readings_of(signal: Signal, core: Any) -> list[float]:
    """What each of its scores is made of, in plain Python."""
    if not all(core.features[heard(need)] for need in signal.needs):
        return [math.nan] * len(signal.scores)
    reading = signal.reading(core.features, core.parameters)
    if not signal.two_sided:
        return [reading]
    activity = signal.activity(core.features, core.parameters) if signal.activity else 0.0
    return [activity + reading, activity - reading]


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.scores[0])
def test_every_signal_can_be_used_as_declared(signal: Signal) -> None:
    assert len(signal.scores) in (1, 2)
    assert signal.floor > 0.0
    assert signal.spread > 0.0
    assert signal.two_sided or not (signal.anchored or signal.activity)
    record = np.ones(1, FEATURES).view(np.recarray)[0]
    assert isinstance(float(signal.reading(record, parameters_of({}).view(np.recarray)[0])), float)


def test_a_signal_that_needs_what_there_is_not_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^mood needs 'side'; known are prices, .*sides, depth$"):
        Signal(("mood",), reading, needs=("side",))


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_parameter_explains_itself_and_takes_its_default(parameter: Any) -> None:
    assert parameter.minimum <= parameter.default <= parameter.maximum
    assert parameter.unit
    assert parameter.why
    assert parameters_of({parameter.name: parameter.maximum})[parameter.name][0] == parameter.maximum


def test_every_fault_of_a_markets_numbers_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parameters_of({"trend": 1.0, "trend_s": -1.0, "volume_s": "fast", "memory_s": True}, "a.toml")
    faults = caught.value.faults
    assert len(faults) == 4
    assert all(fault.startswith("a.toml: signals.") and "\n" not in fault for fault in faults)
    assert "did you mean trend_s?" in faults[0]
    assert "0.1 to 3600 s" in faults[1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, [1.0]])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigError):
        parameters_of({"trend_s": value})


def test_a_markets_own_numbers_change_its_scores_and_its_identity() -> None:
    usual, own = SignalEngine("ANY-USD"), SignalEngine("ANY-USD", {"trend_s": 60.0, "memory_s": 600})
    for engine in (usual, own):
        engine.ingest(stream("btc"))
    time_ns = usual.time_ns
    assert own.scores_at(time_ns) != usual.scores_at(time_ns)
    assert own.identity() != usual.identity()
