from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.replay import named_files, replay_decisions
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.wire import SCORE_NAMES, encode
from signalnode.errors import DataError, UsageError
from signalnode.settings import AggregatorSettings
from signalnode.strategies import STRATEGIES, Decision
from signalnode.strategies.base import View
from tests.bus.messages import score

MS = 1_000_000
T0 = 1_700_000_000_000_000_000
ROWS = 600  # of a recording, ten a second


def columns(seed: int, rows: int) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    waves = 50 + 50 * np.sin(np.arange(rows)[:, None] / draw.uniform(5, 40, 7))
    return {
        "time_ns": T0 + np.arange(rows) * 100 * MS,
        "mid": 100 * np.exp(np.cumsum(1e-4 * draw.standard_normal(rows))),
        **{name: waves[:, k] for k, name in enumerate(SCORE_NAMES)},
        "warm": np.linspace(0, 1, rows),
        "status": ["warming" if k < rows - 1 else "live" for k in range(rows)],
    }


def strategies() -> dict[str, Any]:
    return {each.name: each.make() for each in STRATEGIES}


def tables() -> dict[str, dict[str, Any]]:
    """Of two markets, the first row before there is a price."""
    made = {market: columns(seed, ROWS) for seed, market in enumerate("AB")}
    for table in made.values():
        table["mid"][0] = np.nan
    return made


