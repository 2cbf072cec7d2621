"""A price that no market can have gone to is left out, by what this market does; a true gap costs one row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from signalnode.events import DEPTH, QUOTE, TRADE, Events
from signalnode.feeds import sieve
from tests.laws.made import Stretch, made_market

PRICES = ("bid", "ask", "price")
FACTORS = (9.0, 10.0, 2.0, 1.2, 0.8, 0.1)
MARKETS = {
    "calm": made_market(1, Stretch(seconds=600.0, events_per_s=1.0)),
    "busy": made_market(2, Stretch(seconds=20.0, events_per_s=50.0, sigma_bps=5.0)),
    "wide": made_market(3, Stretch(seconds=100.0, events_per_s=5.0, spread_ticks=20), price=1.0),
    "trades": made_market(4, Stretch(seconds=100.0, events_per_s=5.0, trades=1.0)),
}
EVERY_MARKET = pytest.mark.parametrize("name", MARKETS)


def sifted(events: Events, cuts: Sequence[int] = ()) -> npt.NDArray[np.uint8]:
    """What is wrong with each of the events, given to the sieve in one piece or cut at `cuts`."""
    state, codes = sieve.new_state(), np.zeros(len(events), np.uint8)
    for rows, found in zip(np.split(events.copy(), cuts), np.split(codes, cuts), strict=True):
        sieve.sift(rows, state, found)
    return codes


def jumps(events: Events) -> list[int]:
    """The places of the events that were left out for their price; nothing else may be wrong."""
    codes = sifted(events)
    assert set(codes.tolist()) <= {0, sieve.PRICE_JUMP}
    return np.flatnonzero(codes).tolist()


def times(events: Events, factor: float, since: int, until: int) -> Events:
    """The events with the prices of some of them × factor."""
    out = events.copy()
    for field in PRICES:
        out[field][since:until] *= factor
    return out


def a_priced_place(events: Events, since: int) -> int:
    return since + int(np.flatnonzero(events["kind"][since:] != DEPTH)[0])


@EVERY_MARKET
def test_a_market_as_it_is_has_no_jump(name: str) -> None:
    assert jumps(MARKETS[name]) == []


@EVERY_MARKET
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("since", [30, 100, 400])
def test_one_wild_price_costs_itself_alone(name: str, factor: float, since: int) -> None:
    place = a_priced_place(MARKETS[name], since)
    if name != "wide" or factor not in (0.8, 1.2):  # which is between its bid and its ask
        assert jumps(times(MARKETS[name], factor, place, place + 1)) == [place]


@pytest.mark.parametrize(("field", "factor"), [("ask", 9.0), ("ask", 1.2), ("bid", 0.1), ("bid", 0.8)])
def test_one_wild_side_of_a_quote_costs_itself_alone(field: str, factor: float) -> None:
    events = MARKETS["calm"].copy()
    place = int(np.flatnonzero(events["kind"] == QUOTE)[200])
    events[field][place] *= factor
    assert jumps(events) == [place]


def test_one_wild_spread_around_the_right_mid_costs_itself_alone() -> None:
    events = MARKETS["calm"].copy()
    place = int(np.flatnonzero(events["kind"] == QUOTE)[200])
    events["bid"][place] /= 3.0
    events["ask"][place] *= 3.0
    assert jumps(events) == [place]


@EVERY_MARKET
@pytest.mark.parametrize("factor", [9.0, 10.0, 0.1])
def test_among_the_first_rows_a_wild_price_is_left_out_and_a_large_move_is_not(
    name: str, factor: float
) -> None:
    place = a_priced_place(MARKETS[name], 3)
    assert jumps(times(MARKETS[name], factor, place, place + 1)) == [place]
    assert jumps(times(MARKETS[name], 1.2, place, place + 1)) == []


@EVERY_MARKET
@pytest.mark.parametrize("factor", [9.0, 10.0, 0.1])
def test_after_a_wild_first_price_one_row_is_lost(name: str, factor: float) -> None:
    events = MARKETS[name]
    first = a_priced_place(events, 0)
    second = a_priced_place(events, first + 1)
    found = jumps(times(events, factor, first, first + 1))
    assert found[0] == second
    assert len(found) <= 2, "a quote and a trade may each be the second"


@EVERY_MARKET
@pytest.mark.parametrize("factor", [1.1, 1.3, 0.9, 0.7, 10.0])
def test_a_true_gap_costs_one_row(name: str, factor: float) -> None:
    events = MARKETS[name].copy()
    place = a_priced_place(events, 250)
    events["time_received_ns"][place:] += 300 * 10**9
    assert jumps(times(events, factor, place, len(events))) == [place]


@EVERY_MARKET
@pytest.mark.parametrize("factor", [1.03, 0.97])
def test_a_gap_of_three_percent_costs_nothing(name: str, factor: float) -> None:
    assert jumps(times(MARKETS[name], factor, 250, len(MARKETS[name]))) == []


@pytest.mark.parametrize("kinds", [(TRADE, QUOTE), (QUOTE, TRADE), (TRADE, TRADE), (QUOTE, QUOTE)])
def test_a_quote_and_a_trade_are_witnesses_to_each_other(kinds: tuple[int, int]) -> None:
    events = MARKETS["calm"]
    quote, trade = (events[events["kind"] == kind][:1] for kind in (QUOTE, TRADE))
    before = np.concatenate([quote, trade] * 10)
    after = np.concatenate([quote if kind == QUOTE else trade for kind in kinds])
    both = np.concatenate([before, times(after, 1.3, 0, 2)])
    both["time_received_ns"] = events["time_received_ns"][0]
    assert jumps(both) == [20]


def test_trades_that_leave_a_stale_quote_behind_are_believed() -> None:
    trades = MARKETS["trades"][1:41]
    quote = MARKETS["calm"][MARKETS["calm"]["kind"] == QUOTE][:1].copy()
    quote["time_received_ns"] = trades["time_received_ns"][0]
    assert jumps(np.concatenate([quote, times(trades, 2.1, 0, 40)])) == [1]


def test_a_market_that_moves_far_sets_its_own_bound() -> None:
    events = MARKETS["trades"].copy()
    events["price"] *= np.where(np.arange(len(events)) % 3 == 0, 1.04, 1.0)  # every third trade by 4%
    assert jumps(events) == []
    assert jumps(times(events, 1.15, 400, 401)) == [], "no more than four of its moves"
    assert jumps(times(MARKETS["trades"], 1.15, 400, 401)) == [400]


@EVERY_MARKET
def test_what_is_left_out_depends_on_no_unit_and_not_on_up_or_down(name: str) -> None:
    place = a_priced_place(MARKETS[name], 100)
    events = times(times(MARKETS[name], 9.0, place, place + 1), 1.4, 300, len(MARKETS[name]))
    found = sifted(events)
    assert np.count_nonzero(found) == 2
    assert sifted(times(events, 3e-7, 0, len(events))).tolist() == found.tolist()
    mirrored = events.copy()
    for field, other in (("bid", "ask"), ("ask", "bid"), ("price", "price")):
        used = events[other] > 0.0
        mirrored[field][used] = 1e9 / events[other][used]
    assert sifted(mirrored).tolist() == found.tolist()


@EVERY_MARKET
def test_cut_anywhere_the_same_rows_are_left_out(name: str) -> None:
    events = times(times(MARKETS[name], 9.0, 100, 101), 1.4, 300, len(MARKETS[name]))
    whole = sifted(events).tolist()
    for cuts in ([100], [101], [300, 301, 302], list(range(90, 400, 7))):
        assert sifted(events, cuts).tolist() == whole
