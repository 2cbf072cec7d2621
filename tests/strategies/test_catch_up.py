from __future__ import annotations

import pytest

from signalnode.bus.wire import Gap
from signalnode.strategies.base import Decision
from signalnode.strategies.catch_up import CatchUp
from tests.strategies.views import market, view


def asked(strategy: CatchUp, second: float, gap_bps: float | None, warm: float = 1.0) -> list[Decision]:
    gaps = {} if gap_bps is None else {"A": Gap(gap_bps=gap_bps, usual_bps=0.5)}
    return strategy.evaluate_opportunities(view(second, {"A": market(warm=warm), "B": market()}, gaps=gaps))


@pytest.mark.parametrize(("sign", "direction"), [(1.0, "long"), (-1.0, "short")])
def test_it_enters_towards_the_others_and_leaves_when_they_are_reached(sign: float, direction: str) -> None:
    strategy = CatchUp()
    assert asked(strategy, 0, sign * 1.4) == []
    (entered,) = asked(strategy, 1, sign * 2.0)
    assert (entered.action, entered.direction, entered.markets) == ("enter", direction, ("A",))
    assert "4.0 usual gaps of 3" in entered.reasons[0]
    assert asked(strategy, 2, sign * 2.5) == []
    (left,) = asked(strategy, 3, sign * 0.2)
    assert (left.action, left.direction) == ("exit", direction)
    assert "caught up to 0.20 bps" in left.reasons[0]


def test_what_has_not_been_caught_up_in_time_is_left() -> None:
    strategy = CatchUp(hold_s=5.0)
    asked(strategy, 0, 2.0)
    assert asked(strategy, 4.9, None) == []
    (left,) = asked(strategy, 5.0, 2.0)[:1]
    assert left.reasons == ("not caught up", "held 5.0 s")


def test_a_gap_that_costs_more_than_it_brings_or_a_market_not_warm_is_left_alone() -> None:
    assert asked(CatchUp(gap_min_bps=3.0), 0, 2.9) == []
    assert asked(CatchUp(), 0, 2.9, warm=0.4) == []
    assert asked(CatchUp(), 0, None) == []


def test_an_exit_above_the_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="put it below"):
        CatchUp(entry=1.0, exit=2.0)


def test_it_goes_on_holding_what_it_held() -> None:
    strategy, other = CatchUp(), CatchUp()
    asked(strategy, 0, 2.0)
    other.restore(strategy.state(), view(1, {}).time_ns)
    assert asked(other, 1, 2.5) == []
    (left,) = asked(other, 2, 0.0)
    assert left.action == "exit"
