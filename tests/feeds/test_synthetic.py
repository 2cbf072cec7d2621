from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from signalnode.events import DEPTH, EVENT, QUOTE, TRADE, Events
from signalnode.feeds import sieve
from signalnode.feeds.synthetic import EPOCH_NS, TICK, Regime, SyntheticFeed, synthetic_events
from signalnode.research.statistics import ranks

REGIMES = (None, *get_args(Regime))
COUNT = 40_000


def mids(events: Events) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    quotes = events[events["kind"] == QUOTE]
    return np.asarray((quotes["bid"] + quotes["ask"]) / 2)


def rank_correlation(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    """Spearman's; the ranks of equal values are their mean."""
    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_passes_the_sieve_untouched(regime: Regime | None) -> None:
    events = synthetic_events(1, COUNT, regime=regime)
    copy, codes = events.copy(), np.zeros(COUNT, np.uint8)
    assert sieve.sift(copy, sieve.new_state(), codes) == COUNT
    assert not codes.any()


def test_the_seed_decides() -> None:
    assert synthetic_events(1, 3_000).tobytes() == synthetic_events(1, 3_000).tobytes()
    assert synthetic_events(1, 3_000).tobytes() != synthetic_events(2, 3_000).tobytes()


def test_fewer_events_are_the_beginning_of_more() -> None:
    assert synthetic_events(1, 5_000)[:1_500].tobytes() == synthetic_events(1, 1_500).tobytes()


def test_time_starts_where_it_is_told_to() -> None:
    assert 0 < synthetic_events(1, 1)["time_received_ns"][0] - EPOCH_NS < 10**9
    late, early = (synthetic_events(1, 100, start_ns=EPOCH_NS + shift) for shift in (10**15, 0))
    assert set((late["time_received_ns"] - early["time_received_ns"]).tolist()) == {10**15}


@pytest.mark.parametrize("events_per_s", [0.5, 50.0, 1_000.0])
def test_the_pace_is_what_was_asked_for(events_per_s: float) -> None:
    times = synthetic_events(1, COUNT, events_per_s=events_per_s, regime="stationary")["time_received_ns"]
    assert COUNT / ((times[-1] - times[0]) * 1e-9) == pytest.approx(events_per_s, rel=0.03)


def test_prices_lie_on_the_tick_grid_and_trades_take_the_quotes_price_range() -> None:
    events = synthetic_events(1, COUNT)
    trades = events[events["kind"] == TRADE]
    ticks = trades["price"] / TICK
    assert np.abs(ticks - np.round(ticks)).max() < 1e-6
    assert set(trades["aggressor_side"].tolist()) == {-1, 1}
    assert (events[events["kind"] == DEPTH]["bid_depth"] > 0).all()


def test_a_trend_moves_the_price_its_way_and_trades_follow() -> None:
    up, down = (synthetic_events(1, COUNT, regime=regime) for regime in ("trend_up", "trend_down"))
    assert mids(up)[-1] / mids(up)[0] > 1.05
    assert mids(down)[-1] / mids(down)[0] < 0.95
    assert up["aggressor_side"].sum() > 1_000
    assert down["aggressor_side"].sum() < -1_000


def test_a_thin_market_is_wide_and_shallow() -> None:
    thin, usual = (synthetic_events(1, COUNT, regime=regime) for regime in ("thin", "stationary"))
    assert (thin["ask"] - thin["bid"]).sum() > 4 * (usual["ask"] - usual["bid"]).sum()
    assert thin["bid_depth"].sum() < 0.3 * usual["bid_depth"].sum()


def test_a_bursty_market_has_seconds_far_busier_than_usual() -> None:
    def busiest(regime: Regime) -> float:
        seconds = synthetic_events(1, COUNT, regime=regime)["time_received_ns"] // 10**9
        counts = np.bincount(seconds - seconds[0])
        return float(counts.max() / np.median(counts))

    assert busiest("bursty") > 3 > busiest("stationary")


def test_jumps_of_a_reverting_market_die_out() -> None:
    quotes = synthetic_events(1, COUNT, regime="reverting")
    mid = mids(quotes)
    jumps = np.flatnonzero(np.abs(np.diff(np.log(mid))) > 6e-4)
    jumps = jumps[(jumps > 10) & (jumps < len(mid) - 1_000)]
    assert len(jumps) > 15
    early, late = np.log(mid[jumps + 1] / mid[jumps]), np.log(mid[jumps + 800] / mid[jumps + 1])
    assert rank_correlation(early, late) < -0.3


def test_the_stationary_regime_is_the_same_up_and_down_and_early_and_late() -> None:
    events = synthetic_events(3, 400_000, regime="stationary")
    trades = events[events["kind"] == TRADE]
    quotes = events[events["kind"] == QUOTE]
    assert abs(trades["aggressor_side"].mean()) < 0.03
    assert quotes["bid_size"].mean() == pytest.approx(quotes["ask_size"].mean(), rel=0.05)
    seconds = np.log(mids(events)[::35])
    first, second = np.array_split(np.diff(seconds), 2)
    assert first.std() == pytest.approx(second.std(), rel=0.05)


def test_the_book_leans_before_the_price_moves() -> None:
    quotes = synthetic_events(3, 200_000, regime="stationary")
    quotes = quotes[quotes["kind"] == QUOTE]
    lean = (quotes["bid_size"] - quotes["ask_size"]) / (quotes["bid_size"] + quotes["ask_size"])
    moves = np.diff(np.log(mids(quotes)[::35]))
    assert 0.1 < rank_correlation(lean[::35][:-1], moves) < 0.6


def test_the_price_scales_the_market_and_nothing_else() -> None:
    dear, cheap = SyntheticFeed(5), SyntheticFeed(5, price=150.0)
    one, other = dear.take(2**62, 1_000), cheap.take(2**62, 1_000)
    for name in EVENT.names or ():
        unit = 150.0 / 60_000.0 if name in ("price", "bid", "ask") else 1.0
        assert np.allclose(one[name] * unit, other[name], rtol=1e-12)
