"""What a trader would say of volatility, volume and liquidity when a market stands still or breaks off: in a
halt, locked at its limit, with a one-sided book, after a reopening gap, in a flash crash, and stale.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode import SignalEngine
from signalnode.clock import NS_PER_S
from signalnode.events import DEPTH, QUOTE, TRADE, Events
from tests.laws.made import Stretch, made_market

RATE = 10.0
USUAL = Stretch(seconds=1_200.0, events_per_s=RATE, spread_ticks=20, depths=0.2)
PRICES = ("bid", "ask", "price")


@functools.cache
def usual() -> Events:
    """Twenty minutes of a market as it mostly is. Not to be written to."""
    return made_market(4, USUAL)


def then(*stretches: Stretch) -> Events:
    """The usual market, and what comes after it."""
    return made_market(4, USUAL, *stretches)


def at_s(events: Events, *later_s: float) -> list[dict[str, float]]:
    """The scores so many seconds after the last of `events`."""
    engine = SignalEngine("ANY-USD")
    engine.ingest(events)
    return [engine.scores_at(engine.time_ns + int(s * NS_PER_S)) for s in later_s]


def table_of(events: Events) -> npt.NDArray[Any]:
    """A fresh engine's scores, once a second."""
    return SignalEngine("ANY-USD").replay(events, NS_PER_S)


def since(events: Events, seconds: float) -> npt.NDArray[Any]:
    """Which of `events` come later than so many seconds after the first."""
    late: npt.NDArray[Any] = events["time_received_ns"] > events["time_received_ns"][0] + int(
        seconds * NS_PER_S
    )
    return late


def test_in_a_halt_neither_volume_nor_volatility_goes_on() -> None:
    soon, after = at_s(usual(), 60.0, 300.0)
    for name in ("volume_spike", "volatility_breakout"):
        assert after[name] <= soon[name] < 10.0


@pytest.mark.parametrize("depth", [4.0, 40.0, 400.0], ids=["thin", "usual", "deep"])
def test_liquidity_does_not_climb_while_a_market_is_stale(depth: float) -> None:
    events = then(Stretch(seconds=5.0, events_per_s=RATE, spread_ticks=20, depths=0.5, depth=depth))
    soon, *later = [scores["liquidity_opportunity"] for scores in at_s(events, 10.0, 60.0, 300.0, 3_000.0)]
    assert later == pytest.approx([soon] * 3, abs=1.0)


def test_a_price_locked_at_its_limit_breaks_out_no_more_while_trades_go_on() -> None:
    locked = Stretch(seconds=300.0, events_per_s=RATE, sigma_bps=0.0, trades=0.6, spread_ticks=20, depths=0.2)
    last = table_of(then(locked))[-60:]
    assert last["volatility_breakout"].max() < 10.0
    assert last["volume_spike"].mean() > 80.0


def test_a_one_sided_book_is_not_liquid() -> None:
    events = then(Stretch(seconds=120.0, events_per_s=RATE, spread_ticks=20, depths=0.2)).copy()
    events["ask_depth"][(events["kind"] == DEPTH) & since(events, 1_200.0)] = 0.0
    assert table_of(events)["liquidity_opportunity"][-90:].max() < 5.0


def test_after_a_reopening_gap_volatility_and_cost_are_high_and_settle() -> None:
    after = Stretch(seconds=900.0, events_per_s=RATE, jump_bps=300.0, spread_ticks=20, depths=0.2)
    events = then(after).copy()
    late = since(events, 1_200.0)
    events["time_received_ns"][late] += 300 * NS_PER_S
    rows = table_of(events)
    opening = 1_200 + 300
    assert rows["volatility_breakout"][opening + 2 : opening + 10].min() > 95.0
    assert 5.0 < rows["volatility_breakout"][-300:].mean() < 95.0


def test_a_flash_crash_is_a_breakout_and_over_when_it_is() -> None:
    crash = Stretch(
        seconds=10.0, events_per_s=50.0, drift_bps_s=-30.0, trades=0.7, traded=0.2, spread_ticks=200
    )
    back = Stretch(
        seconds=10.0, events_per_s=50.0, drift_bps_s=30.0, trades=0.7, traded=0.2, spread_ticks=200
    )
    rows = table_of(
        then(crash, back, Stretch(seconds=1_500.0, events_per_s=RATE, spread_ticks=20, depths=0.2))
    )
    during = rows[1_208:1_220]
    assert during["volatility_breakout"].min() > 95.0
    assert during["volume_spike"][4:].min() > 95.0
    assert during["liquidity_opportunity"][4:].max() < 10.0
    assert 20.0 < rows["liquidity_opportunity"][-600:].mean() < 80.0
    assert rows["volume_spike"][-600:].mean() < 80.0


def test_quotes_and_trades_alone_are_known_to_each() -> None:
    kinds = usual()["kind"]
    (quoted,) = at_s(usual()[kinds == QUOTE], 0.0)
    (traded,) = at_s(usual()[kinds == TRADE], 0.0)
    assert quoted["volume_spike"] == 50.0
    assert traded["liquidity_opportunity"] == 50.0
    assert np.isfinite(list(traded.values())).all()
