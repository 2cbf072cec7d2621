"""Decisions as trades: who is held, at which price, at what cost, and what may be said of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from signalnode.bus.wire import DecisionMessage, MarketState
from signalnode.research.trades import Trade, Trades
from signalnode.research.trading import StrategiesEvaluation, alone_of, judged, mean_of, quantile
from signalnode.research.trading_report import strategies_page, strategy_lines

SECOND = 10**9
START = 1_700_000_000 * SECOND


def state(mid: float, spread_bps: float | None = 2.0) -> MarketState:
    return MarketState(
        state="fresh", age_s=0.0, epoch=1, seq=1, mid=mid, warm=1.0, scores={}, spread_bps=spread_bps
    )


def decision(action: str, *markets: str, direction: str = "long") -> DecisionMessage:
    return DecisionMessage(
        v=1, strategy="s", epoch=1, seq=1, view_seq=1, time_published_ns=0, action=action,
        markets=list(markets), direction=direction, strength=90.0, reasons=[], scores={},
    )  # fmt: skip


def run(
    views: Iterable[tuple[dict[str, MarketState], list[DecisionMessage]]], hold_s: float = 2.0
) -> list[Trade]:
    trades = Trades(hold_s, fee_bps=1.0)
    return [
        each
        for second, (markets, decisions) in enumerate(views)
        for each in trades.take(START + second * SECOND, markets, decisions)
    ]


def test_a_decision_is_acted_on_at_the_next_view_and_pays_for_it() -> None:
    views = [
        ({"A": state(100.0)}, [decision("enter", "A")]),
        ({"A": state(101.0, 4.0)}, []),
        ({"A": state(102.0)}, [decision("exit", "A")]),
        ({"A": state(103.0)}, []),
    ]
    (trade,) = run(views)
    assert trade.move_bps == pytest.approx(1e4 * math.log(103.0 / 101.0))
    assert (trade.spread_bps, trade.fees_bps) == (3.0, 2.0)
    assert trade.net_bps == pytest.approx(trade.move_bps - 5.0)
    assert trade.exited_ns - trade.entered_ns == 2 * SECOND


def test_what_has_no_exit_is_held_for_its_time() -> None:
    mids = [100.0, 100.0, 99.0, 98.0, 97.0]
    views = [({"A": state(mid)}, [decision("strike", "A", direction="short")]) for mid in mids]
    trades = run(views)
    assert trades[0].move_bps == pytest.approx(1e4 * math.log(100.0 / 98.0))  # one held is not opened twice
    assert len(trades) == 1


def test_two_markets_are_bought_and_sold_against_each_other() -> None:
    both = {"A": state(100.0), "B": state(50.0)}
    moved = {"A": state(101.0), "B": state(51.0)}
    views = [(both, [decision("enter", "A", "B")]), (both, [decision("exit", "A", "B")]), (moved, [])]
    (trade,) = run(views)
    assert trade.move_bps == pytest.approx(1e4 * (math.log(1.01) - math.log(51.0 / 50.0)))
    assert (trade.spread_bps, trade.fees_bps) == (4.0, 4.0)


def test_of_a_table_the_first_is_held_until_another_is() -> None:
    markets = {"A": state(100.0), "B": state(50.0)}
    ranks = [["A", "B"], ["A"], ["B", "A"], []]
    trades = run([(markets, [decision("rank", *names)] if names else []) for names in ranks])
    assert [each.markets for each in trades] == [("A",)]


def test_a_turn_is_a_trade_and_the_other_way() -> None:
    markets = {"A": state(100.0, None)}
    views = [(markets, [decision("enter", "A", direction=side)]) for side in ("long", "short", "long")]
    trades = run([*views, (markets, [])])
    assert [each.direction for each in trades] == ["long", "short"]
    assert all(math.isnan(each.spread_bps) and each.net_bps == -2.0 for each in trades)


def test_what_has_no_price_is_not_traded() -> None:
    views = [({"A": state(0.0)}, [decision("enter", "A")]), ({"A": state(0.0)}, [decision("enter", "B")])]
    assert not run([*views, ({}, [])])


def lot(seed: int, count: int, mean_bps: float, every_s: int = 400) -> list[Trade]:
    nets = np.random.default_rng(seed).normal(mean_bps, 5.0, count).tolist()
    times = [START + place * every_s * SECOND for place in range(count)]
    return [
        Trade(("A",), "long", at, at + 10 * SECOND, net, 0.0, 0.0)
        for at, net in zip(times, nets, strict=True)
    ]


def test_chance_is_not_called_a_gain_and_a_gain_is() -> None:
    noise = [judged([("s", lot(seed, 200, 0.0), 0, 0)], 0.0)[0].verdict for seed in range(60)]
    assert noise.count("not shown") >= 54
    assert judged([("s", lot(1, 200, 2.0), 0, 0)], 0.0)[0].verdict == "shown"
    assert judged([("s", lot(1, 200, -2.0), 0, 0)], 0.0)[0].verdict == "loses"
    assert judged([("s", [], 1, 0)], 0.0)[0].verdict == "no trades"


def test_trades_of_one_moment_are_one_story() -> None:
    (few,) = judged([("s", lot(1, 200, 5.0, every_s=10), 0, 0)], 0.5)
    assert few.verdict == "not shown"
    assert few.whole.blocks < 20
    assert few.words.startswith(f"Too few to tell: its trades fall into {few.whole.blocks} independent")


def test_an_interval_is_students() -> None:
    assert quantile(7) == pytest.approx(2.365, abs=1e-3)  # the tables' t of 97.5%
    trades = lot(3, 40, 1.0)
    nets = np.array([each.net_bps for each in trades])
    mean = mean_of("A", trades)
    assert mean.high_bps - mean.net_bps == pytest.approx(2.0227 * nets.std(ddof=1) / math.sqrt(40), rel=1e-3)
    assert mean.won == pytest.approx(np.mean(nets > 0.0))


def test_markets_that_were_never_there_together_are_told_of() -> None:
    spans = {"A": (0, 10), "B": (10, 20), "C": (30, 40)}
    assert alone_of(spans) == ("C",)
    assert alone_of({"A": (0, 10)}) == alone_of({}) == ()
    assert alone_of({"A": (0, 10), "C": (30, 40)}) == ("A", "C")
    found = StrategiesEvaluation(tuple(spans), START, START + 10**13, 400, (), alone=alone_of(spans))
    said = "; C was recorded at another time, and never seen beside another"
    assert said in strategies_page(found)
    assert "\n".join(strategy_lines(found)).endswith(said)


def test_the_page_and_the_lines_say_the_same() -> None:
    strategies = judged([("sure", lot(1, 200, 2.0), 1, 0), ("idle", [], 0, 0)], 1.0)
    found = StrategiesEvaluation(("A",), START, START + 10**13, 400, strategies)
    page, lines = strategies_page(found), "\n".join(strategy_lines(found))
    for each in strategies:
        assert each.words in page
        assert each.words in lines
    assert "1 still open" in page
    assert "<script" not in page
