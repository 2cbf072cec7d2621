"""Law 10 where something stands still, breaks off or comes back: what a trader would say of each directed
score, one constructed stream each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import DEPTH, QUOTE, TRADE, Events
from tests.laws.made import Stretch, made_market

USUAL = Stretch(seconds=1_800.0)
MOMENTUM = ("momentum_long", "momentum_short")
REVERSION = ("mean_reversion_long", "mean_reversion_short")
DIRECTED = MOMENTUM + REVERSION
PRESSURE = ("book_pressure_long", "book_pressure_short")


def scored(events: Events, config: dict[str, list[str]] | None = None) -> npt.NDArray[Any]:
    """Every score, five times a second."""
    table: npt.NDArray[Any] = SignalEngine("ANY-USD", config or {}).replay(events, NS_PER_S // 5)
    return table


def means(table: npt.NDArray[Any], first_s: float, last_s: float) -> dict[str, float]:
    """Each directed score's mean from `first_s` to `last_s` before the end."""
    before_s = (table["time_ns"][-1] - table["time_ns"]) / NS_PER_S
    rows = table[(before_s <= first_s) & (before_s > last_s)]
    return {name: float(rows[name].mean()) for name in (*DIRECTED, *PRESSURE) if name in rows.dtype.names}


def moved(events: Events, factor: float, later_s: float = 0.0) -> Events:
    """The same events with prices × `factor`, `later_s` later."""
    out = events.copy()
    out["time_received_ns"] += int(later_s * NS_PER_S)
    for field in ("price", "bid", "ask"):
        out[field] *= factor
    return out


def parted(*stretches: Stretch) -> tuple[Events, Events]:
    """A market, before and from the beginning of its last stretch."""
    events = made_market(1, *stretches)
    begin_ns = events["time_received_ns"][-1] - int((stretches[-1].seconds - 0.5) * NS_PER_S)
    at = int(np.searchsorted(events["time_received_ns"], begin_ns))
    return events[:at], events[at:]


def test_in_a_halt_no_direction_is_left() -> None:
    engine = SignalEngine("ANY-USD")
    engine.ingest(made_market(1, USUAL, Stretch(seconds=120.0, drift_bps_s=1.0)))
    assert engine.scores_at(engine.time_ns)["momentum_long"] > 80.0
    halted = engine.scores_at(engine.time_ns + 300 * NS_PER_S)
    assert max(halted[name] for name in DIRECTED) < 30.0, halted


def test_where_nothing_moves_for_a_minute_both_sides_are_low() -> None:
    still = means(scored(made_market(1, USUAL, Stretch(seconds=120.0, sigma_bps=0.0))), 60.0, 0.0)
    assert max(still[name] for name in DIRECTED) < 30.0, still


def test_where_buyers_and_sellers_fight_both_sides_are_strong() -> None:
    fight = Stretch(seconds=120.0, events_per_s=100.0, trades=0.7, sigma_bps=3.0, pull_s=3.0)
    both = means(scored(made_market(1, USUAL, fight)), 90.0, 0.0)
    assert min(both[name] for name in DIRECTED) > 50.0, both


def test_a_price_locked_at_its_limit_goes_nowhere_and_comes_back_to_nothing() -> None:
    before, locked = parted(
        USUAL, Stretch(seconds=90.0, drift_bps_s=2.0), Stretch(seconds=300.0, sigma_bps=0.0)
    )
    locked = locked[locked["kind"] != DEPTH]
    quotes = locked["kind"] == QUOTE
    locked["bid_size"][quotes] *= 100.0
    locked["aggressor_side"][~quotes] = 1
    scores = means(scored(np.concatenate([before, locked])), 240.0, 0.0)
    assert max(scores[name] for name in DIRECTED) < 30.0, scores


def test_a_side_of_the_book_that_is_gone_makes_no_momentum_the_other_way() -> None:
    before, after = parted(USUAL, Stretch(seconds=180.0))
    sold = after[after["kind"] == TRADE]  # nobody bids: no quote can be given, and what trades is sold
    sold["aggressor_side"] = -1
    scores = means(scored(np.concatenate([before, sold])), 120.0, 0.0)
    assert max(scores[name] for name in DIRECTED) < 30.0, scores


@pytest.mark.parametrize("gap", [-0.03, 0.03])
def test_a_gap_at_the_reopening_stands_far_from_fair_value_and_is_no_climb(gap: float) -> None:
    before, after = parted(USUAL, Stretch(seconds=900.0))
    opened = scored(np.concatenate([before, moved(after, 1.0 + gap, later_s=300.0)]))
    up, down = MOMENTUM if gap > 0 else MOMENTUM[::-1]
    _, back = REVERSION if gap > 0 else REVERSION[::-1]
    at_once, later = means(opened, 890.0, 870.0), means(opened, 300.0, 0.0)
    assert at_once[back] > 80.0, at_once
    assert at_once[up] > at_once[down], at_once
    assert all(20.0 < later[name] < 80.0 for name in MOMENTUM), later


