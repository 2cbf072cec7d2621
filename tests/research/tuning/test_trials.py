"""Real replays: what a trial finds, and whole studies of markets that are known."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from signalnode import SignalEngine
from signalnode.cli.trying import begun, moved_by, targets_with
from signalnode.events import Events
from signalnode.feeds.synthetic import synthetic_events
from signalnode.research.statistics import correlation
from signalnode.research.tuning.tape import GRID_NS, Tape, laid_out, mapped, replayed, silences
from signalnode.research.tuning.targets import meant
from signalnode.research.tuning.trials import Bench, Found, Prepared, gains_of
from tests.effort import drawn, only_long
from tests.research.tuning.made_up import forgetful_books, lasting_depth, random_walk, tuned

MARKET = "MADE-USD"
HOUR_S = 3_600.0


@pytest.fixture(scope="module")
def times_ns() -> npt.NDArray[np.int64]:
    """Of what a Binance recording holds, not decoded: 160 messages a second, in bursts."""
    with lzma.open("signalnode/sample/btcusdt_20240808.xz") as file:
        return np.array([int(line.split(b" ", 1)[0]) for line in file.read().splitlines()])


def waits_s(times_ns: npt.NDArray[np.int64], every: int) -> npt.NDArray[np.float64]:
    """Between one of so many events and the next."""
    waits = np.diff(times_ns[::every]) * 1e-9
    kept: npt.NDArray[np.float64] = waits[waits > 0.0]
    return kept


def with_silence(events: Events, after: int) -> Events:
    """The same with half an hour of nothing."""
    out = events.copy()
    for field in ("time_event_ns", "time_received_ns"):
        out[field][after:] += int(0.5 * HOUR_S * 1e9)
    return out


def of_tape(tape: Tape) -> npt.NDArray[Any]:
    """Every row of it, by the defaults."""
    held = mapped(tape.path)
    return replayed(held, silences(held), begun(MARKET, {}))


def test_a_tape_replays_to_the_engines_own_scores(tmp_path: Path) -> None:
    events = synthetic_events(1, 20_000)
    tape = laid_out(
        MARKET, [(events[:9_000], 0.5), (events[9_000:], 1.0)], begun(MARKET, {}), (), tmp_path / "e"
    )
    assert (mapped(tape.path) == events).all()
    table = of_tape(tape)
    own = SignalEngine(MARKET).replay(events, GRID_NS)
    for name in own.dtype.names or ():
        assert (table[name] == own[name]).all() or np.isnan(own[name]).any()


def test_a_silence_has_no_rows_and_those_after_it_are_the_engines(tmp_path: Path) -> None:
    events = with_silence(synthetic_events(1, 20_000), 8_000)
    targets = targets_with({}, 30.0)
    tape = laid_out(MARKET, [(events, 1.0)], begun(MARKET, {}), targets, tmp_path / "e")
    table = of_tape(tape)
    own = SignalEngine(MARKET).replay(events, GRID_NS)
    assert len(table) < len(own) - 0.4 * HOUR_S
    places = np.searchsorted(own["time_ns"], table["time_ns"])
    assert (own["time_ns"][places] == table["time_ns"]).all()
    assert (own["momentum_long"][places] == table["momentum_long"]).all()
    assert np.isin(tape.times_ns, table["time_ns"]).all()


def test_the_mean_over_blocks_is_the_rank_correlation(tmp_path: Path) -> None:
    events = synthetic_events(2, 120_000)
    targets = targets_with({}, 30.0)
    tape = laid_out(MARKET, [(events, 1.0)], begun(MARKET, {}), targets, tmp_path / "e")
    bench = Bench(tape, {}, targets, {each.name: 3.0 for each in targets})
    found = Prepared(bench).measured(begun, {})
    volume = meant("volume_spike", targets)
    assert volume is not None
    table = SignalEngine(MARKET).replay(events, GRID_NS)
    places = np.searchsorted(table["time_ns"], tape.times_ns)
    whole = correlation(table["volume_spike"][places], tape.outcomes["volume_spike"].astype(float))
    assert np.mean(found["volume_spike"].ics) == pytest.approx(whole, abs=0.02)


def test_gains_line_up_by_block_whichever_market_has_it() -> None:
    first = [Found((1, 2, 4), (0.1, 0.2, 0.3)), Found((1, 2, 4), (0.2, 0.2, 0.2))]
    second = [Found((2, 3), (0.0, 0.0)), Found((2, 3), (0.5, 0.6))]
    blocks, gains = gains_of([first, second])
    assert blocks.tolist() == [1, 2, 3, 4]
    assert gains[0, 1] == pytest.approx([0.1, 0.0, np.nan, -0.1], nan_ok=True)
    assert gains[1, 1] == pytest.approx([np.nan, 0.5, 0.6, np.nan], nan_ok=True)


def test_what_moves_what_is_seen_not_said() -> None:
    moved = moved_by(targets_with({"extra": ["book_pressure"]}, 30.0), {"extra": ["book_pressure"]})
    assert {"volatility_s", "volatility_lag_s"} <= moved["volatility_breakout"]
    assert {"imbalance_s", "order_flow_s", "taken_s", "fair_value_s", "volatility_s"} <= moved["momentum"]
    assert "liquidity_s" not in moved["momentum"]
    assert moved["volume_spike"] == {"volume_s"}
    assert "order_flow_s" in moved["book_pressure"]


def test_a_recording_that_is_too_short_says_what_would_be_enough(tmp_path: Path) -> None:
    for verdict in tuned(synthetic_events(1, 30_000), tmp_path, trials=30, seed=1):
        assert verdict.proposed == {}
        assert verdict.finding is None
        assert verdict.doubts[0].startswith("too short: ")
        assert verdict.doubts[0].endswith(" of recording would be enough")


def test_a_planted_effect_is_found(tmp_path: Path, times_ns: npt.NDArray[np.int64]) -> None:
    """In at least 90 of 100 seeds; what is proposed is near what was planted."""
    seeds, found = drawn(1, 100), 0
    for seed in range(seeds):
        events = lasting_depth(seed, waits_s(times_ns, drawn(30, 15)), drawn(3.0, 4.0) * HOUR_S)
        (verdict,) = tuned(events, tmp_path, trials=30, seed=seed, chosen=["liquidity_opportunity"])
        found += verdict.proposed.get("liquidity_s", 0.0) > 4.0
    assert found >= 0.9 * seeds


def test_nothing_is_proposed_in_noise(tmp_path: Path, times_ns: npt.NDArray[np.int64]) -> None:
    """In at least 95 of 100 seeds the defaults are kept."""
    seeds, hours, chosen = drawn(1, 100), drawn(1.5, 7.0), drawn(["momentum"], ["momentum", "mean_reversion"])
    kept = 0
    for seed in range(1, 1 + seeds):
        events = random_walk(seed, waits_s(times_ns, 120), hours * HOUR_S)
        kept += not any(
            each.proposed for each in tuned(events, tmp_path, trials=30, seed=seed, chosen=chosen)
        )
    assert kept >= 0.95 * seeds


@only_long("sixteen hours a seed: a quarter of an hour")
def test_nothing_is_proposed_in_noise_of_moves_and_volumes(
    tmp_path: Path, times_ns: npt.NDArray[np.int64]
) -> None:
    """In at least 95 of 100 seeds the defaults are kept."""
    chosen = ["volatility_breakout", "volume_spike"]
    kept = 0
    for seed in range(100):
        events = random_walk(seed, waits_s(times_ns, 120), 16.0 * HOUR_S)
        kept += not any(
            each.proposed for each in tuned(events, tmp_path, trials=30, seed=seed, chosen=chosen)
        )
    assert kept >= 95


@only_long("two hours a seed: two minutes")
def test_nothing_is_proposed_where_each_book_forgets_the_last(
    tmp_path: Path, times_ns: npt.NDArray[np.int64]
) -> None:
    """In at least 95 of 100 seeds the defaults are kept."""
    kept = 0
    for seed in range(100):
        events = forgetful_books(seed, waits_s(times_ns, 120), 2.0 * HOUR_S)
        (verdict,) = tuned(events, tmp_path, trials=30, seed=seed, chosen=["liquidity_opportunity"])
        assert verdict.finding is not None
        kept += not verdict.proposed
    assert kept >= 95
