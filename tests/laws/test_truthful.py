"""Law 10: each score says what its name says, from a cold start and after twenty noisy minutes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import Events
from tests.effort import drawn, some
from tests.laws.made import Stretch, made_after, made_market, state_after

SEEDS = range(1, 1 + drawn(1, 4))
NOISY, EVEN = Stretch(seconds=1_200.0), Stretch(seconds=300.0)
STARTS = pytest.mark.parametrize("before", [(), (NOISY,)], ids=["cold", "noisy"])
RATES = pytest.mark.parametrize("rate", [1.0, 10.0, 100.0])
WAYS = pytest.mark.parametrize(
    ("way", "right", "wrong"),
    [(1.0, "momentum_long", "momentum_short"), (-1.0, "momentum_short", "momentum_long")],
    ids=["climb", "fall"],
)
# bps a second, and seconds: each far beyond what its noise makes by itself.
CLIMBS = pytest.mark.parametrize(("drift", "seconds"), some([(3.0, 60.0), (1.0, 1_800.0), (1.0, 300.0)], 2))


def table_of(events: Events, state: bytes = b"") -> npt.NDArray[Any]:
    """The scores of a fresh engine, or of one that goes on from a state, five times a second."""
    engine = SignalEngine("ANY-USD")
    if state:
        engine.restore(state)
    return engine.replay(events, NS_PER_S // 5)


def table_after(seed: int, before: tuple[Stretch, ...], *stretches: Stretch) -> npt.NDArray[Any]:
    """The scores during `stretches` of an engine that has heard `before`, of which many markets are told."""
    return table_of(made_after(seed, before, *stretches), state_after(seed, before))


def last_s(table: npt.NDArray[Any], seconds: float) -> npt.NDArray[Any]:
    """The rows of the last `seconds`."""
    since_ns = int(table["time_ns"][-1]) - int(seconds * NS_PER_S)
    rows: npt.NDArray[Any] = table[table["time_ns"] >= since_ns]
    return rows


def at_rate(rate: float, *stretches: Stretch) -> tuple[Stretch, ...]:
    """The stretches with that many events a second."""
    return tuple(replace(stretch, events_per_s=rate) for stretch in stretches)


def change(
    name: str, seed: int, before: tuple[Stretch, ...], *stretches: Stretch, seconds: float
) -> tuple[float, float]:
    """A score's mean over the first of two stretches, once that is warm, and over the last `seconds`."""
    table = table_after(seed, before, *stretches)
    end_ns = table["time_ns"][-1] - int(stretches[-1].seconds * NS_PER_S)
    usual = table[(table["time_ns"] < end_ns) & (table["warm"] > 0.5)]
    assert len(usual)
    return float(usual[name].mean()), float(last_s(table, seconds)[name].mean())


@WAYS
@CLIMBS
@RATES
@STARTS
@pytest.mark.parametrize(("sigma", "sizes"), some([(0.0, 0.0), (0.7, 0.8), (0.0, 0.8), (0.7, 0.0)], 2))
def test_a_steady_climb_or_fall_is_momentum(  # noqa: PLR0917
    sigma: float,
    sizes: float,
    before: tuple[Stretch, ...],
    rate: float,
    drift: float,
    seconds: float,
    way: float,
    right: str,
    wrong: str,
) -> None:
    seconds = min(max(seconds, 120.0 / rate), 50_000.0 / rate)  # in fewer quotes chance goes so far, too
    climb = Stretch(seconds=seconds, drift_bps_s=way * drift, sigma_bps=sigma, sizes=sizes)
    rows = last_s(table_after(1, at_rate(rate, *before), *at_rate(rate, climb)), seconds / 2)
    assert rows[right].min() > 80.0
    assert rows[wrong].max() < 20.0