def test_a_crash_is_momentum_while_it_lasts_and_leaves_none_behind() -> None:
    crash, recovery = Stretch(seconds=30.0, drift_bps_s=-20.0), Stretch(seconds=60.0, drift_bps_s=10.0)
    falling = means(scored(made_market(1, USUAL, crash)), 15.0, 0.0)
    assert falling["momentum_short"] > 80.0, falling
    assert falling["momentum_long"] < 30.0, falling
    after = means(scored(made_market(1, USUAL, crash, recovery, Stretch(seconds=900.0))), 300.0, 0.0)
    assert all(15.0 < after[name] < 85.0 for name in DIRECTED), after


def test_asks_that_vanish_while_trades_run_up_are_pressure_and_momentum() -> None:
    before, run = parted(USUAL, Stretch(seconds=60.0, events_per_s=20.0, drift_bps_s=0.5, lean=3.0))
    trades = run["kind"] == TRADE
    run["aggressor_side"][trades] = 1
    pressed = {"extra": ["book_pressure"]}
    scores = means(scored(np.concatenate([before, run]), pressed), 30.0, 0.0)
    assert min(scores["momentum_long"], scores["book_pressure_long"]) > 80.0, scores
    assert max(scores["momentum_short"], scores["book_pressure_short"]) < 20.0, scores


@pytest.mark.parametrize(("way", "sigma"), [(1.0, 1.0), (-1.0, 1.0), (1.0, 0.2), (-1.0, 5.0)])
def test_four_deviations_in_two_minutes_are_momentum_and_reversion_against_them_fades(
    way: float, sigma: float
) -> None:
    long, short = MOMENTUM if way > 0 else MOMENTUM[::-1]
    _, against = REVERSION if way > 0 else REVERSION[::-1]
    climb = Stretch(seconds=600.0, drift_bps_s=way * sigma * 16.0 / 60.0, sigma_bps=sigma)
    scores, fading = [], []
    for seed in range(1, 4):
        table = scored(made_market(seed, Stretch(seconds=1_800.0, sigma_bps=sigma), climb))
        scores.append(means(table, 480.0, 0.0))
        fading.append(means(table, 540.0, 480.0)[against] - means(table, 300.0, 0.0)[against])
    assert min(score[long] for score in scores) > 80.0, scores
    assert max(score[short] for score in scores) < 20.0, scores
    assert np.mean([score[against] for score in scores]) < 65.0, scores
    assert np.mean(fading) > 0.0


@pytest.mark.parametrize("side", [1, -1])
def test_who_takes_is_momentum_even_while_the_book_says_nothing(side: int) -> None:
    before, after = parted(Stretch(seconds=900.0, sizes=0.0), Stretch(seconds=60.0, sizes=0.0))
    after["aggressor_side"][after["kind"] == TRADE] = side
    scores = means(scored(np.concatenate([before, after])), 40.0, 0.0)
    right, wrong = MOMENTUM if side > 0 else MOMENTUM[::-1]
    assert scores[right] > 65.0, scores
    assert scores[wrong] < 40.0, scores


@pytest.mark.parametrize("side", [1, -1])
def test_buyers_who_always_take_more_are_no_momentum_by_that(side: int) -> None:
    events = made_market(1, Stretch(seconds=3_600.0, sizes=0.0))
    trades = np.flatnonzero(events["kind"] == TRADE)
    events["aggressor_side"][trades] = np.where(
        np.random.default_rng(1).random(len(trades)) < 0.8, side, -side
    )
    scores = means(scored(events), 1_200.0, 0.0)
    assert scores["momentum_long"] == pytest.approx(scores["momentum_short"], abs=20.0), scores


def test_where_nobody_tells_the_side_the_quote_does() -> None:
    before, after = parted(Stretch(seconds=900.0, sizes=0.0), Stretch(seconds=60.0, sizes=0.0))
    events = np.concatenate([before, after])
    told = means(scored(events), 40.0, 0.0)
    trades = events["kind"] == TRADE
    quotes = np.maximum.accumulate(np.where(events["kind"] == QUOTE, np.arange(len(events)), 0))
    bought = events["aggressor_side"] > 0
    events["price"][trades] = np.where(bought, events["ask"][quotes], events["bid"][quotes])[trades]
    events["aggressor_side"] = 0
    untold = means(scored(events), 40.0, 0.0)
    for name in MOMENTUM:
        assert untold[name] == pytest.approx(told[name], abs=2.0)
