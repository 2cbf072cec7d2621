from __future__ import annotations

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.events import EVENT, QUOTE, TRADE, Events
from signalnode.feeds import synthetic_events
from signalnode.feeds.health import GAPS_MIN, LIVE, SILENCE_FACTOR, STALE, ChannelHealth, silent_at, status_of

S = 1_000_000_000
START_NS = 1_700_000_000 * S


def ticking(kind: int, gap_s: float, count: int, start_ns: int = START_NS) -> Events:
    events = np.zeros(count, EVENT)
    events["kind"] = kind
    events["time_received_ns"] = start_ns + (np.arange(count) * gap_s * S).astype(np.int64)
    return events


def after(events: Events, health: ChannelHealth | None = None) -> tuple[ChannelHealth, int]:
    health = health or ChannelHealth()
    health.observe(events)
    return health, int(events["time_received_ns"][-1])


def wait_of(
    health: ChannelHealth, now_ns: int, since_ns: int = 0, kind: int = TRADE
) -> tuple[int, int, float, bool]:
    """How long a channel has waited, what its newest event took, its limit, and whether it is silent."""
    engine = SignalEngine("A-USD")
    engine.step(np.zeros(0, EVENT), 0, 1, health, 0, now_ns, since_ns)
    step = engine.stood()
    return *step.waits[kind - TRADE :: 3], bool(step.silent >> kind & 1)


def limit_s(health: ChannelHealth) -> float:
    return wait_of(health, START_NS)[2]


def test_a_channel_never_heard_of_is_not_silent() -> None:
    assert ChannelHealth().silent(START_NS) == ()


def test_a_channel_without_a_standard_yet_is_not_silent() -> None:
    health, end_ns = after(ticking(TRADE, 0.1, GAPS_MIN))
    assert health.silent(end_ns + 1_000 * S) == ()


@pytest.mark.parametrize("kind", [4, 200, 255])
def test_an_event_of_no_channel_changes_nothing(kind: int) -> None:
    health, _ = after(ticking(TRADE, 0.1, 10))
    known = health.state.tobytes()
    health.observe(ticking(kind, 0.1, 10))
    assert health.state.tobytes() == known


@pytest.mark.parametrize("gap_s", [0.5, 5.0, 60.0])
def test_silence_is_measured_by_the_markets_own_pace(gap_s: float) -> None:
    health, end_ns = after(ticking(TRADE, gap_s, 200))
    assert limit_s(health) == pytest.approx(SILENCE_FACTOR * gap_s, rel=1e-6)
    assert health.silent(end_ns + int((SILENCE_FACTOR - 0.1) * gap_s * S)) == ()
    assert health.silent(end_ns + int((SILENCE_FACTOR + 0.1) * gap_s * S)) == ("trades",)


def test_no_wait_under_two_seconds_is_called_silence() -> None:
    health, end_ns = after(ticking(TRADE, 0.001, 1_000))
    assert health.silent(end_ns + int(1.9 * S)) == ()
    assert health.silent(end_ns + int(2.1 * S)) == ("trades",)


def test_trades_that_stop_while_quotes_go_on_are_noticed() -> None:
    health, end_ns = after(ticking(TRADE, 0.1, 500))
    health, end_ns = after(ticking(QUOTE, 0.01, 1_000, end_ns), health)
    assert health.silent(end_ns) == ("trades",)


def test_a_channel_that_comes_back_is_no_longer_silent() -> None:
    health, end_ns = after(ticking(TRADE, 0.1, 500))
    assert health.silent(end_ns + 60 * S) == ("trades",)
    health.observe(ticking(TRADE, 0.1, 1, end_ns + 61 * S))
    assert health.silent(end_ns + 61 * S) == ()


def test_a_wait_is_told_with_its_limit_and_the_way_from_the_venue() -> None:
    events = ticking(TRADE, 0.5, 200)
    events["time_event_ns"] = events["time_received_ns"] - 30_000_000
    health, end_ns = after(events)
    assert wait_of(health, end_ns + 7 * S) == (7 * S, 30_000_000, pytest.approx(0.5 * SILENCE_FACTOR), True)
    assert wait_of(health, end_ns - S)[0] == 0
    assert wait_of(health, end_ns, kind=QUOTE)[0] == -1
    assert wait_of(after(ticking(QUOTE, 1.0, 2))[0], START_NS, kind=QUOTE)[2] == np.inf


def test_a_wait_in_which_nothing_could_come_is_no_silence() -> None:
    health, end_ns = after(ticking(TRADE, 1.0, 100))  # a normal wait is up to 11 s
    back_ns = end_ns + 60 * S
    waited_ns, _, _, is_silent = wait_of(health, back_ns + 10 * S, back_ns)
    assert (waited_ns, is_silent) == (70 * S, False)
    assert status_of(silent_at(health.state, back_ns + 10 * S, back_ns), False, 1.0) == LIVE
    assert status_of(silent_at(health.state, back_ns + 12 * S, back_ns), False, 1.0) == STALE
    assert wait_of(health, back_ns + 12 * S, back_ns)[3]


def test_an_outage_does_not_dull_the_standard() -> None:
    health, end_ns = after(ticking(TRADE, 0.5, 1_000))
    before_s = limit_s(health)
    health.observe(ticking(TRADE, 0.5, 1, end_ns + 3_600 * S))
    assert limit_s(health) < 2 * before_s


def test_a_market_that_has_become_quieter_is_learnt() -> None:
    health, end_ns = after(ticking(TRADE, 0.1, 3_000))
    health, end_ns = after(ticking(TRADE, 20.0, 100, end_ns + 20 * S), health)
    assert health.silent(end_ns + 60 * S) == ()


def test_the_real_recordings_raise_no_false_alarm(events: Events) -> None:
    for stream in (events, synthetic_events(1, 20_000, events_per_s=5)):
        health = ChannelHealth()
        for index in range(0, len(stream), 20):
            chunk = stream[index : index + 20]
            assert health.silent(int(chunk["time_received_ns"][0])) == ()
            health.observe(chunk)


def test_what_is_learnt_is_the_same_bits_in_one_batch_or_many_and_can_be_carried_over(events: Events) -> None:
    whole, parts = ChannelHealth(), ChannelHealth()
    whole.observe(events)
    for index in range(0, len(events), 7):
        carried = ChannelHealth()
        carried.state[:] = parts.state
        carried.observe(events[index : index + 7])
        parts = carried
    assert parts.state.tobytes() == whole.state.tobytes()