@pytest.mark.parametrize("rate", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("jump", [0.0, 1.0], ids=["no_tail", "tail"])
def test_momentum_is_gone_when_the_climb_has_long_ended(rate: float, jump: float) -> None:
    climb = Stretch(seconds=300.0, drift_bps_s=1.0, sigma_bps=0.1)
    calm = Stretch(seconds=900.0, jump_bps=jump)
    for seed in SEEDS:
        rows = last_s(table_after(seed, at_rate(rate, NOISY), *at_rate(rate, climb, calm)), 300.0)
        assert 35.0 < rows["momentum_long"].mean() < 65.0


@STARTS
@RATES
def test_a_book_that_leans_is_momentum(rate: float, before: tuple[Stretch, ...]) -> None:
    """Of two markets that differ only in the side that their queues lean to: in ten seconds, chance moves the
    price, and so momentum, as far.
    """
    for seed in SEEDS:
        up, down = (
            last_s(table_after(seed, at_rate(rate, *before), *at_rate(rate, EVEN, leaning)), 8.0)
            for leaning in (replace(EVEN, seconds=10.0, lean=side * 3.0) for side in (1.0, -1.0))
        )
        assert up["momentum_long"].mean() - down["momentum_long"].mean() > 30.0


@STARTS
@RATES
@pytest.mark.parametrize(
    ("jump", "right", "wrong"),
    [
        (-1.0, "mean_reversion_long", "mean_reversion_short"),
        (1.0, "mean_reversion_short", "mean_reversion_long"),
    ],
    ids=["down", "up"],
)
@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_a_jump_from_a_flat_market_should_revert(  # noqa: PLR0917
    sigma: float, jump: float, right: str, wrong: str, rate: float, before: tuple[Stretch, ...]
) -> None:
    flat = Stretch(seconds=300.0, sigma_bps=sigma)
    arrives_s = max(3.0, 10.0 / rate)  # with the next quote
    away = Stretch(seconds=arrives_s + 12.0, sigma_bps=sigma, jump_bps=40.0 * jump)
    for seed in SEEDS:
        rows = last_s(table_after(seed, at_rate(rate, *before), *at_rate(rate, flat, away)), 12.0)
        assert rows[right].min() > 80.0
        assert rows[wrong].max() < 20.0


@STARTS
@RATES
def test_a_burst_of_moves_is_a_volatility_breakout(rate: float, before: tuple[Stretch, ...]) -> None:
    calm, wild = Stretch(seconds=300.0), Stretch(seconds=30.0, sigma_bps=5.0)
    for seed in SEEDS:
        stretches = at_rate(rate, *before), *at_rate(rate, calm, wild)
        usual, burst = change("volatility_breakout", seed, *stretches, seconds=15.0)
        assert burst > 90.0 > usual


@STARTS
@RATES
def test_a_market_that_stops_moving_is_no_breakout(rate: float, before: tuple[Stretch, ...]) -> None:
    calm, still = Stretch(seconds=300.0), Stretch(seconds=120.0, sigma_bps=0.0)
    for seed in SEEDS:
        stretches = at_rate(rate, *before), *at_rate(rate, calm, still)
        _, after = change("volatility_breakout", seed, *stretches, seconds=30.0)
        assert after < 10.0


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_price_that_waits_is_about_to_move_when_a_queue_is_nearly_gone(side: float) -> None:
    waiting = [Stretch(seconds=60.0, sigma_bps=0.0, sizes=0.3, jump_bps=way * 1.7) for way in (1.0, -1.0)]
    thin = replace(waiting[0], seconds=30.0, jump_bps=0.0, lean=side * 5.0)
    for seed in SEEDS:
        rows = last_s(table_of(made_market(seed, *waiting * 10, thin, tick=10.0)), 20.0)
        assert rows["volatility_breakout"].mean() > 85.0


@STARTS
@RATES
@pytest.mark.parametrize("how", ["more", "larger"])
def test_a_burst_of_trades_is_a_volume_spike(how: str, rate: float, before: tuple[Stretch, ...]) -> None:
    calm = Stretch(seconds=300.0)
    burst = replace(calm, seconds=30.0, trades=0.9, traded=0.02 if how == "more" else 0.3)
    more = 10.0 if how == "more" else 1.0
    for seed in SEEDS:
        stretches = at_rate(rate, *before), *at_rate(rate, calm), *at_rate(rate * more, burst)
        usual, spike = change("volume_spike", seed, *stretches, seconds=15.0)
        assert spike > 90.0 > usual


@STARTS
@RATES
def test_when_nobody_trades_there_is_no_spike(rate: float, before: tuple[Stretch, ...]) -> None:
    calm, quiet = Stretch(seconds=300.0), Stretch(seconds=60.0, trades=0.0)
    for seed in SEEDS:
        stretches = at_rate(rate, *before), *at_rate(rate, calm, quiet)
        _, after = change("volume_spike", seed, *stretches, seconds=10.0)
        assert after < 10.0


@STARTS
@RATES
@pytest.mark.parametrize("book", ["deep", "tight", "thin", "wide"])
def test_liquidity_is_what_trading_costs(book: str, rate: float, before: tuple[Stretch, ...]) -> None:
    usual = Stretch(seconds=300.0, spread_ticks=20, depths=0.3)
    other = {
        "deep": replace(usual, seconds=60.0, depth=120.0),
        "thin": replace(usual, seconds=60.0, depth=12.0),
        "tight": replace(usual, seconds=60.0, spread_ticks=1),
        "wide": replace(usual, seconds=60.0, spread_ticks=500),
    }[book]
    earlier = tuple(replace(stretch, spread_ticks=20, depths=0.3) for stretch in before)
    for seed in SEEDS:
        stretches = at_rate(rate, *earlier), *at_rate(rate, usual, other)
        _, after = change("liquidity_opportunity", seed, *stretches, seconds=30.0)
        if book in ("deep", "tight"):
            assert after > 80.0
        else:
            assert after < 20.0


@STARTS
def test_without_depth_the_top_of_the_book_stands_for_it(before: tuple[Stretch, ...]) -> None:
    usual, wide = Stretch(seconds=300.0, spread_ticks=5), Stretch(seconds=60.0, spread_ticks=50)
    events = made_market(1, *before, usual, wide)
    rows = last_s(table_of(events[events["kind"] != 3]), 30.0)
    assert rows["liquidity_opportunity"].max() < 20.0


def test_the_claims_name_every_score_there_is() -> None:
    from signalnode.signals import BUILT_IN_SCORES

    claimed = {
        "momentum_long",
        "momentum_short",
        "mean_reversion_long",
        "mean_reversion_short",
        "volatility_breakout",
        "volume_spike",
        "liquidity_opportunity",
    }
    assert set(BUILT_IN_SCORES) == claimed, "a new built-in score needs a claim here"


def test_made_markets_are_what_they_say() -> None:
    events = made_market(1, Stretch(seconds=100.0, drift_bps_s=1.0, sigma_bps=0.0))
    quotes = events[events["kind"] == 2]
    assert np.log(quotes["bid"][-1] / quotes["bid"][0]) == pytest.approx(0.01, rel=0.05)
