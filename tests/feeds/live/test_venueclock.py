"""What frames tell of a venue's clock, whatever their way to here."""

from __future__ import annotations

import numpy as np
import pytest

from signalnode.clock import NS_PER_MS, NS_PER_S
from signalnode.events import EVENT, TRADE, Events
from signalnode.feeds.live.venueclock import EVENTS_MIN, ROWS, WINDOW_NS, VenueClock
from signalnode.feeds.sieve import PRICE_JUMP, VALUE_ABSURD, new_state

START_NS = 1_795_000_000 * NS_PER_S
Told = list[tuple[str, str]]


def heard(ways_ms: list[float], start_ns: int = START_NS, every_ms: int = 1_000) -> Events:
    """Events that came so long after the venue's time."""
    events = np.zeros(len(ways_ms), EVENT)
    received_ns = start_ns + np.arange(len(ways_ms)) * every_ms * NS_PER_MS
    events["kind"], events["price"], events["size"] = TRADE, 100.0, 1.0
    events["time_received_ns"] = received_ns
    events["time_event_ns"] = received_ns - (np.array(ways_ms) * NS_PER_MS).astype(np.int64)
    return events


def learnt(events: Events, batch: int = 1) -> tuple[VenueClock, Told]:
    told: Told = []
    clock, state = VenueClock(lambda name, text: told.append((name, text))), new_state()
    for start in range(0, len(events), batch):
        clock.sift(events[start : start + batch].copy(), state)
    return clock, told


def ways(*least_ms: float, seconds: int = 100) -> list[float]:
    """So long for each of these: a quickest way, and ways up to 400 ms slower."""
    random = np.random.default_rng(1)
    return [least + float(slower) for least in least_ms for slower in random.exponential(80, seconds)]


@pytest.mark.parametrize("least_ms", [3.0, 900.0, -2_500.0])
def test_the_quickest_way_of_a_window_tells_the_offset_whatever_the_others_were(least_ms: float) -> None:
    clock, _ = learnt(heard(ways(least_ms)))
    assert clock.offset_ns is not None
    assert clock.offset_ns / NS_PER_MS == pytest.approx(least_ms, abs=10)


def test_nothing_is_said_where_the_venue_gives_no_times() -> None:
    clock, told = learnt(heard([0.0] * 100))
    assert clock.offset_ns is None
    assert not told


def test_a_steady_clock_raises_no_fault_over_slow_ways() -> None:
    assert learnt(heard(ways(20.0, 30.0, 120.0, 20.0)))[1] == []


@pytest.mark.parametrize("step_ms", [-800.0, 800.0, 30_000.0])
def test_a_step_is_told_once(step_ms: float) -> None:
    _, told = learnt(heard(ways(1_000.0, 1_000.0 + step_ms)))
    assert [name for name, _ in told] == ["clock_stepped"]
    assert "ms after the venue's time" in told[0][1]


def test_a_drift_is_told_whenever_it_has_come_so_far() -> None:
    slowly = [1_000.0 + 2.0 * second for second in range(600)]  # 60 ms a window
    names = [name for name, _ in learnt(heard(slowly))[1]]
    assert names == ["clock_drifted"] * 2


def test_a_venues_clock_ahead_of_ours_is_told_once() -> None:
    _, told = learnt(heard([-300.0, *ways(-290.0, -250.0)]))
    assert told == [("venue_clock_ahead", "by 300 ms at least: is this machine's set by NTP?")]


def test_a_window_of_few_events_goes_on() -> None:
    clock, told = learnt(heard([40.0, *[900.0] * (EVENTS_MIN - 2)], every_ms=2 * WINDOW_NS // NS_PER_MS))
    assert clock.offset_ns == 40 * NS_PER_MS
    assert not told


def test_batches_make_no_difference_to_what_is_known_within_a_window() -> None:
    events = heard(ways(5.0, seconds=25))
    assert learnt(events)[0].offset_ns == learnt(events, batch=25)[0].offset_ns


@pytest.mark.parametrize("rows", [4, ROWS + 1])
def test_what_no_market_can_have_sent_is_left_out_and_teaches_nothing(rows: int) -> None:
    clock, state = VenueClock(lambda *_: None), new_state()
    assert clock.sift(heard([5.0] * rows), state) == (rows, ())
    events = heard([5.0, -9_000.0, 5.0, -9_000.0], START_NS + 100 * NS_PER_S)
    events["price"][1], events["size"][3] = 900.0, -1.0
    assert clock.sift(events, state) == (2, [0, PRICE_JUMP, 0, VALUE_ABSURD])
    assert clock.offset_ns == 5 * NS_PER_MS
