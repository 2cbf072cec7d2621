"""The engine as it is used: what the contract shows, what is refused and how, what is carried on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

import signalnode
from signalnode.clock import NS_PER_S
from signalnode.errors import CheckpointError, ConfigError, DataError, EventOrderError, EventTimeError
from signalnode.events import EVENT, NO_TIME_NS, QUOTE, TIME_MAX_NS, TIME_MIN_NS
from signalnode.feeds import synthetic_events
from signalnode.settings import FeedSettings, MarketSettings
from signalnode.signals import BUILT_IN_SCORES

DATA = Path(__file__).parents[1] / "data" / "binance"
EVENTS = synthetic_events(1, 2_000)


def test_the_contract_reads_as_it_is_written() -> None:
    from signalnode import SignalEngine, load_events

    async def use() -> dict[str, float]:
        engine = SignalEngine("BTC-USD")
        engine.ingest(load_events([DATA / "btcusdt_first.gz"], venue="binance", market="BTC-USDT"))
        return await engine.get_continuous_scores()

    scores = asyncio.run(use())
    assert tuple(scores) == BUILT_IN_SCORES
    assert all(isinstance(score, float) and 0.0 <= score <= 100.0 for score in scores.values())
    engine = SignalEngine("BTC-USD")
    events = load_events([DATA / "btcusdt_first.gz"], venue="binance", market="BTC-USDT")
    table = engine.replay(events, interval_ns=100_000_000)
    assert table.dtype.names == ("time_ns", "mid", *BUILT_IN_SCORES, "warm")
    assert np.all(np.diff(table["time_ns"]) == 100_000_000)
    assert table["time_ns"][0] == events["time_received_ns"][0]
    assert table["time_ns"][-1] <= events["time_received_ns"][-1] < table["time_ns"][-1] + 100_000_000


def test_scores_asked_for_now_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, now_ns = signalnode.SignalEngine("ANY-USD"), [5 * NS_PER_S]
    monkeypatch.setattr("signalnode.clock.monotonic_ns", lambda: now_ns[0])
    assert set(asyncio.run(engine.get_continuous_scores()).values()) == {50.0}
    engine.ingest(EVENTS)
    now_ns[0] += 7 * NS_PER_S
    assert asyncio.run(engine.get_continuous_scores()) == engine.scores_at(engine.time_ns + 7 * NS_PER_S)


def test_events_that_go_back_in_time_are_refused_and_none_is_taken() -> None:
    engine = signalnode.SignalEngine("ANY-USD")
    engine.ingest(EVENTS[:1_000])
    state = engine.state()
    swapped = EVENTS[[1_000, 1_002, 1_001]]
    for wrong, number in ((EVENTS[990:1_010], 0), (swapped, 2)):
        with pytest.raises(EventOrderError, match=rf"^ANY-USD: event {number} of {len(wrong)} [^\n]*$"):
            engine.ingest(wrong)
        with pytest.raises(EventOrderError):
            engine.replay(wrong)
        assert engine.state() == state
    engine.ingest(EVENTS[1_000:])


@pytest.mark.parametrize(
    ("times_ns", "told"),
    [
        (EVENTS["time_received_ns"] // 1_000, r"event 0 of 2000 .* before 1990: is it us \(.*\)\?"),
        (EVENTS["time_received_ns"] // 1_000_000_000, r"event 0 of 2000 .* is it s \(.*\)\?"),
        ([NO_TIME_NS, *EVENTS["time_received_ns"][1:]], r"event 0 of 2000 has no time \(NaT\)"),
        ([*EVENTS["time_received_ns"][:1_999], 2**62], r"event 1999 of 2000 .* after 2100"),
    ],
    ids=["microseconds", "seconds", "NaT first", "far ahead"],
)
def test_events_of_a_time_that_cannot_be_are_refused_with_a_guess_at_its_unit(
    times_ns: list[int], told: str
) -> None:
    wrong = EVENTS.copy()
    wrong["time_received_ns"] = times_ns
    engine = signalnode.SignalEngine("ANY-USD")
    for take in (engine.ingest, engine.replay):
        with pytest.raises(EventTimeError, match=told) as caught:
            take(wrong)
        assert "\n" not in str(caught.value)
    assert engine.events == engine.refused == 0


def test_scores_of_the_past_are_refused() -> None:
    engine = signalnode.SignalEngine("ANY-USD")
    engine.ingest(EVENTS)
    with pytest.raises(EventOrderError, match=r"ask for then or later$"):
        engine.scores_at(engine.time_ns - 1)
    with pytest.raises(EventOrderError):
        engine.features_at(engine.time_ns - 1)


def test_other_layouts_are_taken_by_name_and_missing_fields_are_named() -> None:
    names = EVENTS.dtype.names
    assert names is not None
    backwards = np.zeros(len(EVENTS), [(name, EVENTS.dtype[name]) for name in reversed(names)])
    for name in names:
        backwards[name] = EVENTS[name]
    one, other = signalnode.SignalEngine("ANY-USD"), signalnode.SignalEngine("ANY-USD")
    one.ingest(EVENTS)
    other.ingest(backwards)
    assert one.state() == other.state()
    with pytest.raises(TypeError, match="bid_size"):
        other.ingest(EVENTS[[name for name in names if name != "bid_size"]])


@pytest.mark.parametrize("layout", ["strided", "read_only", "scalar", "empty"])
def test_any_array_of_events_will_do(layout: str) -> None:
    events, engine = EVENTS.copy(), signalnode.SignalEngine("ANY-USD")
    if layout == "strided":
        events = events[::3]
    elif layout == "read_only":
        events.flags.writeable = False
    elif layout == "scalar":
        events = events[0:1].reshape(())
    else:
        events = events[:0]
    expected = signalnode.SignalEngine("ANY-USD")
    expected.ingest(np.atleast_1d(events).copy())
    engine.ingest(events)
    assert engine.state() == expected.state()


def test_nothing_is_known_before_the_first_event() -> None:
    engine = signalnode.SignalEngine("ANY-USD")
    assert (engine.time_ns, engine.events, engine.refused, engine.warm) == (0, 0, 0, 0.0)
    assert np.isnan(engine.mid)
    assert len(engine.replay(EVENTS[:0])) == 0


def test_warmth_grows_from_nothing_to_one_with_the_baseline() -> None:
    engine = signalnode.SignalEngine("ANY-USD", {"baseline_s": 20.0})
    warm = engine.replay(EVENTS, NS_PER_S)["warm"]
    assert warm[0] == 0.0
    assert np.all(np.diff(warm) >= 0.0)
    assert warm[11] == pytest.approx(0.5, abs=0.051)
    assert warm[21] == engine.warm == 1.0


def test_a_replay_without_an_interval_is_refused() -> None:
    for interval_ns in (0, -1):
        with pytest.raises(ValueError, match="interval_ns must be positive"):
            signalnode.SignalEngine("ANY-USD").replay(EVENTS, interval_ns)


def test_a_state_of_another_size_is_refused_and_changes_nothing() -> None:
    engine = signalnode.SignalEngine("ANY-USD")
    engine.ingest(EVENTS)
    state = engine.state()
    for wrong in (b"", state[:-1], state + b"\0"):
        with pytest.raises(CheckpointError, match="another version"):
            engine.restore(wrong)
        assert engine.state() == state


def test_settings_of_a_market_file_are_used_and_named_in_faults() -> None:
    feed, path = FeedSettings(kind="synthetic"), Path("markets") / "ANY-USD.toml"
    own = MarketSettings(market="ANY-USD", feed=feed, signals={"trend_s": 33.0}, path=path)
    assert signalnode.SignalEngine("ANY-USD", own).identity() != signalnode.SignalEngine("ANY-USD").identity()
    wrong = MarketSettings(market="ANY-USD", feed=feed, signals={"trend_s": "long"}, path=path)
    with pytest.raises(ConfigError, match=r"^markets/ANY-USD.toml: signals.trend_s: 'long' is not a number"):
        signalnode.SignalEngine("ANY-USD", wrong)


def test_a_replay_over_absurdly_many_rows_is_refused_before_anything_is_taken() -> None:
    events = np.zeros(2, EVENT)
    events["kind"], events["bid"], events["bid_size"], events["ask"], events["ask_size"] = QUOTE, 1, 1, 2, 1
    events["time_received_ns"] = [TIME_MIN_NS, TIME_MAX_NS]
    engine = signalnode.SignalEngine("ANY-USD")
    with pytest.raises(DataError, match="take a longer interval or fewer"):
        engine.replay(events)
    assert engine.events == 0