def recorded(directory: Path) -> dict[str, list[Path]]:
    files = {market: [directory / f"{market}.parquet"] for market in "AB"}
    for market, table in tables().items():
        pq.write_table(pa.table(table), files[market][0])
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return recorded(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def taken(files: dict[str, list[Path]]) -> list[bytes]:
    return decided(files)


def decided(files: dict[str, list[Path]]) -> list[bytes]:
    outcomes = replay_decisions(files, strategies(), AggregatorSettings())
    return [frame for outcome in outcomes for decision in outcome.decisions for frame in encode(decision)]


def test_recorded_scores_give_the_decisions_that_the_live_core_took_bit_for_bit(taken: list[bytes]) -> None:
    live = Aggregator(AggregatorSettings(), ["A", "B"], StrategyRunner(strategies()), 1, T0)
    then: list[bytes] = []
    made = tables()
    for row in range(ROWS):
        now_ns = T0 + row * 100 * MS
        for market, table in made.items():
            for outcome in live.advance(now_ns):
                then += [frame for decision in outcome.decisions for frame in encode(decision)]
            message = score(
                market,
                row + 1,
                scores={name: float(table[name][row]) for name in SCORE_NAMES},
                mid=float(table["mid"][row]) if row else 0.0,
                unknown=() if row else SCORE_NAMES,
                warm=float(table["warm"][row]),
                status=table["status"][row],
            )
            live.take(encode(message), now_ns)
    assert taken == then
    assert len(taken) > 20


@pytest.mark.parametrize("status", ["stale", "degraded"])
def test_a_row_of_a_market_that_is_not_sound_is_not_fresh_to_strategies(tmp_path: Path, status: str) -> None:
    table = columns(0, 140)
    table["status"] = ["live"] * 40 + [status] * 30 + ["live"] * 70
    path = tmp_path / "A.parquet"
    pq.write_table(pa.table(table), path)
    seen: dict[int, str] = {}
    markets: dict[int, list[str]] = {}

    class Watching:
        def evaluate_opportunities(self, view: View) -> list[Decision]:
            markets[view.time_ns] = list(view)
            return []

    for outcome in replay_decisions({"A": [path]}, {"watching": Watching()}, AggregatorSettings()):
        seen[outcome.time_ns] = outcome.markets["A"].state
    for time_ns, state in seen.items():
        newest = (time_ns - 1 - T0) // (100 * MS)  # a row at the view's own time comes after it
        settles = newest >= 70 and time_ns < T0 + (70 + 31) * 100 * MS  # as long as nothing sound came
        expected = status if 40 <= newest < 70 else "settling" if settles else "fresh"
        assert state == expected
        assert markets[time_ns] == (["A"] if expected == "fresh" else [])
    assert set(seen.values()) == {"fresh", "settling", status}


def test_strategies_see_the_scores_of_added_signals_too(tmp_path: Path) -> None:
    path = tmp_path / "A.parquet"
    pq.write_table(pa.table(columns(0, 20) | {"calm": np.linspace(0.0, 100.0, 20)}), path)
    seen: list[float] = []

    class Watching:
        def evaluate_opportunities(self, view: View) -> list[Decision]:
            seen.extend(scores["calm"] for _, scores in view.items())
            return []

    list(replay_decisions({"A": [path]}, {"watching": Watching()}, AggregatorSettings()))
    assert len(set(seen)) > 3
    assert seen == sorted(seen)


def test_the_same_files_give_the_same_bits_again(files: dict[str, list[Path]], taken: list[bytes]) -> None:
    assert decided(files) == taken


def test_scores_written_as_csv_give_the_same_bits(
    files: dict[str, list[Path]], taken: list[bytes], tmp_path: Path
) -> None:
    asked = {market: [tmp_path / f"{market}.csv"] for market in files}
    for market, (path,) in files.items():
        options = csv.WriteOptions(quoting_style="none")
        csv.write_csv(pq.read_table(path), asked[market][0], options)
    assert "nan" in asked["A"][0].read_text()
    assert decided(asked) == taken


def test_files_name_their_market_by_argument_or_by_name() -> None:
    assert named_files(["BTC-USDT=x/scores.parquet", "y/ETH-USDT.parquet", "BTC-USDT=z.parquet"]) == {
        "BTC-USDT": [Path("x/scores.parquet"), Path("z.parquet")],
        "ETH-USDT": [Path("y/ETH-USDT.parquet")],
    }
    with pytest.raises(UsageError, match="which market is it"):
        named_files(["x/my scores.parquet"])


def test_what_is_no_score_file_is_one_line(tmp_path: Path) -> None:
    other = tmp_path / "A.parquet"
    with pytest.raises(DataError, match="No such file"):
        decided({"A": [other]})
    other.write_bytes(b"PAR1 not at all")
    with pytest.raises(DataError, match="cannot be read"):
        decided({"A": [other]})
    pq.write_table(pa.table({"time_ns": [1]}), other)
    with pytest.raises(DataError, match="holds no mid"):
        decided({"A": [other]})
    for name, values, what in (
        ("mid", [1.0] * 9 + [None], "rows without mid"),
        ("status", ["live"] * 9 + [None], "rows without status"),
        ("time_ns", ["now"] * 10, "column time_ns is string"),
        ("warm", ["very"] * 10, "column warm is string"),
        ("status", [1] * 10, "column status is int64"),
    ):
        pq.write_table(pa.table(columns(0, 10) | {name: values}), other)
        with pytest.raises(DataError, match=f"A.parquet: {what}; write it with"):
            decided({"A": [other]})
    table = columns(0, 10)
    table["time_ns"] = table["time_ns"][::-1]
    pq.write_table(pa.table(table), other)
    with pytest.raises(DataError, match="goes back in time"):
        decided({"A": [other]})
    table = columns(0, 10)
    table["volume_spike"] = np.full(10, 300.0)
    pq.write_table(pa.table(table), other)
    with pytest.raises(DataError, match="out_of_range"):
        decided({"A": [other]})
    table = columns(0, 10)
    table["status"] = ["live"] * 9 + ["asleep"]
    pq.write_table(pa.table(table), other)
    with pytest.raises(DataError, match="no valid score"):
        decided({"A": [other]})


def test_a_score_is_unknown_where_its_row_says_so_and_not_because_it_reads_fifty(tmp_path: Path) -> None:
    table = columns(0, 100)
    table["volume_spike"] = np.where(np.arange(100) < 60, 50.0, 70.0)
    table["liquidity_opportunity"] = np.where(np.arange(100) < 60, 50.0, 70.0)
    table["unknown"] = ["volume_spike"] * 60 + [""] * 40
    for name in (*SCORE_NAMES, "mid"):
        table[name][:20] = np.nan if name == "mid" else 50.0
    path = tmp_path / "A.parquet"
    pq.write_table(pa.table(table), path)
    outcomes = replay_decisions({"A": [path]}, {}, AggregatorSettings())
    states = [each.markets["A"] for each in outcomes if each.time_ns > T0]
    before, between, after = states[2], states[15], states[-1]
    assert (before.state, before.unknown) == ("warming", SCORE_NAMES)
    assert (between.state, between.unknown) == ("fresh", ("volume_spike",))
    assert after.unknown == ()


def test_recorded_scores_teach_what_they_are_followed_by_as_live_ones_do(
    files: dict[str, list[Path]],
) -> None:
    seen: list[float] = []

    class Watching:
        def evaluate_opportunities(self, view: View) -> list[Decision]:
            deciles = view.outcomes["A"].deciles("volume_spike", 5.0) if view.outcomes["A"].scores else []
            seen.append(sum(each.seen for each in deciles))
            return []

    list(replay_decisions(files, {"watching": Watching()}, AggregatorSettings()))
    assert seen == sorted(seen)
    assert ROWS / 10 - 20.0 < seen[-1] < ROWS / 10
